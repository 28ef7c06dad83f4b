# SPDX-License-Identifier: Apache-2.0
"""Measurements: `python -m tests.bench [--quick] [--format json]`. Medians, spread, run counts, and a ratio to
something measured in the same run, because machines are shared and noisy. Nothing here passes or fails.

Tables of their own are printed by `python -m tests.bench.disguises` (which disguises of a program are seen through),
`tests.bench.likeness` (how alike programs are) and `tests.bench.ordinary` (ordinary text that is no flag)."""
