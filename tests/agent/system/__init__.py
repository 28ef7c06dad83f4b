# SPDX-License-Identifier: Apache-2.0
"""Tests of the answers about the machine, on this machine and on trees that a test makes."""
