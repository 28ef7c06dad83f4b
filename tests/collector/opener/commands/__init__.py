# SPDX-License-Identifier: Apache-2.0
"""Tests of the opener's verbs, each run as a program of its own."""
