# SPDX-License-Identifier: Apache-2.0
"""Tests of the store; every test here runs against every engine."""
