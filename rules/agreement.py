# SPDX-License-Identifier: Apache-2.0
"""Whether the parts of a whole policy agree: what rules, exceptions and pauses name is there, and the timetable leaves
every rule and exception a time. A single file cannot know.

A group of devices that nobody made yet is no fault: groups are made at the collector, while a policy is in force.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby

from proto.events import KINDS, Audience, Leaves
from rules.arrangements import Arrangements, Pause, Timetable
from rules.errors import RuleFormatError
from rules.layers import Layer
from rules.model import ActionClass, Policy, Rule, Times
from rules.table import to_hint
from rules.timetable import find_possible

LONGEST_PAUSED = timedelta(days=7)
"""In a row: pauses that follow one another without a gap are one."""
_OF_PEOPLE = ("roles", "years", "accounts", "except_roles", "except_years", "except_accounts")


def find_disagreements(layers: Sequence[Layer], policy: Policy) -> list[RuleFormatError]:
    """Return everything that does not go together. The layers say where it stands."""
    rows = [each.id for each in policy.responses]
    arrangements, known = policy.arrangements, {rule.id: rule for rule in policy.rules}
    problems = [
        error
        for rule in policy.rules
        for error in (_find_timeless(rule, arrangements), _find_nameless(rule, policy), _find_unanswered(rule, rows))
        if error
    ]
    for exception in arrangements.exceptions:
        file, key = _find_place(layers, "exception", exception.id)
        problem, hint = _find_no_time(exception.during, arrangements.timetable)
        if problem:
            said = f"{exception.id}: {problem}"
            problems.append(RuleFormatError(said, file=file, key=f"{key}.during", hint=hint))
        for id_ in exception.rules:
            problem, hint = _find_unexceptable(known, id_)
            if problem:
                said = f"{exception.id} names {id_}, {problem}"
                problems.append(RuleFormatError(said, file=file, key=f"{key}.rules", hint=hint))
    return [*problems, *_find_wrong_pauses(layers, arrangements.pauses, known)]


def _find_wrong_pauses(
    layers: Sequence[Layer], pauses: Sequence[Pause], known: Mapping[str, Rule]
) -> Iterator[RuleFormatError]:
    for pause in pauses:
        id_ = pause.what.removeprefix("rule:")
        if id_ != pause.what and id_ not in known:
            file, key = _find_place(layers, "pause", pause.id)
            said = f"{pause.id} names {id_}, which is no rule of this policy"
            yield RuleFormatError(said, file=file, key=f"{key}.what", hint=to_hint(id_, known))
    ordered = sorted(pauses, key=lambda each: (each.what, each.first))
    for what, row in groupby(ordered, key=lambda each: each.what):
        last = _find_too_long(list(row))
        if last is not None:
            file, key = _find_place(layers, "pause", last.id)
            said = f"with {last.id}, {what} is paused for more than {LONGEST_PAUSED.days} days in a row"
            hint = "a pause ends by itself; leave some time between it and the next"
            yield RuleFormatError(said, file=file, key=f"{key}.last", hint=hint)


def _find_too_long(row: Sequence[Pause]) -> Pause | None:
    """Return the pause, of some of one thing in order, with which it is paused for too long."""
    begun, ended = row[0].first, row[0].last
    for pause in row:
        if pause.first > ended:
            begun = pause.first
        ended = max(ended, pause.last)
        if ended - begun > LONGEST_PAUSED:
            return pause
    return None


def _find_place(layers: Sequence[Layer], key: str, id_: str) -> tuple[str, str]:
    """Return the file that an exception or a pause stands in, and where there."""
    places = [
        (file, f"{key}[{number}]")
        for layer in layers
        for file, number, values in layer.list_tables(key)
        if values.get("id") == id_
    ]
    return places[-1]


def _find_unexceptable(known: Mapping[str, Rule], id_: str) -> tuple[str, str]:
    """Return why a rule cannot be excepted from, and what would be right; two empty texts if it can."""
    if id_ not in known:
        return "which is no rule of this policy", to_hint(id_, known)
    if known[id_].audience is Audience.SAFEGUARDING:
        return "which is of safeguarding", "nobody is excepted from those; a pause is for all, and needs two people"
    if all(KINDS[kind].leaves is Leaves.ALWAYS for kind in known[id_].kinds):
        return "which is about the agent itself", "nobody is excepted from what shows that devices are watched over"
    return "", ""


def _fault(rule: Rule, problem: str, key: str, hint: str) -> RuleFormatError:
    file = rule.changed_in[-1] if rule.changed_in else rule.file
    return RuleFormatError(problem, file=file, rule=rule.id, key=key, hint=hint)


def _find_timeless(rule: Rule, arrangements: Arrangements) -> RuleFormatError | None:
    """Return what keeps a rule from ever counting by this timetable and these profiles."""
    timetable, times = arrangements.timetable, rule.times
    profiles = [each.id for each in arrangements.profiles]
    for key, names in (("profiles", times.profiles), ("except_profiles", times.except_profiles)):
        for name in names:
            if name not in profiles:
                hint = to_hint(name, profiles) if profiles else "add a [[profile]] with its days"
                return _fault(rule, f"there is no profile {name!r}", f"times.{key}", hint)
    if timetable is None:
        return None
    if rule.action_class is ActionClass.CERTAIN_TIMES and times == Times():
        hint = 'the policy has a timetable, so say when: during = ["lesson"]'
        return _fault(rule, "is missing in a rule of class certain_times", "times", hint)
    problem, hint = _find_no_time(times.during, timetable)
    return _fault(rule, f"could never match: {problem}", "times.during", hint) if problem else None


def _find_no_time(during: Sequence[str], timetable: Timetable | None) -> tuple[str, str]:
    """Return why something never counts by this timetable, and what would be right; two empty texts if it does."""
    if not during or timetable is None or find_possible(timetable) & set(during):
        return "", ""
    kinds = ", ".join(sorted({each.kind for each in timetable.periods}))
    hint = f"its periods are {kinds}; name one of them, or add such a [[timetable.period]]"
    return f"the timetable has no {' or '.join(during)}", hint


def _find_nameless(rule: Rule, policy: Policy) -> RuleFormatError | None:
    """Return what a rule asks about people of whom no device ever tells that they are there."""
    asked = [key for key in _OF_PEOPLE if getattr(rule.who, key)]
    if not asked or policy.settings.accounts.ask:
        return None
    hint = "[accounts] ask = true with its reason, or leave the line out"
    return _fault(rule, "nobody ever knows who is there, so it would count for everybody", f"who.{asked[0]}", hint)


def _find_unanswered(rule: Rule, rows: Sequence[str]) -> RuleFormatError | None:
    if not rule.response or not rows or rule.response in rows:
        return None
    return _fault(rule, f"there is no response {rule.response!r}", "response", to_hint(rule.response, rows))
