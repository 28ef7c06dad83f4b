# SPDX-License-Identifier: Apache-2.0
"""Attacks and broken networks: each shows what it reaches and what it does not. SECURITY.md lists them."""
