# SPDX-License-Identifier: Apache-2.0
"""The policy of a school: what a rule is, how rule files are read, what matches, and the signed bundle.

Pure: it reads rule files and does no other I/O. `model` says what a policy is, `load` reads one, `evaluate` applies
it on the device and at the collector alike, `bundle` signs it, `check` proves it before it goes live.
"""
