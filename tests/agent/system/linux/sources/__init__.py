# SPDX-License-Identifier: Apache-2.0
"""Tests of the sources of installed software, on trees that look like small machines with hostile users."""
