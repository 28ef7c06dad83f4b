# SPDX-License-Identifier: Apache-2.0
"""Tests of how devices come, renew, go on for others, and go."""
