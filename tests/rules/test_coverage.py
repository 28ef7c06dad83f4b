# SPDX-License-Identifier: Apache-2.0
"""Tests of what becomes of a pack's coverage at a school that switched a rule off."""

from dataclasses import replace

from rules.coverage import Extent, hold_against
from rules.load import load_coverage, load_pack, parse_files


def test_clause_without_one_of_its_rules_counts_as_not_yet() -> None:
    """It names the rule that is off; the other rows stay as they are."""
    rows, shipped = load_coverage("bexton"), parse_files(load_pack("bexton"))
    gone = "usb-unprotected-written"
    in_force = replace(shipped, rules=tuple(rule for rule in shipped.rules if rule.id != gone))
    assert hold_against(rows, shipped, shipped) == rows
    for before, after in zip(rows, hold_against(rows, shipped, in_force), strict=True):
        if gone in before.by:
            assert after == replace(before, extent=Extent.NOT_YET, switched_off=(gone,))
        else:
            assert after == before
    assert any(gone in row.by for row in rows)
