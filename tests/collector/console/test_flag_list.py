# SPDX-License-Identifier: Apache-2.0
"""Tests of what of the flags a page shows, and in which order."""

from typing import Any

import pytest

from collector.console.flag_list import (
    DRILLS_SHOWN_FOR_NS,
    Filter,
    group_by_tier,
    is_late,
    leave_out_old,
    name_place,
    read_filter,
    show_age,
)
from collector.flags import Flag, FlagState, Wanted
from proto.events import Tier
from rules.route import Route
from tests.collector.school import MINUTE_NS, SECOND_NS, START_NS

SAM = b"s" * 16


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


def test_most_urgent_first_and_in_each_the_order_stays() -> None:
    """A call stands above everything that came after it, and tiers without a flag are left out."""
    by_tier = group_by_tier([make_flag(4, Tier.REVIEW), make_flag(3), make_flag(2), make_flag(1, Tier.CALL)])
    assert [(tier, [flag.number for flag in flags]) for tier, flags in by_tier.items()] == [
        (Tier.CALL, [1]),
        (Tier.ALERT, [3, 2]),
        (Tier.REVIEW, [4]),
    ]


def test_drills_leave_the_list_of_what_waits() -> None:
    """Nobody decides a drill, so that it goes by itself; under `all` it is found for ever."""
    old = START_NS - DRILLS_SHOWN_FOR_NS
    drills = [make_flag(2, drill=True), make_flag(1, drill=True, received_at_ns=old)]
    assert [flag.number for flag in leave_out_old(drills, Filter(), START_NS)] == [2]
    assert leave_out_old(drills, Filter(state="all"), START_NS) == drills


def test_filter_says_which_flags_to_ask_for() -> None:
    """Drills are asked for apart, and not at all with one tier or one account."""
    waiting = FlagState.NEW, FlagState.READ
    assert Filter().wanted == Wanted(states=waiting, drill=False)
    assert Filter().wanted_drills == Wanted(states=waiting, drill=True)
    chosen = Filter(state="all", tier="call", account=SAM.hex())
    assert chosen.wanted == Wanted(tier=Tier.CALL, subject_ref=SAM, drill=False)
    assert chosen.wanted_drills is None


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"state": "x", "tier": "5", "account": "zz", "before": "-1"},
        {"before": "call-²"},
        {"before": "call-" + "9" * 19},
    ],
)
def test_what_an_address_says_that_means_nothing_is_left_out(asked: dict[str, str]) -> None:
    """Whoever edits the address sees the list as it is without."""
    assert read_filter(asked).is_plain


def test_address_says_the_filter_and_nothing_empty() -> None:
    """A filter can be read back from its address."""
    chosen = read_filter({"state": "all", "tier": "call", "account": SAM.hex(), "before": "alert-7"})
    assert chosen.address() == f"/flags?state=all&tier=call&account={SAM.hex()}&before=alert-7"
    assert chosen.address("/flags/rows", seen="1", account="", before="") == "/flags/rows?state=all&tier=call&seen=1"
    assert chosen.last_seen == (Tier.ALERT, 7)
    assert read_filter({"before": name_place(make_flag(7))}).last_seen == chosen.last_seen
    assert chosen.states is None
    assert Filter().states == (FlagState.NEW, FlagState.READ)


def test_age_and_lateness() -> None:
    """A page that is made anew each minute says nothing finer; what was written long before it came is late."""
    assert show_age(START_NS, START_NS + 59 * SECOND_NS) == "less than a minute"
    assert show_age(START_NS, START_NS + 12 * MINUTE_NS) == "12 minutes"
    assert show_age(START_NS, START_NS - MINUTE_NS) == "less than a minute"
    assert is_late(make_flag(1, received_at_ns=START_NS + 11 * MINUTE_NS))
    assert not is_late(make_flag(1))
