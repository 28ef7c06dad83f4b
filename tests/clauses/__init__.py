# SPDX-License-Identifier: Apache-2.0
"""The five policies, clause by clause: that each is carried out, and that the proof fails without what carries it."""
