# SPDX-License-Identifier: Apache-2.0
"""What a change of the policy takes away from its safeguards, in words. Pure: two policies in, sentences out.

A safeguard is the watching for keywords, a rule for the safeguarding leads, and a rule about the agent itself, which
tells that somebody tampers with it. What cannot be seen to be at least as wide as before is called weaker: whoever
widens one thing and narrows another asks a second person. Who that is decides `collector.changes`.

That a rule of a pack is there at all is a safeguard too, whatever it is about: off for good is not for one person
where off for half an hour is for two. To make such a rule milder or narrower is the technician's own business, and so
is all of a rule that the school wrote itself.

Nothing weaker from A to B and nothing weaker from B to C means nothing weaker from A to C, so no row of small steps
leads where one step does not; but for the day of a review, since what is too far away depends on the day of the change,
which nobody tells here. An allow list is no part of it: a rule that heeds it says so itself.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import replace

from proto.events import KINDS, Audience
from proto.events.header import Leaves
from rules.arrangements import Arrangements, RuleException
from rules.layers import SCHOOL
from rules.model import ActionClass, Condition, Keywords, Operator, Policy, ProgramPattern, Rule, Times, Who
from rules.table import find_day

_PROGRAM_LISTS = (
    *("executables", "packages", "flatpaks", "snaps", "python_packages", "node_packages", "extensions", "paths"),
    *("sha256", "build_ids", "sketches"),
)
_CLASSES = list(ActionClass)
MAX_REVIEW_DAYS = 800
"""As devices have it, from their own day on (`agent.preconditions`)."""


def is_safeguard(rule: Rule) -> bool:
    """Return whether a rule is one that nobody weakens alone."""
    return rule.audience is Audience.SAFEGUARDING or any(
        kind in KINDS and KINDS[kind].leaves is Leaves.ALWAYS for kind in rule.kinds
    )


def find_weakenings(before: Policy, after: Policy) -> list[str]:
    """Return what the second policy takes away from the safeguards of the first, a sentence each; empty for nothing."""
    return [
        *(f"keywords: {each}" for each in _compare_keywords(before.keywords, after.keywords)),
        *_compare_rules(before, after),
        *_compare_pauses(before.arrangements, after.arrangements),
    ]


def _compare_keywords(before: Keywords, after: Keywords) -> list[str]:
    if not before.enabled:
        return []
    if not after.enabled:
        return ["nobody is watched any more"]
    found = [
        *_fewer("not watched any more: group {}", before.watch_groups, after.watch_groups),
        *_fewer("not watched any more: group of staff {}", before.staff_groups, after.staff_groups),
        # Whoever is in groups of both is of staff, and flags about staff go elsewhere.
        *_fewer("counted as staff and not as pupils any more: group {}", after.staff_groups, before.staff_groups),
        *_fewer("not looked for any more: language {}", before.languages, after.languages),
        *_fewer("not read any more: windows that fit {}", after.protected, before.protected),
        *_compare_hours(before, after),
        *_compare_places(before, after),
    ]
    if after.dpia_review_date < before.dpia_review_date:
        found.append(f"watching ends sooner, with the review due on {after.dpia_review_date}")
    elif _is_too_far(before.dpia_review_date, after.dpia_review_date):
        found.append(f"nobody is watched while the review is too far away, and it is due on {after.dpia_review_date}")
    return found


def _is_too_far(before: str, after: str) -> bool:
    """Return whether a day of review was put off by so much that devices take it for none."""
    first, last = find_day(before), find_day(after)
    return first is not None and last is not None and (last - first).days > MAX_REVIEW_DAYS


def _compare_hours(before: Keywords, after: Keywords) -> list[str]:
    if after.out_of_hours_reference:
        return []
    if before.out_of_hours_reference:
        return [f"watched from {after.hours} only, no longer at any time"]
    found = _fewer("not watched any more on {}", before.days, after.days)
    (begins, ends), (begins_now, ends_now) = before.hours.split("-"), after.hours.split("-")
    if begins_now > begins or ends_now < ends:
        found.append(f"watched from {after.hours} instead of {before.hours}")
    return found


def _compare_places(before: Keywords, after: Keywords) -> list[str]:
    if after.away_reference:
        return []
    if before.away_reference:
        return ["watched in the named networks only, no longer anywhere"]
    now = [ipaddress.ip_network(each) for each in after.networks]
    return [
        f"not watched any more in network {each}"
        for each in before.networks
        if not any(_is_inside(ipaddress.ip_network(each), other) for other in now)
    ]


def _is_inside(
    inner: ipaddress.IPv4Network | ipaddress.IPv6Network, outer: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def _compare_rules(before: Policy, after: Policy) -> list[str]:
    now = {rule.id: rule for rule in after.rules}
    found: list[str] = []
    for rule in before.rules:
        faults: list[str] = []
        if _is_gone(rule, now.get(rule.id)):
            faults = ["it is not in force any more"]
        elif is_safeguard(rule):
            faults = _compare_rule(rule, now[rule.id]) + _compare_surroundings(now[rule.id], before, after)
        found += (f"rule {rule.id}: {each}" for each in faults)
    return found


def _is_gone(rule: Rule, now: Rule | None) -> bool:
    """Return whether a rule that somebody relies on is not there any more; one of the school's own takes no other's
    place."""
    if not _is_of_pack(rule):
        return now is None and is_safeguard(rule)
    return now is None or not _is_of_pack(now)


def _is_of_pack(rule: Rule) -> bool:
    return not rule.file.startswith(f"{SCHOOL}/")


def _compare_rule(before: Rule, after: Rule) -> list[str]:
    found = []
    if after.audience is not before.audience:
        found.append(f"its incidents go to {_name(after.audience)} instead of {_name(before.audience)}")
    if after.severity < before.severity:
        found.append(f"severity {after.severity} instead of {before.severity}")
    if _CLASSES.index(after.action_class) < _CLASSES.index(before.action_class):
        found.append(f"class {after.action_class.value} instead of {before.action_class.value}")
    found += _fewer("silent about events {}", before.kinds, after.kinds)
    if not _is_as_wide(before.programs, after.programs):
        found.append("recognises fewer programs")
    asked = [each.field for each in after.when if not any(_implies(other, each) for other in before.when)]
    found += (f"asks for another {each}" for each in asked)
    if after.unless_approved and not before.unless_approved:
        found.append("silent about programs of the allow list")
    found += _compare_times(before.times, after.times)
    found += _compare_who(before.who, after.who)
    return found + _compare_waiting(before, after)


def _name(audience: Audience) -> str:
    return audience.name.lower().replace("_", " ")


def _is_as_wide(before: Sequence[ProgramPattern], after: Sequence[ProgramPattern]) -> bool:
    if not after or not before:
        return not after
    return all(_gather(before, each) <= _gather(after, each) for each in _PROGRAM_LISTS)


def _gather(patterns: Iterable[ProgramPattern], name: str) -> set[str]:
    return {value for pattern in patterns for value in getattr(pattern, name)}


def _implies(given: Condition, asked: Condition) -> bool:
    """Return whether whatever fulfils the one condition fulfils the other."""
    if given.field != asked.field:
        return False
    exact = (Operator.EQUALS, Operator.ONE_OF)
    if given.operator is not asked.operator and not (given.operator in exact and asked.operator in exact):
        return False
    if given.operator is Operator.AT_LEAST:
        return float(asked.values[0]) <= float(given.values[0])
    return {(type(each), each) for each in given.values} <= {(type(each), each) for each in asked.values}


def _compare_times(before: Times, after: Times) -> list[str]:
    return [
        *_narrower("counts only during {}", before.during, after.during),
        *_fewer("does not count during {}", after.except_during, before.except_during),
        *_narrower("counts only while {} is on", before.profiles, after.profiles),
        *_fewer("does not count while {} is on", after.except_profiles, before.except_profiles),
    ]


def _compare_who(before: Who, after: Who) -> list[str]:
    found = []
    for name in ("roles", "years", "accounts", "devices"):
        found += _narrower(f"counts only for {name} {{}}", getattr(before, name), getattr(after, name))
        excepted = f"except_{name}"
        found += _fewer(f"does not count for {name} {{}}", getattr(after, excepted), getattr(before, excepted))
    return found


def _compare_waiting(before: Rule, after: Rule) -> list[str]:
    """Return in what the rule waits longer before it opens an incident, or lets it get less bad."""
    found = []
    if after.threshold > before.threshold:
        found.append(f"waits until it was seen {after.threshold} times")
    if after.least_devices > before.least_devices:
        found.append(f"waits until it was seen on {after.least_devices} devices")
    if (after.threshold > 1 or after.least_devices > 1) and after.window_s < before.window_s:
        found.append("counts within a shorter window")
    if after.grace_s > before.grace_s:
        found.append(f"waits {after.grace_s} seconds")
    if after.cleared is not None and after.cleared != before.cleared:
        found.append("is cleared by something else")
    for each in before.escalations:
        if not any(
            other.after <= each.after and other.within_s >= each.within_s and other.severity >= each.severity
            for other in after.escalations
        ):
            found.append(f"does not get worse any more when it comes {each.after} times")
    return found


def _compare_surroundings(rule: Rule, before: Policy, after: Policy) -> list[str]:
    """Return what changes around a rule that stays as it is: timetable, kinds of accounts, groups, exceptions."""
    found = []
    if rule.times != Times() and _find_calendar(before) != _find_calendar(after):
        found.append("it counts by the timetable, and that is another")
    if (rule.who.accounts or rule.who.except_accounts) and _find_kinds(before) != _find_kinds(after):
        found.append("it counts by kinds of accounts, and which account is of which kind is another")
    if _names_people(rule.who) and after.settings.accounts.ask and not before.settings.accounts.ask:
        found.append("it counts before anybody as long as nobody asks who is there, and that is asked now")
    was = {each.name: each.devices for each in before.arrangements.device_groups}
    now = {each.name: each.devices for each in after.arrangements.device_groups}
    for name in rule.who.devices:
        # A group that nobody made yet is every device.
        if name in now and name not in was:
            found.append(f"counts only for the devices in group {name}, which is new")
        elif was.get(name, frozenset()) - now.get(name, frozenset()):
            found.append(f"fewer devices are in group {name}")
    for name in rule.who.except_devices:
        if now.get(name, frozenset()) - was.get(name, frozenset()):
            found.append(f"more devices are in group {name}, for which it does not count")
    granted = _list_exceptions(rule, before)
    return found + [f"exception {each.id}" for each in _list_exceptions(rule, after) if each not in granted]


def _find_calendar(policy: Policy) -> tuple[object, object]:
    """Return timetable and profiles without the days that nobody at the school chooses."""
    timetable = policy.arrangements.timetable
    return timetable and replace(timetable, bank_holiday_dates=()), policy.arrangements.profiles


def _find_kinds(policy: Policy) -> tuple[object, ...]:
    """Return what says which account is shared, a guest's or an administrator's."""
    settings = policy.settings
    return settings.accounts.shared, settings.accounts.guest, settings.posture.administrators


def _names_people(who: Who) -> bool:
    return who != Who(devices=who.devices, except_devices=who.except_devices)


def _list_exceptions(rule: Rule, policy: Policy) -> list[RuleException]:
    return [each for each in policy.arrangements.exceptions if rule.id in each.rules]


def _compare_pauses(before: Arrangements, after: Arrangements) -> list[str]:
    return [
        f"pause: {pause.what} from {pause.first:%d %b %Y, %H:%M} to {pause.last:%d %b %Y, %H:%M}"
        for pause in after.pauses
        if not any(
            each.what == pause.what and each.first <= pause.first and each.last >= pause.last for each in before.pauses
        )
    ]


def _fewer(words: str, before: Iterable[str], after: Iterable[str]) -> list[str]:
    return [words.format(each) for each in sorted(set(before) - set(after))]


def _narrower(words: str, before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return what an `only` list says now that it did not say before; an empty one says nothing."""
    if not after or (before and set(before) <= set(after)):
        return []
    return [words.format(", ".join(after))]
