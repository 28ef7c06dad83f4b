# SPDX-License-Identifier: Apache-2.0
"""Tests of the rules: reading, matching, signing, and the packs that come with the product."""
