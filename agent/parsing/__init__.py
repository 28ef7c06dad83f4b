# SPDX-License-Identifier: Apache-2.0
"""Reads what users can write (archives, executables, settings, extensions) in a child without rights and with limits.

`interface` is the contract, `launch` starts the child, `process` is the child, `parsers` has a module for each format.
"""
