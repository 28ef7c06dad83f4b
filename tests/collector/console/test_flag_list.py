# SPDX-License-Identifier: Apache-2.0
"""Tests of what of the flags a page shows, and in which order."""

from typing import Any

import pytest

from collector.console.flag_list import DRILLS_SHOWN_FOR_NS, Filter, is_late, read_filter, show_age, sort_flags
from collector.flags import Flag, FlagState
from proto.events import Tier
from rules.route import Route
from tests.collector.school import MINUTE_NS, SECOND_NS, START_NS

SAM, ALEX, NOBODY = b"s" * 16, b"a" * 16, bytes(16)


def make_flag(number: int, tier: Tier = Tier.ALERT, **fields: Any) -> Flag:
    """Return a flag; later ones have larger numbers."""
    values: dict[str, Any] = {
        "device_id": "d" * 16,
        "hostname": "pc-1",
        "route": Route.DSL,
        "drill": False,
        "subject_ref": SAM,
        "recipients_version": 1,
        "device_time_ns": START_NS,
        "received_at_ns": START_NS,
        "state": FlagState.NEW,
        "verdict": "",
        "category": "",
        "action": "",
        "decided_by": "",
        "decided_at_ns": None,
        **fields,
    }
    return Flag(id=f"{number:016x}", number=number, tier=tier, **values)


def test_most_urgent_first_and_in_each_the_newest_first() -> None:
    """A call stands above everything that came after it."""
    found = [make_flag(4, Tier.REVIEW), make_flag(3), make_flag(2), make_flag(1, Tier.CALL)]
    shown = sort_flags(found, Filter(), START_NS)
    assert [(tier, [flag.number for flag in flags]) for tier, flags in shown.by_tier.items()] == [
        (Tier.CALL, [1]),
        (Tier.ALERT, [3, 2]),
        (Tier.REVIEW, [4]),
    ]


def test_drills_stand_apart_are_never_counted_and_leave_the_list_of_what_waits() -> None:
    """A drill is in no tier, adds to no account, and is found under `all` for ever."""
    old = START_NS - DRILLS_SHOWN_FOR_NS
    found = [make_flag(2, Tier.CALL, drill=True), make_flag(1, Tier.CALL, drill=True, received_at_ns=old)]
    shown = sort_flags(found, Filter(), START_NS)
    assert (shown.by_tier, [flag.number for flag in shown.drills], shown.same[SAM]) == ({}, [2], 0)
    assert len(sort_flags(found, Filter(state="all"), START_NS).drills) == 2


def test_flags_of_one_account_are_counted_together_but_not_those_of_nobody_known() -> None:
    """What a device could not send has no account, so that it is nobody's second flag."""
    found = [make_flag(number, subject_ref=ref) for number, ref in enumerate((SAM, ALEX, SAM, NOBODY, NOBODY))]
    shown = sort_flags(found, Filter(account=SAM.hex()), START_NS)
    assert (shown.same[SAM], shown.same[ALEX], shown.same[NOBODY]) == (2, 1, 0)
    assert [flag.number for flag in shown.by_tier[Tier.ALERT]] == [2, 0]


@pytest.mark.parametrize(
    "asked",
    [{}, {"state": "x", "tier": "5", "account": "zz", "before": "-1"}, {"before": "²"}, {"before": "9" * 19}],
)
def test_what_an_address_says_that_means_nothing_is_left_out(asked: dict[str, str]) -> None:
    """Whoever edits the address sees the list as it is without."""
    assert read_filter(asked).is_plain


def test_address_says_the_filter_and_nothing_empty() -> None:
    """A filter can be read back from its address."""
    chosen = read_filter({"state": "all", "tier": "call", "account": SAM.hex(), "before": "7"})
    assert chosen.address() == f"/flags?state=all&tier=call&account={SAM.hex()}&before=7"
    assert chosen.address("/flags/rows", seen="1", account="", before="") == "/flags/rows?state=all&tier=call&seen=1"
    assert chosen.states == (None,)
    assert Filter().states == (FlagState.NEW, FlagState.READ)


def test_age_and_lateness() -> None:
    """A page that is made anew each minute says nothing finer; what was written long before it came is late."""
    assert show_age(START_NS, START_NS + 59 * SECOND_NS) == "less than a minute"
    assert show_age(START_NS, START_NS + 12 * MINUTE_NS) == "12 minutes"
    assert show_age(START_NS, START_NS - MINUTE_NS) == "less than a minute"
    assert is_late(make_flag(1, received_at_ns=START_NS + 11 * MINUTE_NS))
    assert not is_late(make_flag(1))
