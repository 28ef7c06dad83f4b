# SPDX-License-Identifier: Apache-2.0
"""Safeguarding flags as their readers have them: listed, read, decided and noted.

Every function takes the `Reader` and holds to the law by its query: he reads the flag's route now, did not type it
himself, and held no position below its route when it was made, since then it may be about him. To anybody else a flag
is not there; which of the two it was is not said. How flags come in is in `arrivals`; what they say, only their
readers' own keys open. What annuls one is `annulment`.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, delete, func, insert, not_, select, tuple_, update

from collector.audit import record
from collector.errors import UsageError
from collector.identities import verify_age_file
from collector.incidents import hold_for, resolve_held
from collector.readers import Reader
from collector.sightings import FLAG_RULE, to_flag_subject
from collector.store.engine import reading, writing
from collector.store.schema import devices, flag_copies, flag_notes, flags, payloads
from collector.verdicts import ACTIONS as ACTIONS
from collector.verdicts import CATEGORIES as CATEGORIES
from collector.verdicts import WITH_CATEGORY
from collector.verdicts import Verdict as Verdict
from proto.errors import MalformedError
from proto.events import FlagRaised, Missing, Tier
from proto.wire import decode_body
from rules.route import Route

DAY_NS = 24 * 3600 * 10**9
MAX_NOTE_BYTES = 256 * 1024
MAX_COPY_BYTES = 1024 * 1024


class FlagState(StrEnum):
    """Where a flag stands."""

    NEW = "new"
    READ = "read"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What of a flag is in the clear."""

    id: str
    number: int
    """Of its event: later ones are larger."""
    device_id: str
    hostname: str
    tier: Tier
    route: Route
    drill: bool
    """Whether it answers an order to drill; a flag that only claims to be a drill is none."""
    subject_ref: bytes
    recipients_version: int
    device_time_ns: int
    received_at_ns: int
    state: FlagState
    verdict: str
    category: str
    action: str
    decided_by: str
    decided_at_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which of his flags a reader asks for; None is all."""

    states: tuple[FlagState, ...] | None = None
    tier: Tier | None = None
    subject_ref: bytes | None = None
    drill: bool | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a flag, sealed like it."""

    made_at_ns: int
    made_by: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Copy:
    """A flag that a colleague sealed again: what it says is his word, not the device's."""

    made_at_ns: int
    made_by: str
    sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What a reader's own key opens."""

    flag: Flag
    sealed: bytes
    """As the device sealed it, whatever else there is; empty when the device could not send it."""
    copy: Copy | None
    """Made for this reader; for when his key does not open what the device sealed."""
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Outside:
    """That on one day flags came that nobody in the school may read. Nothing more is shown: any reader may be meant."""

    day_ns: int
    """Its first moment, UTC."""
    count: int


def list_flags(
    engine: Engine,
    school_id: str,
    *,
    reader: Reader,
    wanted: Wanted | None = None,
    limit: int = 100,
    before: tuple[Tier, int] | None = None,
) -> list[Flag]:
    """Return a reader's flags, the most urgent first, of these what came last; `before` goes on after the last seen."""
    query = _narrow(_visible(school_id, reader), wanted or Wanted())
    if before is not None:
        query = query.where(tuple_(flags.c.tier, flags.c.event_id) < (int(before[0]), before[1]))
    query = query.order_by(flags.c.tier.desc(), flags.c.event_id.desc()).limit(limit)
    with reading(engine) as connection:
        return [_to_flag(row) for row in connection.execute(query)]


def count_accounts(engine: Engine, school_id: str, *, reader: Reader, wanted: Wanted) -> Counter[bytes]:
    """Return how many flags came from each account; an account that nobody could tell is not counted."""
    found = _narrow(_visible(school_id, reader), wanted).where(flags.c.subject_ref != bytes(16)).subquery()
    query = select(found.c.subject_ref, func.count().label("total")).group_by(found.c.subject_ref)
    with reading(engine) as connection:
        return Counter({row.subject_ref: row.total for row in connection.execute(query)})


def find_flag(engine: Engine, school_id: str, flag_id: str, *, reader: Reader) -> Flag | None:
    """Return one flag, or None if there is none that this reader may see."""
    with reading(engine) as connection:
        row = connection.execute(_visible(school_id, reader).where(flags.c.flag_id == flag_id)).first()
    return _to_flag(row) if row else None


def count_waiting(engine: Engine, school_id: str, *, reader: Reader) -> int:
    """Return how many of a reader's flags wait for a decision; drills are none."""
    waiting = _visible(school_id, reader).where(flags.c.state != FlagState.DECIDED.value, flags.c.drill.is_(False))
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(waiting.subquery())).scalar_one()


def list_outside(engine: Engine, school_id: str, *, reader: Reader) -> list[Outside]:
    """Return on which days flags came that nobody here may read, for whoever reads any; the newest day first."""
    if not reader.routes:
        return []
    query = (
        select(flags.c.received_at_ns)
        .where(flags.c.school_id == school_id, flags.c.route == Route.OUTSIDE.value, flags.c.drill.is_(False))
        .where(flags.c.subject_ref.not_in(reader.own_refs))
    )
    counted: dict[int, int] = {}
    with reading(engine) as connection:
        for at_ns in connection.execute(query).scalars():
            day_ns = at_ns - at_ns % DAY_NS
            counted[day_ns] = counted.get(day_ns, 0) + 1
    return [Outside(day_ns, count) for day_ns, count in sorted(counted.items(), reverse=True)]


def read_sealed(engine: Engine, school_id: str, flag_id: str, *, reader: Reader, now_ns: int) -> Sealed:
    """Give a reader what his key opens. That he asked is in the audit log, whether he could open it or not.

    Raises:
        UsageError: there is no such flag for this reader.
    """
    with writing(engine) as connection:
        row = hold_flag(connection, school_id, flag_id, reader)
        _record(connection, school_id, reader, "flag.read", flag_id, now_ns)
        if row.state == FlagState.NEW:
            connection.execute(
                update(flags)
                .where(flags.c.flag_id == flag_id, flags.c.state == FlagState.NEW.value)
                .values(state=FlagState.READ.value)
            )
        copy = connection.execute(
            select(flag_copies).where(flag_copies.c.flag_id == flag_id, flag_copies.c.user_name == reader.name)
        ).first()
        notes = connection.execute(
            select(flag_notes).where(flag_notes.c.flag_id == flag_id).order_by(flag_notes.c.note_id)
        ).all()
        return Sealed(
            flag=_to_flag(row),
            sealed=_load_original(connection, row.event_id),
            copy=Copy(copy.made_at_ns, copy.made_by, copy.sealed) if copy else None,
            notes=tuple(Note(each.made_at_ns, each.made_by, each.sealed) for each in notes),
        )


def decide(
    engine: Engine,
    school_id: str,
    flag_id: str,
    *,
    reader: Reader,
    verdict: Verdict,
    category: str,
    action: str,
    now_ns: int,
) -> None:
    """Keep what a reader made of a flag; a later decision takes the place of an earlier one, the audit log has both.

    A category is kept in the clear, so only where it is counted: with any verdict but `WITH_CATEGORY` it is dropped.
    When all flags of the same route and account are decided, their incident is resolved.

    Raises:
        UsageError: there is no such flag for this reader, it is a drill, or there is no such category or action.
    """
    if category and category not in CATEGORIES:
        raise UsageError("there is no such category")
    if action not in ACTIONS:
        raise UsageError("say what was done", hint="if nothing was needed, say that")
    with writing(engine) as connection:
        row = hold_flag(connection, school_id, flag_id, reader)
        if row.drill:
            raise UsageError("this is a drill and needs no decision")
        # Not the category: what a flag is about does not go into a log that others read.
        detail = f"{row.verdict} became {verdict.value}" if row.verdict else verdict.value
        _record(connection, school_id, reader, "flag.decided", flag_id, now_ns, detail=detail)
        connection.execute(
            update(flags)
            .where(flags.c.flag_id == flag_id)
            .values(
                state=FlagState.DECIDED.value,
                verdict=verdict.value,
                category=category if verdict in WITH_CATEGORY else "",
                action=action,
                decided_by=reader.name,
                decided_at_ns=now_ns,
            )
        )
        resolve_if_all_decided(connection, school_id, row, reader, now_ns)


def add_note(engine: Engine, school_id: str, flag_id: str, *, reader: Reader, sealed: bytes, now_ns: int) -> None:
    """Keep a note that the reader's browser sealed.

    Raises:
        UsageError: there is no such flag for this reader, or it is not sealed.
    """
    verify_age_file(sealed, MAX_NOTE_BYTES)
    with writing(engine) as connection:
        hold_flag(connection, school_id, flag_id, reader)
        _record(connection, school_id, reader, "flag.noted", flag_id, now_ns)
        connection.execute(
            insert(flag_notes).values(
                school_id=school_id, flag_id=flag_id, made_at_ns=now_ns, made_by=reader.name, sealed=sealed
            )
        )


def add_copy(
    engine: Engine, school_id: str, flag_id: str, *, reader: Reader, for_reader: Reader, sealed: bytes, now_ns: int
) -> None:
    """Keep a flag that the reader's browser sealed again, for a reader who came later or has a new key.

    It takes the place of one that he made himself before, and of nobody else's.

    Raises:
        UsageError: there is no such flag for one of the two, it is not sealed, or somebody else has made a copy.
    """
    verify_age_file(sealed, MAX_COPY_BYTES)
    with writing(engine) as connection:
        hold_flag(connection, school_id, flag_id, reader)
        if connection.execute(_visible(school_id, for_reader).where(flags.c.flag_id == flag_id)).first() is None:
            raise UsageError(f"{for_reader.name} may not read this flag")
        his = (flag_copies.c.flag_id == flag_id) & (flag_copies.c.user_name == for_reader.name)
        made_by = connection.execute(select(flag_copies.c.made_by).where(his)).scalar()
        if made_by not in (None, reader.name):
            raise UsageError(f"{made_by} has sealed a copy for {for_reader.name} already", hint=f"ask {made_by}")
        _record(connection, school_id, reader, "flag.copied", flag_id, now_ns, detail=f"for {for_reader.name}")
        connection.execute(delete(flag_copies).where(his))
        connection.execute(
            insert(flag_copies).values(
                school_id=school_id,
                flag_id=flag_id,
                user_name=for_reader.name,
                made_at_ns=now_ns,
                made_by=reader.name,
                sealed=sealed,
            )
        )


def _visible(school_id: str, reader: Reader) -> Any:
    """The law as a query."""
    barred = [
        not_(and_(flags.c.recipients_version == version, flags.c.route == route.value))
        for version, route in sorted(reader.barred)
    ]
    return (
        select(flags, devices.c.hostname)
        .join_from(flags, devices, devices.c.device_id == flags.c.device_id)
        .where(flags.c.school_id == school_id)
        .where(flags.c.route.in_([route.value for route in reader.routes if route is not Route.OUTSIDE]))
        .where(flags.c.subject_ref.not_in(reader.own_refs), *barred)
    )


def _narrow(query: Any, wanted: Wanted) -> Any:
    if wanted.states is not None:
        query = query.where(flags.c.state.in_([state.value for state in wanted.states]))
    if wanted.tier is not None:
        query = query.where(flags.c.tier == int(wanted.tier))
    if wanted.subject_ref is not None:
        query = query.where(flags.c.subject_ref == wanted.subject_ref)
    return query if wanted.drill is None else query.where(flags.c.drill.is_(wanted.drill))


def hold_flag(connection: Connection, school_id: str, flag_id: str, reader: Reader) -> Row[Any]:
    """Return the row of a flag of this reader. Nobody changes it until the commit.

    Raises:
        UsageError: there is no such flag for this reader.
    """
    query = _visible(school_id, reader).where(flags.c.flag_id == flag_id)
    row = connection.execute(query.with_for_update(of=flags)).first()
    if row is None:
        raise UsageError("there is no such flag")
    return row


def resolve_if_all_decided(connection: Connection, school_id: str, row: Row[Any], reader: Reader, now_ns: int) -> None:
    """Resolve the incident of a flag's route and account if none of its flags waits, in the caller's transaction."""
    subject = to_flag_subject(row.route, row.subject_ref)
    # Held before we count: a flag that comes in meanwhile waits for us and opens it again.
    incident_id = hold_for(connection, school_id, rule=FLAG_RULE, subject=subject)
    waiting = select(flags.c.flag_id).where(
        flags.c.school_id == school_id,
        flags.c.route == row.route,
        flags.c.subject_ref == row.subject_ref,
        flags.c.state != FlagState.DECIDED.value,
        flags.c.drill.is_(False),
    )
    if incident_id is not None and connection.execute(waiting.limit(1)).first() is None:
        resolve_held(connection, school_id, incident_id, actor=reader.name, now_ns=now_ns)


def _load_original(connection: Connection, event_id: int) -> bytes:
    row = connection.execute(select(payloads).where(payloads.c.event_id == event_id)).first()
    if row is None or row.missing != Missing.NO:
        return b""
    try:
        return bytes(decode_body(FlagRaised.kind, row.body).sealed)
    except MalformedError:
        return b""


def _record(
    connection: Connection, school_id: str, reader: Reader, action: str, flag_id: str, now_ns: int, *, detail: str = ""
) -> None:
    record(
        connection,
        school_id,
        actor=reader.name,
        action=action,
        subject=f"flag/{flag_id}",
        detail=detail,
        now_ns=now_ns,
    )


def _to_flag(row: Row[Any]) -> Flag:
    return Flag(
        id=row.flag_id,
        number=row.event_id,
        device_id=row.device_id,
        hostname=row.hostname,
        tier=Tier(row.tier),
        route=Route(row.route),
        drill=row.drill,
        subject_ref=row.subject_ref,
        recipients_version=row.recipients_version,
        device_time_ns=row.device_time_ns,
        received_at_ns=row.received_at_ns,
        state=FlagState(row.state),
        verdict=row.verdict,
        category=row.category,
        action=row.action,
        decided_by=row.decided_by,
        decided_at_ns=row.decided_at_ns,
    )
