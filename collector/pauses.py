# SPDX-License-Identifier: Apache-2.0
"""Safeguards that are switched off for a while: which, until when, who asked for it and who allowed it.

A pause ends by itself: its times are in the bundle, and devices go by them (`rules.exceptions`). Here it is written
down, ended early, and its end noted in the audit log. Who has to agree to one is the business of `changes`; what may
be paused at all, that of the grammar of rule files.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from collector.approved_media import to_toml_string
from collector.audit import record
from collector.errors import UsageError
from collector.store.engine import reading, writing
from collector.store.schema import pauses
from rules.arrangements_grammar import CHECK_NAMES
from rules.errors import RulesError
from rules.load import parse_files
from rules.model import Policy
from rules.table import to_hint

RULE_FILE = "pauses"
"""How the rule file is called; a school's own file may not have such a name."""
MINUTE_NS = 60 * 10**9
SHORTEST_S = 60
LONGEST_S = 7 * 86_400
BY_ITSELF = "schoolwarden"
"""The actor of an end that nobody asked for."""
_RULE = "rule:"
REASON = "Agreed by two people at the school: its list of pauses says why."
"""What devices are told. Why stays at the school: it may name people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One of them."""

    id: str
    what: str
    """keywords, check:<name> or rule:<id>."""
    first_ns: int
    last_ns: int
    reason: str
    asked_by: str
    decided_by: str
    ended_at_ns: int | None

    def is_on(self, now_ns: int) -> bool:
        """Return whether the safeguard is off now."""
        return self.ended_at_ns is None and self.first_ns <= now_ns < self.last_ns


def verify_what(what: str, policy: Policy) -> None:
    """Check that something is a safeguard that can be paused under a policy.

    Raises:
        UsageError: it is not.
    """
    if what == "keywords":
        return
    kind, _, name = what.partition(":")
    known = {"check": sorted(CHECK_NAMES), "rule": [rule.id for rule in policy.rules]}
    if kind not in known or not name:
        raise UsageError(f"{what!r:.80} cannot be paused", hint="keywords, check:usb_storage or rule:<its id>")
    if name not in known[kind]:
        raise UsageError(f"there is no {kind} {name!r:.80}", hint=to_hint(name, known[kind]))


def verify_duration(duration_s: int) -> None:
    """Check that a pause is not shorter or longer than one may be.

    Raises:
        UsageError: it is.
    """
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        raise UsageError("a pause is a minute at least and seven days at most", hint="for example 30m, 2h or 3d")


def show_length(duration_s: int) -> str:
    """Return a length in words: `2 hours 30 minutes`."""
    parts = []
    for unit, unit_s in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, duration_s = divmod(duration_s, unit_s)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts)


def find_span(duration_s: int, zone: tzinfo, now_ns: int) -> tuple[int, int]:
    """Return from when to when a pause is that begins now, such that a rule file, which knows local time, can say it.

    Raises:
        UsageError: it is too short or too long, or not over at a later time by the clock on the wall.
    """
    verify_duration(duration_s)
    # Rule files know minutes.
    first_ns = now_ns - now_ns % MINUTE_NS
    last_ns = first_ns + duration_s * 10**9
    first, last = (datetime.fromtimestamp(each // 10**9, zone).replace(tzinfo=None) for each in (first_ns, last_ns))
    if last <= first:
        raise UsageError("the clock goes back during this pause", hint="ask for a longer one, or an hour later")
    # The night in which clocks go forward makes seven days an hour longer by the calendar than rules allow.
    excess = max(last - first - timedelta(seconds=LONGEST_S), timedelta())
    return first_ns, last_ns - int(excess.total_seconds()) * 10**9


def begin_pause(
    connection: Connection,
    school_id: str,
    what: str,
    span_ns: tuple[int, int],
    *,
    reason: str,
    asked_by: str,
    decided_by: str,
    now_ns: int,
) -> Pause:
    """Begin a pause, in the transaction that publishes the policy with it; from when to when is from `find_span`.

    Raises:
        UsageError: the same is paused already.
    """
    if any(each.what == what for each in list_on(connection, school_id, now_ns)):
        raise UsageError(
            f"{what} is paused already", hint=f"end that first: schoolwarden-collector policy resume {what}"
        )
    first_ns, last_ns = span_ns
    pause = Pause(
        id=secrets.token_hex(8),
        what=what,
        first_ns=first_ns,
        last_ns=last_ns,
        reason=reason,
        asked_by=asked_by,
        decided_by=decided_by,
        ended_at_ns=None,
    )
    connection.execute(
        insert(pauses).values(
            pause_id=pause.id,
            school_id=school_id,
            what=what,
            first_ns=pause.first_ns,
            last_ns=pause.last_ns,
            reason=reason,
            asked_by=asked_by,
            decided_by=decided_by,
        )
    )
    detail = f"for {show_length((last_ns - first_ns) // 10**9)}, asked by {asked_by}: {reason}"
    _record(connection, school_id, "pause.begun", pause, detail, actor=decided_by or asked_by, now_ns=now_ns)
    return pause


def end_pause(connection: Connection, school_id: str, what: str, *, actor: str, now_ns: int) -> Pause:
    """End the pause of something before its time, in the transaction that publishes the policy without it.

    Raises:
        UsageError: it is not paused.
    """
    found = [each for each in list_on(connection, school_id, now_ns) if each.what == what]
    if not found:
        raise UsageError(f"{what!r:.80} is not paused", hint="see what is: schoolwarden-collector policy show")
    _end(connection, school_id, found[0], now_ns, detail="before its time", actor=actor, now_ns=now_ns)
    return found[0]


def note_ended(engine: Engine, school_id: str, now_ns: int) -> list[Pause]:
    """Note in the audit log which pauses ended by themselves since they were last looked at, and return them."""
    over = select(pauses).where(
        pauses.c.school_id == school_id, pauses.c.ended_at_ns.is_(None), pauses.c.last_ns <= now_ns
    )
    with reading(engine) as connection:
        if connection.execute(over.limit(1)).first() is None:
            return []
    with writing(engine) as connection:
        ended = [_to_pause(row) for row in connection.execute(over.order_by(pauses.c.last_ns))]
        for each in ended:
            _end(connection, school_id, each, each.last_ns, detail="by itself", actor=BY_ITSELF, now_ns=now_ns)
    return ended


def list_on(connection: Connection, school_id: str, now_ns: int) -> list[Pause]:
    """Return what is paused now, what ends first before the others."""
    query = (
        select(pauses)
        .where(pauses.c.school_id == school_id, pauses.c.ended_at_ns.is_(None), pauses.c.last_ns > now_ns)
        .order_by(pauses.c.last_ns)
    )
    return [_to_pause(row) for row in connection.execute(query)]


def load_pauses(engine: Engine, school_id: str, *, limit: int = 100) -> list[Pause]:
    """Return the newest pauses, those that are over too, newest first."""
    query = select(pauses).where(pauses.c.school_id == school_id).order_by(pauses.c.first_ns.desc()).limit(limit)
    with reading(engine) as connection:
        return [_to_pause(row) for row in connection.execute(query)]


def write_rule_files(
    connection: Connection, school_id: str, files: Mapping[str, str], *, zone: tzinfo, now_ns: int
) -> dict[str, str]:
    """Return a rule file, by name, with a `[[pause]]` for each that is on; none when nothing is paused.

    `files` are the rest of the policy: the pause of a rule that it has no more is left out, so that a pause keeps
    nobody from changing rules. Times are written in the zone of its timetable.
    """
    paused = list_on(connection, school_id, now_ns)
    rules = _find_rules(files) if any(each.what.startswith(_RULE) for each in paused) else frozenset()
    held = [each for each in paused if not each.what.startswith(_RULE) or each.what.removeprefix(_RULE) in rules]
    tables = [_to_toml(each, zone) for each in held]
    return {f"{RULE_FILE}.toml": "\n".join(tables)} if tables else {}


def _find_rules(files: Mapping[str, str]) -> frozenset[str]:
    """Return the rules of a policy; none in files that are not right, which is told later."""
    try:
        return frozenset(rule.id for rule in parse_files(files).rules)
    except RulesError:
        return frozenset()


def _to_toml(pause: Pause, zone: tzinfo) -> str:
    return (
        "[[pause]]\n"
        f'id = "pause-{pause.id}"\n'
        f"what = {to_toml_string(pause.what)}\n"
        f'first = "{_to_local(pause.first_ns, zone)}"\n'
        f'last = "{_to_local(pause.last_ns, zone)}"\n'
        f"reason = {to_toml_string(REASON)}\n"
    )


def _to_local(at_ns: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at_ns // 10**9, zone):%Y-%m-%dT%H:%M}"


def _end(
    connection: Connection, school_id: str, pause: Pause, ended_at_ns: int, *, detail: str, actor: str, now_ns: int
) -> None:
    connection.execute(update(pauses).where(pauses.c.pause_id == pause.id).values(ended_at_ns=ended_at_ns))
    _record(connection, school_id, "pause.ended", pause, detail, actor=actor, now_ns=now_ns)


def _record(
    connection: Connection, school_id: str, action: str, pause: Pause, detail: str, *, actor: str, now_ns: int
) -> None:
    subject = f"pause/{pause.what}"
    record(connection, school_id, actor=actor, action=action, subject=subject, detail=detail, now_ns=now_ns)


def _to_pause(row: Row[Any]) -> Pause:
    return Pause(
        id=row.pause_id,
        what=row.what,
        first_ns=row.first_ns,
        last_ns=row.last_ns,
        reason=row.reason,
        asked_by=row.asked_by,
        decided_by=row.decided_by,
        ended_at_ns=row.ended_at_ns,
    )
