# SPDX-License-Identifier: Apache-2.0
"""Tests of the contract, a module each, and the vectors that every later version verifies."""
