# SPDX-License-Identifier: Apache-2.0
"""Measurements: `python -m tests.bench [--quick] [--format json]`. Medians, spread, run counts, and a ratio to
something measured in the same run, because machines are shared and noisy. Nothing here passes or fails."""
