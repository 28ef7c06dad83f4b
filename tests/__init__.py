# SPDX-License-Identifier: Apache-2.0
"""The tests: a mirror of every module, `scenarios/` named by story, and what they share."""
