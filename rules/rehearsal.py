# SPDX-License-Identifier: Apache-2.0
"""Runs one test of a rule on a clock of its own: the same `Evaluator` that devices use, the same counting as the
collector's, and nobody waits.

A test says one event, when it happens, before whom, how often, and on how many devices. `match` means that an incident
comes of it: at once, or once nothing has cleared it for the rule's grace. Of an event that does not fit the rule but
could clear it, the rule is taken to have fitted before: silent means that it clears.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from rules.arrangements import Arrangements, DeviceGroup, Timetable
from rules.counted import Seen, find_fulfilled, is_of_school
from rules.evaluate import Evaluator
from rules.fields import to_event
from rules.model import Expectation, Match, Policy, Rule, RuleTest
from rules.moment import UNKNOWN, Moment
from rules.timetable import Calendar

_NS = 10**9


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a test."""

    matches: tuple[Match, ...]
    """The first fit that counted."""
    is_incident: bool
    clears: bool


def find_fault(rule: Rule, test: RuleTest, arrangements: Arrangements) -> str | None:
    """Run a test of a rule, and return what went another way than it expects, or None.

    Of what the school arranges, its timetable and its profiles hold. Exceptions and pauses do not: a test that holds
    today holds while one of these is in force.

    Raises:
        TimeZoneError: this machine does not know the timetable's zone.
    """
    evaluator = _to_evaluator(rule, test, arrangements)
    kind = str(test.event["kind"])
    event = to_event(kind, {field: value for field, value in test.event.items() if field != "kind"})
    outcome = _rehearse(rule, test, evaluator, event)
    if outcome.matches and outcome.clears:
        return "the event fits the rule and clears it at the same time"
    if test.expect is Expectation.MATCH and not outcome.is_incident:
        return f"the rule should match and is silent{_say_why(evaluator, event, outcome)}"
    if test.expect is Expectation.SILENT and outcome.is_incident:
        (match, *_) = outcome.matches or (Match(rule),)
        fitted = f" ({match.program} by {match.matched_by})" if match.program else ""
        return f"the rule should be silent and matches{fitted}"
    return None


def _rehearse(rule: Rule, test: RuleTest, evaluator: Evaluator, event: object) -> _Outcome:
    kind = str(test.event["kind"])
    clears = bool(evaluator.clears(kind, event))
    if kind not in rule.kinds and rule.cleared and kind in rule.cleared.kinds:
        return _Outcome((), not clears, clears)
    first: tuple[Match, ...] = ()
    start_ns = _find_start_ns(test, evaluator.policy.arrangements.timetable)
    seen: dict[str, list[Seen]] = defaultdict(list)
    devices = _list_devices(test)
    for number in range(max(test.times, test.on_devices)):
        after_ns, device = number * test.every_s * _NS, devices[number % len(devices)]
        moment = _to_moment(test, start_ns + after_ns if start_ns else 0, device)
        if matches := evaluator.match(kind, event, moment):
            first = first or matches
            seen["" if is_of_school(rule) else device].append(Seen(after_ns, device))
    return _Outcome(first, any(find_fulfilled(rule, each) for each in seen.values()), clears)


def _to_evaluator(rule: Rule, test: RuleTest, arrangements: Arrangements) -> Evaluator:
    """Return what judges by this rule alone. Devices are in the groups that the test names, and in no other."""
    groups = tuple(
        DeviceGroup(name=name, devices=frozenset(_list_devices(test) if name in test.who.get("devices", ()) else ()))
        for name in {*rule.who.devices, *rule.who.except_devices}
    )
    return Evaluator(
        Policy(
            pack="",
            title="",
            rules=(rule,),
            approved=frozenset(test.approved),
            arrangements=Arrangements(
                timetable=arrangements.timetable, profiles=arrangements.profiles, device_groups=groups
            ),
        )
    )


def _list_devices(test: RuleTest) -> list[str]:
    return [f"device-{number}" for number in range(1, test.on_devices + 1)]


def _find_start_ns(test: RuleTest, timetable: Timetable | None) -> int:
    return Calendar(timetable or Timetable()).to_ns(datetime.fromisoformat(test.at)) if test.at else 0


def _to_moment(test: RuleTest, at_ns: int, device: str) -> Moment:
    known = {key: frozenset(names) for key, names in test.who.items()}
    # Only pupils have a year.
    roles = known.get("roles", frozenset({"pupil"}) if known.get("years") else None)
    return Moment(
        at_ns=at_ns,
        device_id=device if "devices" in known else "",
        account_kinds=known.get("accounts"),
        roles=roles,
        years=known.get("years"),
    )


def _say_why(evaluator: Evaluator, event: object, outcome: _Outcome) -> str:
    """Return what a rule that fits the event lacks for an incident; nothing if it does not fit at all."""
    if outcome.matches:
        return ": it fits too seldom, or on too few devices"
    kind = getattr(event, "kind", "")
    return ": it fits, but not at that time or before these people" if evaluator.match(kind, event, UNKNOWN) else ""
