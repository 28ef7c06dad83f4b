# SPDX-License-Identifier: Apache-2.0
"""Tests of the watcher. `desktop` makes the display that those marked `desktop` type on."""
