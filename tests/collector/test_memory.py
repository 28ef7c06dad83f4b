# SPDX-License-Identifier: Apache-2.0
"""Tests of what is remembered of fits, without a database: threshold, devices, grace, clearing, escalation, limits."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import memory as memory_module
from collector.counting import MORE_OF_THE_SAME, Sighting
from collector.memory import Cleared, Fit, Memory
from proto.events import Audience
from rules.model import Escalation, Rule
from tests.collector.policies import rule_of

MINUTE_NS = 60 * 10**9
A, B, C = ("a" * 16, "b" * 16, "c" * 16)


def fit(rule: Rule, at_min: float, device_id: str = A, what: str = "program/tor") -> Fit:
    """Return that a rule fitted at a minute."""
    at_ns = int(at_min * MINUTE_NS)
    sighting = Sighting(
        rule=rule.id,
        rule_title=rule.title,
        audience=Audience.SECURITY,
        severity=rule.severity,
        action_class="unacceptable",
        device_id=device_id,
        subject=f"device/{device_id}/{what}",
        group_key=what,
        summary="Tor was started",
        clauses=("BX-07",),
        event_id=at_ns // 10**9,
    )
    return Fit(rule, sighting, at_ns)


def cleared(rule: Rule, device_id: str = A, what: str = "program/tor") -> Cleared:
    """Return that something ended what a rule waits for."""
    return Cleared(rule.id, device_id, what)


def counts(memory: Memory, rule: Rule, minutes: list[float], device_id: str = A) -> list[int]:
    """Let a rule fit at some minutes, one by one, and return how many sightings came of each."""
    return [len(memory.take([fit(rule, each, device_id)])) for each in minutes]


def due_of(memory: Memory, rule: Rule, at_min: float) -> list[Sighting]:
    """Return what became an incident because its grace ended."""
    now_ns = int(at_min * MINUTE_NS)
    things = [
        thing
        for thing, rows in memory.things.items()
        if any(each.due_at_ns is not None and each.due_at_ns <= now_ns for each in rows)
    ]
    return [sighting for thing in things for sighting in memory.mature(rule, thing, now_ns)]


# Threshold


def test_the_last_of_a_threshold_tells_of_all() -> None:
    """Two are nothing, the third tells three, and what follows within the window is told one by one."""
    rule = rule_of(threshold=3, window_s=15 * 60)
    assert counts(Memory(), rule, [0, 5, 10, 12]) == [0, 0, 3, 1]


def test_what_is_spread_over_more_than_the_window_is_nothing() -> None:
    """However often it comes, and also after there was an incident."""
    rule = rule_of(threshold=3, window_s=15 * 60)
    assert counts(Memory(), rule, [0, 10, 20, 30]) == [0, 0, 0, 0]
    assert counts(Memory(), rule, [0, 1, 2, 60, 61, 62]) == [0, 0, 3, 0, 0, 3]


def test_other_devices_and_other_things_do_not_count() -> None:
    """A threshold is reached by one thing on one device."""
    rule = rule_of(threshold=2, window_s=900)
    memory = Memory()
    seen = [fit(rule, 0), fit(rule, 1, B), fit(rule, 2, what="program/other")]
    assert memory.take(seen) == []
    assert {each.subject for each in memory.take([fit(rule, 3)])} == {f"device/{A}/program/tor"}


def test_one_commit_is_like_many() -> None:
    """What comes together is told once, all of it."""
    rule = rule_of(threshold=3, window_s=900)
    told = Memory().take([fit(rule, each / 100) for each in range(5)])
    assert [each.event_id for each in told] == [0, 0, 1, 1, 2]


@given(
    rule=st.sampled_from(
        [
            rule_of(threshold=2, window_s=180),
            rule_of(least_devices=2, window_s=120),
            rule_of(grace_s=90),
            rule_of(threshold=2, window_s=300, grace_s=150),
            rule_of(escalations=(Escalation(after=3, within_s=600, severity=5),)),
        ]
    ),
    ticks=st.lists(st.lists(st.sampled_from([(True, A), (True, B), (False, A), (False, B)]), max_size=5), max_size=8),
)
def test_how_it_is_cut_into_commits_does_not_matter(rule: Rule, ticks: list[list[tuple[bool, str]]]) -> None:
    """What came at one moment tells the same events of the same things, all together or one by one."""
    together, apart = Memory(), Memory()
    for minute, tick in enumerate(ticks):
        for memory in (together, apart):
            due_of(memory, rule, minute)
        observed = [fit(rule, minute, device) if fits else cleared(rule, device) for fits, device in tick]
        first = together.take(observed)
        second = [sighting for each in observed for sighting in apart.take([each])]
        assert Counter(map(place_of, first)) == Counter(map(place_of, second))
        assert {thing: len(rows) for thing, rows in together.things.items() if rows} == {
            thing: len(rows) for thing, rows in apart.things.items() if rows
        }


def place_of(sighting: Sighting) -> tuple[str, int]:
    """Return what a sighting is about and the event behind it."""
    return sighting.subject, sighting.event_id


# Devices


def test_several_devices_are_one_incident_of_the_school() -> None:
    """It stands at the newest device and says on how many; one that comes again counts in it."""
    rule = rule_of(least_devices=3, window_s=3600)
    memory = Memory()
    assert memory.take([fit(rule, 0, A), fit(rule, 1, A), fit(rule, 2, B)]) == []
    told = memory.take([fit(rule, 3, C)])
    assert {(each.subject, each.device_id) for each in told} == {("school/program/tor", C)}
    assert (len(told), told[-1].summary) == (4, "On 3 devices: Tor was started")
    (again,) = memory.take([fit(rule, 4, B)])
    assert (again.subject, again.device_id) == ("school/program/tor", B)


def test_one_noisy_device_does_not_push_out_the_others() -> None:
    """What is remembered is bounded for each device, so that it cannot hide that there are three."""
    rule = rule_of(least_devices=3, window_s=3600)
    memory = Memory()
    assert memory.take([fit(rule, 0, B)]) == []
    assert counts(memory, rule, [1 + each / 100 for each in range(500)]) == [0] * 500
    assert len(memory.things["tor", "school/program/tor"]) < 100
    assert memory.take([fit(rule, 7, C)]) != []


# Grace


def test_grace_that_nothing_ends_is_an_incident() -> None:
    """It is due when it began, not when it was last seen, and is told once."""
    rule = rule_of(grace_s=60 * 60)
    memory = Memory()
    assert counts(memory, rule, [0, 30, 59]) == [0, 0, 0]
    assert due_of(memory, rule, 59.5) == []
    assert len(due_of(memory, rule, 60)) == 3
    assert due_of(memory, rule, 200) == []


@pytest.mark.parametrize(
    ("what", "is_ended"),
    [("program/tor", True), ("program/other", False), ("posture/antivirus", True), ("tor", True)],
)
def test_grace_ends_by_what_is_about_the_same_thing(what: str, is_ended: bool) -> None:
    """What is about another program ends nothing; what cannot be compared ends all that the rule waits for there."""
    rule = rule_of(grace_s=3600)
    memory = Memory()
    memory.take([fit(rule, 0), cleared(rule, what=what)])
    assert (due_of(memory, rule, 61) == []) is is_ended


def test_what_comes_again_after_it_was_cleared_waits_anew() -> None:
    """In the same commit, too: the order of events is kept."""
    rule = rule_of(grace_s=3600)
    memory = Memory()
    memory.take([fit(rule, 0), cleared(rule), fit(rule, 10)])
    assert due_of(memory, rule, 61) == []
    assert [each.event_id for each in due_of(memory, rule, 70)] == [600]


def test_what_ends_on_one_device_waits_on_the_other() -> None:
    """And a rule that is gone when its grace ends tells nothing any more."""
    rule = rule_of(grace_s=3600)
    memory = Memory()
    memory.take([fit(rule, 0, A), fit(rule, 0, B), cleared(rule, A)])
    assert [each.device_id for each in due_of(memory, rule, 60)] == [B]
    memory.take([fit(rule, 100, A)])
    thing = (rule.id, f"device/{A}/program/tor")
    assert memory.mature(None, thing, 200 * MINUTE_NS) == []
    assert due_of(memory, rule, 200) == []


def test_flood_does_not_put_off_what_waits() -> None:
    """The first of what waits is never let go for newer ones."""
    rule = rule_of(grace_s=24 * 3600)
    memory = Memory()
    assert counts(memory, rule, [float(each) for each in range(1000)]) == [0] * 1000
    assert len(due_of(memory, rule, 24 * 60)) > 1


def test_late_look_tells_each_time_once() -> None:
    """When nobody looked for long, what waited at two times is told with its rule, and nothing is due for ever."""
    rule = rule_of(grace_s=60 * 60)
    memory = Memory()
    assert counts(memory, rule, [0, 300]) == [0, 0]
    assert len(due_of(memory, rule, 10_000)) == 2
    assert due_of(memory, rule, 20_000) == []


# Escalation


def test_it_gets_worse_by_coming_again() -> None:
    """From the third time within the week on; after a quiet week it is as at first."""
    rule = rule_of(escalations=(Escalation(after=3, within_s=7 * 86_400, severity=4),))
    memory = Memory()
    severities = [memory.take([fit(rule, each)])[0].severity for each in (0, 10, 20, 30, 20_000)]
    assert severities == [2, 2, 4, 4, 2]


def test_what_was_cleared_still_counts_as_a_time_that_it_came() -> None:
    """A grace that began anew does not make the third incident the first."""
    rule = rule_of(grace_s=60, escalations=(Escalation(after=3, within_s=86_400, severity=5),))
    memory = Memory()
    severities = []
    for start in (0, 100, 200):
        memory.take([fit(rule, start)])
        severities += [each.severity for each in due_of(memory, rule, start + 1)]
        memory.take([cleared(rule)])
    assert severities == [2, 2, 5]


# Limits


def test_made_up_things_beyond_the_limit_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device cannot fill the table with names, nor hide one among them: they count as more of the same."""
    monkeypatch.setattr(memory_module, "MAX_HELD_OF_A_RULE", 3)
    rule = rule_of(threshold=2, window_s=900)
    memory = Memory()
    told = memory.take([fit(rule, 0, what=f"program/{number}") for number in range(5)])
    assert [each.summary for each in told] == [MORE_OF_THE_SAME] * 2
    assert memory.take([fit(rule, 1, what="program/0")]) != []
    assert memory.take([fit(rule, 1, B)]) == []
