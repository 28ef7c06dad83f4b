# SPDX-License-Identifier: Apache-2.0
"""Tests of the console, without a browser and without a network."""
