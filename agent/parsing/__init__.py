# SPDX-License-Identifier: Apache-2.0
"""Reads what users can write (archives, executables, settings, extensions) in a child without rights and with limits.

`interface` is the contract. The service's side is `launch`, which keeps one `child` at a time; the child's side is
`process`, behind the walls of `jail` and `filter`; `channel` is what the two say. `parsers` has a module for each
format.
"""
