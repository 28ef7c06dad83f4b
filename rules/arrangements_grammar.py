# SPDX-License-Identifier: Apache-2.0
"""How what a school arranges becomes `Arrangements`: `[timetable]` (`timetable_grammar`) and

    [[profile]]                                 # a time with rules of its own; it ends by itself, after 92 days at most
    id = "exams"
    title = "Summer examinations"
    first = "2027-05-10"
    last = "2027-06-25"
    why = "Nothing is to disturb an examination."

    [[exception]]                               # who or what some rules leave alone for a while, 366 days at most
    id = "asked-0a1b"
    rules = ["usb-unprotected-written"]
    first = "2026-11-23T09:00"                  # local time, included
    last = "2026-12-18T16:00"                   # not included
    reason = "Photographs of the school trip."
    programs = ["Tor"]                          # these four are optional: any
    devices = ["0123456789abcdef"]
    accounts = ["00112233445566778899aabbccddeeff"]
    during = ["club"]

    [[pause]]                                   # a safeguard that is switched off for a while, 7 days at most in a row
    id = "pause-0a1b"
    what = "keywords"                           # or check:<name>, or rule:<id>
    first = "2026-11-23T09:00"
    last = "2026-11-23T11:00"
    reason = "A visitor shows the pupils how words are found."

    [[device_group]]
    name = "laptops"
    devices = ["0123456789abcdef"]

    [[departure]]                               # where the policy and national guidance differ
    clause = "BX-12"
    policy = "..."
    guidance = "..."
    follows = "policy"                          # or guidance
    why = "..."

One of the same id in a higher layer takes the place. Whether rules and they agree is `agreement`'s business.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from rules.arrangements import Arrangements, Departure, DeviceGroup, Pause, Profile, RuleException
from rules.circumstances_grammar import parse_during
from rules.errors import RuleFormatError
from rules.layers import Layer, read_listed
from rules.table import CLAUSE, ID, Table, shown, to_hint
from rules.timetable_grammar import KEYS as TIMETABLE_KEYS
from rules.timetable_grammar import parse_days, read_timetable

LONGEST_PROFILE_DAYS = 92
LONGEST_EXCEPTION_DAYS = 366
LONGEST_PAUSE_DAYS = 7
MAX_DEVICES = 5000
"""In one group."""
CHECK_NAMES = (
    *("accounts", "downloads", "hardware", "idle_lock", "keywords", "posture", "software", "traffic", "usb_storage"),
)
"""The agent's checks, as a pause names them: check:software."""

_PROFILE = ("id", "title", "first", "last", "why")
_EXCEPTION = ("id", "rules", "first", "last", "reason", "programs", "devices", "accounts", "during")
_PAUSE = ("id", "what", "first", "last", "reason")
_GROUP = ("name", "devices")
_DEPARTURE = ("clause", "policy", "guidance", "follows", "why")
KEYS = (*TIMETABLE_KEYS, "profile", "exception", "pause", "device_group", "departure")
"""The tables that may stand at the top of a rule file."""

_REF = re.compile(r"[0-9a-f]{32}")


def read_arrangements(layers: Sequence[Layer]) -> tuple[Arrangements, list[RuleFormatError]]:
    """Read what the school and its packs arrange, in all files. What is not right is returned."""
    timetable, problems = read_timetable(layers)
    profiles, profile_problems = read_listed(layers, "profile", _PROFILE, _parse_profile, lambda each: each.id)
    exceptions, exception_problems = read_listed(
        layers, "exception", _EXCEPTION, _parse_exception, lambda each: each.id
    )
    pauses, pause_problems = read_listed(layers, "pause", _PAUSE, _parse_pause, lambda each: each.id)
    groups, group_problems = read_listed(layers, "device_group", _GROUP, _parse_group, lambda each: each.name)
    departures, departure_problems = read_listed(
        layers, "departure", _DEPARTURE, _parse_departure, lambda each: each.clause
    )
    arrangements = Arrangements(
        timetable=timetable,
        profiles=profiles,
        exceptions=exceptions,
        pauses=pauses,
        device_groups=groups,
        departures=departures,
    )
    return arrangements, [
        *problems,
        *profile_problems,
        *exception_problems,
        *pause_problems,
        *group_problems,
        *departure_problems,
    ]


def _parse_profile(table: Table) -> Profile:
    profile = Profile(id=table.id(), title=table.text("title"), **parse_days(table), why=table.text("why"))
    if (profile.last - profile.first).days >= LONGEST_PROFILE_DAYS:
        problem = f"is more than {LONGEST_PROFILE_DAYS} days after the first"
        raise table.fault(problem, key="last", hint="a profile ends by itself; make the next one when it comes")
    return profile


def _parse_exception(table: Table) -> RuleException:
    first, last = _parse_times(table, LONGEST_EXCEPTION_DAYS)
    rules = table.codes("rules", ID, "the id of a rule: bypass-tor", default=None)
    if not rules:
        raise table.fault("is empty", key="rules", hint="name the rules that leave it alone")
    return RuleException(
        id=table.id(),
        rules=rules,
        first=first,
        last=last,
        reason=table.text("reason"),
        programs=_parse_some(table, "programs"),
        devices=_parse_some(table, "devices"),
        accounts=_parse_accounts(table),
        during=parse_during(table),
    )


def _parse_accounts(table: Table) -> tuple[str, ...]:
    _parse_some(table, "accounts")
    return table.codes("accounts", _REF, "a reference is 32 hexadecimal digits; the collector writes it, never a name")


def _parse_some(table: Table, key: str) -> tuple[str, ...]:
    values = table.texts(key, ())
    if key in table and not values:
        # Nobody who takes the last name out means that now everybody is excepted.
        raise table.fault("is empty", key=key, hint="name some, or leave the line out for any")
    return values


def _parse_pause(table: Table) -> Pause:
    first, last = _parse_times(table, LONGEST_PAUSE_DAYS)
    return Pause(id=table.id(), what=_parse_what(table), first=first, last=last, reason=table.text("reason"))


def _parse_what(table: Table) -> str:
    what = table.text("what")
    sort, _, name = what.partition(":")
    if what == "keywords" or (sort == "rule" and ID.fullmatch(name)):
        return what
    if sort == "check" and name not in CHECK_NAMES:
        raise table.fault(f"there is no check {shown(name)}", key="what", hint=to_hint(name, CHECK_NAMES))
    if sort != "check":
        raise table.fault(f"is {shown(what)}", key="what", hint="keywords, check:software or rule:bypass-tor")
    return what


def _parse_times(table: Table, most_days: int) -> tuple[datetime, datetime]:
    first, last = table.local_time("first"), table.local_time("last")
    if last <= first:
        raise table.fault(f"is {last:%Y-%m-%dT%H:%M}, which is not after the first", key="last", hint="when it ends")
    if last - first > timedelta(days=most_days):
        problem = f"is more than {most_days} days after the first"
        raise table.fault(problem, key="last", hint="it ends by itself, and is asked for anew if need be")
    return first, last


def _parse_group(table: Table) -> DeviceGroup:
    return DeviceGroup(name=table.id("name"), devices=frozenset(table.texts("devices", max_values=MAX_DEVICES)))


def _parse_departure(table: Table) -> Departure:
    clause = table.text("clause")
    if not CLAUSE.fullmatch(clause):
        raise table.fault(f"is {shown(clause)}", key="clause", hint="a clause looks like BX-07")
    return Departure(
        clause=clause,
        policy=table.text("policy"),
        guidance=table.text("guidance"),
        follows=table.choice("follows", {each: each for each in ("policy", "guidance")}),
        why=table.text("why"),
    )
