# SPDX-License-Identifier: Apache-2.0
"""Erases the content of events: payload and salt go, a signed tombstone comes, and the chain still verifies.

    1 place     where each event stands in its device's chain: its header stays for ever, and names nobody
    2 tombstone signed, linked to the one before it, for every event whose content is there
    3 content   payload and salt; without the salt nobody can guess what a short text was
    4 copies    of the same bytes in what the device sent and was refused, and in what came as another's
    5 words     that the collector made of it: an incident's line, and its subject if nothing else is left behind it

What stays: headers; what the collector knows of a machine today (its software, media, sessions: the device's next
list takes its place); what people wrote about an incident; the audit log. Backups keep what they hold until the school
lets them go. Who may ask for it is for the caller: `commands.erasure` for the operator, `annulment` for readers.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from collector import audit
from collector.errors import StoreError, UsageError
from collector.ledger import SEALED_KINDS, forget_refused
from collector.store.engine import BUSY_TIMEOUT_MS, reading, writing
from collector.store.schema import devices, envelopes, events, held_sightings, incident_events, incidents, payloads
from collector.tombstones import Grave, Reason, add_tombstones, verify_note
from proto.chain import link
from proto.events import Audience, Missing
from proto.keys import Signer
from proto.wire import decode_header, decode_header_block

MAX_EVENTS = 10_000
"""In one go, and one row of the audit log for each transaction of it."""
EVENTS_A_TRANSACTION = 100
"""No writer waits long for a great erasure: devices are heard between two of these."""
ERASED_WORDS = "what a device said about it was erased"

LOG_TRIES = 10
LOG_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """One event that somebody wants to have erased, without its content."""

    event_id: int
    device: str
    hostname: str
    kind: str
    device_time_ns: int
    has_content: bool
    """False when it was erased before, or never came."""


def plan_erasure(engine: Engine, school_id: str, event_ids: Sequence[int]) -> list[Doomed]:
    """Return what would be erased, by number. Flags are for their readers to annul.

    Raises:
        UsageError: there is no such event, it is for the readers of flags only, or there are too many.
    """
    wanted = sorted(set(event_ids))
    if len(wanted) > MAX_EVENTS:
        raise UsageError(f"{len(wanted)} events are too many to erase at once", hint=f"at most {MAX_EVENTS}")
    query = (
        select(
            events.c.event_id,
            events.c.device_id.label("device"),
            devices.c.hostname,
            events.c.kind,
            events.c.device_time_ns,
            (payloads.c.missing == Missing.NO).label("has_content"),
        )
        .join_from(events, devices, devices.c.device_id == events.c.device_id)
        .join(payloads, payloads.c.event_id == events.c.event_id)
        .where(events.c.school_id == school_id)
        .order_by(events.c.event_id)
    )
    with reading(engine) as connection:
        found = [
            Doomed(**row)
            for chunk in _chunks(wanted)
            for row in connection.execute(query.where(events.c.event_id.in_(chunk))).mappings()
        ]
    strangers = set(wanted) - {each.event_id for each in found}
    if strangers:
        raise UsageError(f"there is no event {min(strangers)}", hint="the number stands on the page of its device")
    sealed = [each.event_id for each in found if each.kind in SEALED_KINDS]
    if sealed:
        raise UsageError(f"event {sealed[0]} is for readers of flags", hint="one of them annuls it in the console")
    return found


def list_events_of(engine: Engine, school_id: str, incident_id: str) -> list[int]:
    """Return the events that a security incident is known to rest on; one that counts very many lists not all.

    Raises:
        UsageError: there is no such incident.
    """
    query = select(incidents.c.first_event_id, incidents.c.last_event_id).where(
        incidents.c.school_id == school_id,
        incidents.c.incident_id == incident_id,
        incidents.c.audience != Audience.SAFEGUARDING.name.lower(),
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
        if row is None:
            raise UsageError("there is no such incident", hint="list them: schoolwarden-collector incidents")
        return sorted(_list_known(connection, incident_id) | {row.first_event_id, row.last_event_id} - {0})


def erase_events(
    engine: Engine,
    school_id: str,
    signer: Signer,
    event_ids: Sequence[int],
    *,
    reason: Reason,
    note: str,
    now_ns: int,
    actor: str = audit.COMMAND_LINE,
) -> int:
    """Erase the content of events, and return how many had any; to empty the log after it is for the caller.

    It takes transactions enough, each with its row in the audit log, which says how far it has come.

    Raises:
        UsageError: one of them cannot be erased so, see `plan_erasure`, or the note is empty or too long.
        StoreError: it ended half way, and says where.
    """
    verify_note(note)
    doomed = [each for each in plan_erasure(engine, school_id, event_ids) if each.has_content]
    # By device: each one's refused evidence is looked through in few transactions.
    wanted = [each.event_id for each in sorted(doomed, key=lambda each: (each.device, each.event_id))]
    done = 0
    for chunk in _chunks(wanted, EVENTS_A_TRANSACTION):
        try:
            with writing(engine) as connection:
                count = erase_contents(
                    connection, school_id, signer, chunk, reason=reason, actor=actor, note=note.strip(), now_ns=now_ns
                )
                so_far = f"{done + count}" if len(wanted) == len(chunk) else f"{done + count} of {len(wanted)}"
                audit.record(
                    connection,
                    school_id,
                    actor=actor,
                    action="events.erased",
                    subject=f"events/{chunk[0]}" if len(chunk) == 1 else f"events/{min(chunk)}-{max(chunk)}",
                    detail=f"{so_far}, {reason.value}: {note.strip()}",
                    now_ns=now_ns,
                )
        except StoreError as error:
            if not done:
                raise
            said = f"only {done} of {len(wanted)} events are erased: {error.message}"
            raise StoreError(said, hint="ask for the same again: it goes on from there") from error
        done += count
    return done


def erase_contents(
    connection: Connection,
    school_id: str,
    signer: Signer,
    event_ids: Sequence[int],
    *,
    reason: Reason,
    actor: str,
    note: str,
    now_ns: int,
) -> int:
    """Do steps 1 to 5 inside the caller's transaction, for events of any kind; return how many had content.

    Raises:
        UsageError: the ledger holds no such event.
    """
    erased = []
    for event_id in sorted(set(event_ids)):
        query = select(payloads).where(payloads.c.school_id == school_id, payloads.c.event_id == event_id)
        content = connection.execute(query.with_for_update()).first()
        if content is None:
            raise UsageError(f"there is no event {event_id}")
        if content.missing == Missing.NO:
            # 1
            erased.append((_find_grave(connection, school_id, event_id), content))
    # 2
    graves = [grave for grave, _ in erased]
    add_tombstones(connection, school_id, signer, graves, reason=reason, actor=actor, note=note, now_ns=now_ns)
    # 3
    for grave in graves:
        connection.execute(
            update(payloads)
            .where(payloads.c.event_id == grave.event_id)
            .values(salt=b"", body=b"", missing=int(Missing.ERASED))
        )
    # 4
    forget_refused(connection, school_id, {grave.device_id for grave in graves}, {each.salt for _, each in erased})
    # 5
    _forget_words(connection, school_id, [grave.event_id for grave in graves])
    return len(graves)


def truncate_log(engine: Engine) -> bool:
    """Empty the embedded database's write-ahead log, which holds older pages; False if it could not be.

    Its pages themselves are overwritten at the commit (`secure_delete`). PostgreSQL keeps old rows until VACUUM. The
    collector tries it with each checkpoint, too.
    """
    if engine.dialect.name != "sqlite":
        return True
    for _ in range(LOG_TRIES):
        if _try_to_truncate(engine):
            return True
        time.sleep(LOG_PAUSE_S)
    return False


def _try_to_truncate(engine: Engine) -> bool:
    try:
        with closing(engine.raw_connection()) as connection:
            cursor = connection.cursor()
            # It must not wait for readers there: it would have the writers' lock meanwhile, and all wait for that.
            cursor.execute("PRAGMA busy_timeout = 0")
            try:
                row = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            return bool(row is not None and row[0] == 0)
    except (engine.dialect.loaded_dbapi.Error, SQLAlchemyError):
        return False


def _find_grave(connection: Connection, school_id: str, event_id: int) -> Grave:
    row = connection.execute(
        select(envelopes)
        .where(envelopes.c.school_id == school_id, envelopes.c.first_event_id <= event_id)
        .order_by(envelopes.c.first_event_id.desc())
        .limit(1)
    ).first()
    place = event_id - row.first_event_id if row is not None else -1
    if row is None or place > row.last_seq - row.first_seq:
        raise UsageError(f"event {event_id} belongs to no envelope", hint="see schoolwarden-collector verify")
    raw = decode_header_block(row.header_block)[place]
    digest = link(raw, decode_header(raw).previous_hash)
    return Grave(event_id, row.device_id, row.epoch, row.first_seq + place, digest)


def _forget_words(connection: Connection, school_id: str, event_ids: Sequence[int]) -> None:
    """Step 5. Incidents of flags say nothing of their content; what becomes of them is `annulment`'s business."""
    for chunk in _chunks(event_ids):
        # What was to become an incident, or counts for one: it holds the same words. Before incidents, as in ingest.
        mine = (held_sightings.c.school_id == school_id, held_sightings.c.event_id.in_(chunk))
        connection.execute(delete(held_sightings).where(*mine))
    for row in _find_incidents(connection, school_id, event_ids):
        known = _list_known(connection, row.incident_id) | {row.first_event_id, row.last_event_id} - {0}
        left = _list_with_content(connection, known)
        forgotten: dict[str, Any] = {}
        if row.last_event_id not in left:
            forgotten["summary"] = f"{row.rule_title}: {ERASED_WORDS}"
        if not left:
            # What it is about is named in the subject, and nothing that still stands says it.
            forgotten |= {"subject": f"erased/{row.incident_id}", "group_key": "erased"}
        if forgotten:
            connection.execute(update(incidents).where(incidents.c.incident_id == row.incident_id).values(**forgotten))


def _find_incidents(connection: Connection, school_id: str, event_ids: Sequence[int]) -> list[Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for chunk in _chunks(event_ids):
        listed = select(incident_events.c.incident_id).where(incident_events.c.event_id.in_(chunk))
        query = select(incidents).where(
            incidents.c.school_id == school_id,
            incidents.c.audience != Audience.SAFEGUARDING.name.lower(),
            or_(
                incidents.c.incident_id.in_(listed),
                incidents.c.first_event_id.in_(chunk),
                incidents.c.last_event_id.in_(chunk),
            ),
        )
        # Held: ingest must not count one up while its words go.
        found |= {row.incident_id: row for row in connection.execute(query.with_for_update())}
    return list(found.values())


def _list_known(connection: Connection, incident_id: str) -> set[int]:
    query = select(incident_events.c.event_id).where(incident_events.c.incident_id == incident_id)
    return set(connection.execute(query).scalars())


def _list_with_content(connection: Connection, event_ids: set[int]) -> set[int]:
    with_content = select(payloads.c.event_id).where(payloads.c.missing == int(Missing.NO))
    return {
        event_id
        for chunk in _chunks(sorted(event_ids))
        for event_id in connection.execute(with_content.where(payloads.c.event_id.in_(chunk))).scalars()
    }


def _chunks(numbers: Sequence[int], size: int = 500) -> list[Sequence[int]]:
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]
