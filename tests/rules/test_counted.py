# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.counted: when what was seen is an incident."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.counted import Seen, Verdict, find_fulfilled, find_look_back_s, is_immediate, is_of_school, judge
from rules.model import Escalation, Rule
from tests.rules.sample import make_rule

S = 10**9
HOUR_S, DAY_S = 3600, 86_400
SEEN = st.lists(st.builds(Seen, st.integers(0, 40).map(lambda s: s * S), st.sampled_from("abc")), min_size=1)


def rule_with(**counting) -> Rule:
    """Return a rule that is counted so."""
    return replace(make_rule(), **counting)


def seen_at(*seconds: int, device: str = "a") -> list[Seen]:
    return [Seen(each * S, device) for each in seconds]


def test_a_plain_rule_is_an_incident_each_time():
    """Nobody need remember anything for it."""
    assert is_immediate(make_rule())
    assert judge(make_rule(), seen_at(5)) == Verdict(5 * S, 3)
    assert find_look_back_s(make_rule()) == 0


@pytest.mark.parametrize(
    "counting",
    [
        {"threshold": 2},
        {"least_devices": 2},
        {"grace_s": 60},
        {"escalations": (Escalation(after=2, within_s=60, severity=4),)},
    ],
    ids=lambda counting: next(iter(counting)),
)
def test_what_counts_is_remembered(counting):
    """A rule with any of these is no incident by itself, or not always the same one."""
    assert not is_immediate(rule_with(**counting))


@pytest.mark.parametrize(
    ("seconds", "due"), [((0, 10), None), ((0, 10, 60), 60), ((0, 10, 61), None), ((0, 10, 61, 65), 65)], ids=str
)
def test_a_threshold_is_reached_within_its_window(seconds, due):
    """Three within a minute, both ends included; older ones count no more."""
    verdict = judge(rule_with(threshold=3, window_s=60), seen_at(*seconds))
    assert verdict.due_at_ns == (None if due is None else due * S)


def test_several_devices_are_an_incident_of_the_school():
    """The same machine again and again is still one device."""
    rule = rule_with(least_devices=2, window_s=HOUR_S)
    assert is_of_school(rule)
    assert judge(rule, seen_at(0, 5, 10)).due_at_ns is None
    assert judge(rule, [*seen_at(0, 5), *seen_at(7, device="b")]).due_at_ns == 7 * S


def test_a_device_counts_once_it_has_reached_the_threshold():
    """With both, each device must have seen it so often."""
    rule = rule_with(threshold=2, least_devices=2, window_s=HOUR_S)
    assert judge(rule, [*seen_at(0, 5), *seen_at(7, device="b")]).due_at_ns is None
    assert judge(rule, [*seen_at(0, 5), *seen_at(7, 9, device="b")]).due_at_ns == 9 * S


def test_a_grace_begins_with_the_first_time():
    """What fails each day is due when the grace of the first day is over, and counts at once from then on."""
    rule = rule_with(grace_s=3 * DAY_S)
    days = [seen_at(*(day * DAY_S for day in range(count))) for count in (1, 2, 4, 5)]
    assert [judge(rule, seen).due_at_ns for seen in days] == [each * DAY_S * S for each in (3, 3, 3, 4)]


def test_a_grace_begins_anew_after_a_long_silence():
    """What came long before became an incident then, or was cleared."""
    seen = seen_at(0, 10 * DAY_S)
    assert judge(rule_with(grace_s=3 * DAY_S), seen).due_at_ns == 13 * DAY_S * S


def test_what_is_cleared_is_taken_out_by_the_caller():
    """Of three devices one was put right, and two that are left are too few."""
    rule = rule_with(least_devices=3, window_s=HOUR_S, grace_s=HOUR_S)
    seen = [*seen_at(0), *seen_at(1, device="b"), *seen_at(2, device="c")]
    assert judge(rule, seen).due_at_ns == (2 + HOUR_S) * S
    assert judge(rule, [each for each in seen if each.device != "a"]).due_at_ns is None


def test_what_comes_again_and_again_is_more_severe():
    """The worst step that was reached counts, and what is too long ago does not."""
    steps = (
        Escalation(after=2, within_s=DAY_S, severity=4),
        Escalation(after=3, within_s=HOUR_S, severity=5),
    )
    rule = rule_with(escalations=steps)
    assert find_look_back_s(rule) == DAY_S
    cases = [(0,), (0, 2 * HOUR_S), (0, 2 * HOUR_S, 2 * HOUR_S + 5), (0, 5, 10), (0, DAY_S + 1)]
    assert [judge(rule, seen_at(*case)).severity for case in cases] == [3, 4, 4, 5, 3]


def test_only_what_reached_the_threshold_makes_it_worse():
    """Single failures in between are no repetition of an incident."""
    rule = rule_with(threshold=2, window_s=10, escalations=(Escalation(after=2, within_s=DAY_S, severity=5),))
    assert judge(rule, seen_at(0, 5, 100, 200, 300)).due_at_ns is None
    assert judge(rule, seen_at(0, 5, 100, 200)).severity == 3
    assert judge(rule, seen_at(0, 5, 100, 200, 205)).severity == 5


@settings(deadline=None)
@given(SEEN, st.integers(1, 4), st.integers(1, 3), st.integers(0, 20))
def test_the_sliding_window_finds_what_its_definition_says(seen, threshold, least_devices, window_s):
    """At each time: on so many devices, so many of those not older than the window."""
    ordered = sorted(seen)
    expected = []
    for number, newest in enumerate(ordered):
        recent = [each for each in ordered[: number + 1] if newest.at_ns - each.at_ns <= window_s * S]
        counts = [sum(each.device == device for each in recent) for device in "abc"]
        if sum(count >= threshold for count in counts) >= least_devices:
            expected.append(newest.at_ns)
    rule = rule_with(threshold=threshold, least_devices=least_devices, window_s=window_s)
    assert find_fulfilled(rule, ordered) == expected


@settings(deadline=None)
@given(SEEN, st.integers(0, 20), st.integers(0, 20))
def test_a_verdict_needs_no_older_ones(seen, window_s, grace_s):
    """What `find_look_back_s` leaves out changes nothing."""
    rule = rule_with(threshold=2, window_s=window_s, grace_s=grace_s)
    newest_ns = max(each.at_ns for each in seen)
    recent = [each for each in seen if newest_ns - each.at_ns <= find_look_back_s(rule) * S]
    assert judge(rule, recent) == judge(rule, seen)
