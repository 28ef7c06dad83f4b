# SPDX-License-Identifier: Apache-2.0
"""Tests of the school’s own list of its machines."""
