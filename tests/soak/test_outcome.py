# SPDX-License-Identifier: Apache-2.0
"""Tests of the table of a soak: what it shows and how it ends."""

import json

import pytest

from tests.soak.outcome import COLUMNS, Outcome, to_code, to_json, to_text

GOOD = Outcome("kills", tried=3, produced=10, acknowledged=10, seen="all well")


@pytest.mark.parametrize("fault", ["lost", "duplicated", "forged_accepted"])
def test_one_event_amiss_fails_the_soak(fault: str) -> None:
    """Whatever was lost, doubled or forged ends it with 1, also beside a fault that could not be tried."""
    bad = Outcome("network", tried=1)
    setattr(bad, fault, 1)
    assert to_code([GOOD]) == 0
    assert to_code([GOOD, bad, Outcome("cuts", missing="strace")]) == 1


def test_problem_fails_the_soak_and_is_told() -> None:
    """Evidence that does not verify is no success because the numbers are right."""
    bad = Outcome("kills", tried=1, problems=["device 1: events 4 to 9 are missing"])
    assert to_code([bad]) == 1
    assert "kills: device 1: events 4 to 9 are missing" in to_text([bad])


def test_what_could_not_be_tried_is_no_success() -> None:
    """It is named with what it needs, without numbers, and the soak ends with 3."""
    text = to_text([GOOD, Outcome("cuts", missing="strace (apt install strace)")])
    assert "not tried: needs strace (apt install strace)" in text
    assert text.splitlines()[2].split()[:3] == ["cuts", "-", "-"]
    assert to_code([GOOD, Outcome("cuts", missing="strace")]) == 3


def test_table_has_the_columns_that_were_promised() -> None:
    """In this order, and the same numbers as JSON."""
    heading = to_text([GOOD]).splitlines()[0]
    places = [heading.index(name) for name in COLUMNS.values()]
    assert places == sorted(places)
    assert json.loads(to_json([GOOD]))[0]["acknowledged"] == 10
