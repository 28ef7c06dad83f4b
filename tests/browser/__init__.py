# SPDX-License-Identifier: Apache-2.0
"""Tests of the console in a real browser, over a real connection."""
