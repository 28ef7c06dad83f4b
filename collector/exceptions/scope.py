# SPDX-License-Identifier: Apache-2.0
"""Holds what an exception is asked for against the policy in force and the school's registers.

Two kinds of rules are never excepted: those of safeguarding, and those about the agent itself, which would hide that
somebody tampers with it. Who may decide a request is in `deciders`.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date

from sqlalchemy import Connection, select

from collector.approved_media import MediumKey, list_approved_media
from collector.devices import DeviceState
from collector.exceptions.request import RequestError, Scope
from collector.people.register import load_people
from collector.store.schema import devices
from proto.events import Audience
from rules.model import Policy, Rule
from rules.names import to_name
from rules.table import to_hint
from rules.timetable import PERIODS, TIMES
from rules.weakening import is_safeguard

MAX_OF_EACH = 20
MAX_ACCOUNTS = 100
MAX_PROGRAM_CHARACTERS = 128
_WORDS = ("rules", "programs", "people", "devices", "during")
_WHERE_RULES_ARE = "each incident names its rule; all of them: schoolwarden-collector policy rules"


def list_rules(policy: Policy) -> list[Rule]:
    """Return the rules of a policy that an exception can be asked from."""
    return [rule for rule in policy.rules if not find_bar(rule)]


def find_bar(rule: Rule) -> str:
    """Return why no exception can be made from a rule; empty when one can."""
    if rule.audience is Audience.SAFEGUARDING:
        return "it is a rule of safeguarding"
    if is_safeguard(rule):
        return "it is about the agent itself, and would hide that somebody tampers with it"
    return ""


def verify_rules(policy: Policy, scope: Scope) -> None:
    """Return if the policy in force has every rule of a scope, and an exception can be made from each.

    Raises:
        RequestError: it has not, or a program is none of those that the rules name.
    """
    known = {rule.id: rule for rule in policy.rules}
    for id_ in scope.rules:
        if id_ not in known:
            hint = to_hint(id_, [rule.id for rule in list_rules(policy)])
            hint = hint if hint.startswith("did you mean") else _WHERE_RULES_ARE
            raise RequestError(f"the policy in force has no rule {id_!r:.80}", "rules", hint=hint)
        if why := find_bar(known[id_]):
            raise RequestError(f"no exception can be made from {id_}: {why}", "rules", hint="choose another rule")
    rules = [known[id_] for id_ in scope.rules]
    # A rule without patterns may fit any program; one with patterns calls what fitted by the pattern's name.
    if all(rule.programs for rule in rules):
        names = {to_name(pattern.name): pattern.name for rule in rules for pattern in rule.programs}
        for program in scope.programs:
            if to_name(program) not in names:
                hint = to_hint(program, names.values())
                raise RequestError(f"no program of these rules is called {program!r:.80}", "programs", hint=hint)


def verify_scope(connection: Connection, school_id: str, policy: Policy, scope: Scope, today: date) -> Scope:
    """Return a scope with the ids of its devices, if the policy, the people and the devices of the school fit it.

    Raises:
        RequestError: says the first thing that does not.
    """
    scope = _tidy(scope)
    if scope.stick:
        _verify_stick(connection, school_id, scope, scope.stick, today)
    elif not scope.rules:
        raise RequestError("that names no rule", "rules", hint="each incident names its rule")
    for name in _WORDS:
        if len(getattr(scope, name)) > MAX_OF_EACH:
            raise RequestError(f"an exception names at most {MAX_OF_EACH} {name}", name, hint="ask for a second one")
    for program in scope.programs:
        if not program.isprintable() or len(program) > MAX_PROGRAM_CHARACTERS:
            raise RequestError("that is no name of a program", "programs", hint="as the rule names it")
    verify_rules(policy, scope)
    _verify_during(policy, scope.during)
    list_accounts(connection, school_id, scope.people)
    return replace(scope, devices=tuple(_find_devices(connection, school_id, scope.devices)))


def list_accounts(connection: Connection, school_id: str, people: Collection[str]) -> list[str]:
    """Return the accounts of some people, by the school's register.

    Raises:
        RequestError: one of them is not in it, or has no account: an exception for nobody's account is for everybody.
    """
    found = load_people(connection, school_id, people)
    for person_id in people:
        if person_id not in found:
            hint = "the id as the school’s list of people has it, not the name"
            raise RequestError(f"nobody in the register has the id {person_id!r:.80}", "people", hint=hint)
        if not found[person_id].accounts:
            hint = "import the school’s list with it first"
            raise RequestError(f"{person_id} has no account in the register", "people", hint=hint)
    accounts = sorted({account for person in found.values() for account in person.accounts})
    if len(accounts) > MAX_ACCOUNTS:
        hint = "ask for fewer people at a time"
        raise RequestError(f"these people have more than {MAX_ACCOUNTS} accounts", "people", hint=hint)
    return accounts


def _tidy(scope: Scope) -> Scope:
    """Return a scope without blanks around its words, empty words, and words that are there twice."""
    words = {name: tuple(dict.fromkeys(filter(None, map(str.strip, getattr(scope, name))))) for name in _WORDS}
    return Scope(**words, stick=scope.stick)


def _verify_stick(connection: Connection, school_id: str, scope: Scope, stick: MediumKey, today: date) -> None:
    if scope.rules or scope.programs or scope.devices or scope.during:
        hint = "ask for the rules in a request of their own"
        raise RequestError("a USB device is asked for alone, or for people", "stick", hint=hint)
    for approval in list_approved_media(connection, school_id):
        if approval.key == stick and not approval.is_over(today):
            until = f"until {approval.until}" if approval.until else "without an end"
            raise RequestError(f"{stick} is approved already, {until}", "stick", hint="nothing has to be asked")


def _verify_during(policy: Policy, during: Iterable[str]) -> None:
    there = list_during(policy)
    for kind in during:
        if kind not in TIMES:
            raise RequestError(f"{kind!r:.40} is no kind of period", "during", hint=to_hint(kind, TIMES))
        if not there:
            hint = "leave it out, and name the times"
            raise RequestError("the policy has no timetable", "during", hint=hint)
        if kind not in there:
            raise RequestError(f"the timetable has no {kind}", "during", hint=to_hint(kind, there))


def list_during(policy: Policy) -> list[str]:
    """Return the kinds of times that the timetable of a policy knows; none without one."""
    timetable = policy.arrangements.timetable
    if timetable is None:
        return []
    kinds = {period.kind for period in timetable.periods}
    return [each for each in TIMES if each in kinds or each not in PERIODS]


def _find_devices(connection: Connection, school_id: str, named: Iterable[str]) -> list[str]:
    """Return the ids of devices that are named by id or by a host name that one device only has.

    Of those only that somebody confirmed to be the school's: any other may take a name on which it is excused.
    """
    query = select(devices.c.device_id, devices.c.hostname).where(
        devices.c.school_id == school_id, devices.c.state == DeviceState.ACTIVE.value
    )
    rows = connection.execute(query).all() if named else []
    found = []
    for name in named:
        ids = [row.device_id for row in rows if name.lower() in (row.device_id, row.hostname.lower())]
        if not ids:
            hint = "its name or its id, as the list of devices shows them; it has to be confirmed"
            raise RequestError(f"no device of the school is called {name!r:.80}", "devices", hint=hint)
        if len(ids) > 1:
            hint = f"use the id: {', '.join(sorted(ids)[:10])}"
            raise RequestError(f"{len(ids)} devices call themselves {name!r:.80}", "devices", hint=hint)
        found += ids
    return list(dict.fromkeys(found))
