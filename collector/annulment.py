# SPDX-License-Identifier: Apache-2.0
"""Annuls a flag (WH-23): what stands against a person and should not goes, and only a number stays.

    1 who       a reader of that flag, so never its subject (`flags`), and with a reason of a fixed list
    2 content   what the device sealed is erased, with a tombstone (`erasure`)
    3 beside it notes and copies
    4 row       tier and day stay; account, device, times, decision and route go
    5 incident  of that route and account: it forgets the flag, or goes if there was no other
    6 log       who annulled which flag, and why; nothing of whom it was about

It cannot be undone, and no page finds the flag again. The event's signed header stays, as every header does: it says
that this device raised a flag then, and of nobody who it was about. Asking first is the business of the page.
"""

from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, delete, select, true, update

from collector.audit import record
from collector.erasure import erase_contents, truncate_log
from collector.errors import UsageError
from collector.flags import hold_flag, resolve_if_all_decided
from collector.incidents import Action
from collector.readers import Reader
from collector.sightings import FLAG_RULE, sighting_of_flag, to_flag_subject
from collector.store.engine import writing
from collector.store.schema import flag_copies, flag_notes, flags, incident_events, incident_history, incidents
from collector.tombstones import Reason
from proto.events import Tier
from proto.keys import Signer
from proto.sealed import SUBJECT_REF_BYTES

ANNULLED = "annulled"
"""The route and the state of what is left: no reader has that route."""
DAY_NS = 24 * 3600 * 10**9

WHY = {
    "false_match": "The words fit, the meaning does not",
    "wrong_account": "Somebody else sat there: it stands under the wrong account",
    "malicious": "Somebody typed it to harm another",
    "unfounded": "It was looked into, and there is nothing in it",
    "test": "Somebody tried out whether it works",
}
"""The reasons. No free text: it would name the person, and stay for ever."""


def annul_flag(
    engine: Engine, school_id: str, flag_id: str, *, reader: Reader, signer: Signer, why: str, now_ns: int
) -> bool:
    """Do steps 1 to 6 in one transaction; return whether the database's log of older pages could be emptied after it.

    Raises:
        UsageError: there is no such flag for this reader, it is a drill, or the reason is none of ours.
    """
    # 1
    if why not in WHY:
        raise UsageError("choose why it is annulled")
    with writing(engine) as connection:
        row = hold_flag(connection, school_id, flag_id, reader)
        if row.drill:
            raise UsageError("this is a drill and stands against nobody")
        # 2
        erase_contents(
            connection,
            school_id,
            signer,
            [row.event_id],
            reason=Reason.ANNULLED,
            actor=reader.name,
            note=why,
            now_ns=now_ns,
        )
        # 3
        for table in (flag_notes, flag_copies):
            connection.execute(delete(table).where(table.c.flag_id == flag_id))
        # 4
        connection.execute(update(flags).where(flags.c.flag_id == flag_id).values(_what_stays(row)))
        # 5
        _forget_in_incident(connection, school_id, row)
        resolve_if_all_decided(connection, school_id, row, reader, now_ns)
        # 6
        record(
            connection,
            school_id,
            actor=reader.name,
            action="flag.annulled",
            subject=f"flag/{flag_id}",
            detail=why,
            now_ns=now_ns,
        )
    return truncate_log(engine)


def _what_stays(row: Row[Any]) -> dict[str, Any]:
    """Return the values of a row that counts and tells of nobody. Its event's number stays: an event has one flag."""
    day_ns = row.received_at_ns - row.received_at_ns % DAY_NS
    return {
        "device_id": "",
        "route": ANNULLED,
        "subject_ref": bytes(SUBJECT_REF_BYTES),
        "recipients_version": 0,
        "device_time_ns": day_ns,
        "received_at_ns": day_ns,
        "state": ANNULLED,
        "verdict": "",
        "category": "",
        "action": "",
        "decided_by": "",
        "decided_at_ns": None,
    }


def _forget_in_incident(connection: Connection, school_id: str, row: Row[Any]) -> None:
    """Step 5, after step 4: the flags that are left are what the incident says from now on."""
    subject = to_flag_subject(row.route, row.subject_ref)
    incident = connection.execute(
        select(incidents)
        .where(incidents.c.school_id == school_id, incidents.c.rule == FLAG_RULE, incidents.c.subject == subject)
        .with_for_update()
    ).first()
    if incident is None:
        return
    left = connection.execute(
        select(flags)
        .where(
            flags.c.school_id == school_id,
            flags.c.route == row.route,
            flags.c.subject_ref == row.subject_ref,
            flags.c.drill.is_(False),
        )
        .order_by(flags.c.event_id)
    ).all()
    for table in (incident_events, incident_history):
        its_own = table.c.incident_id == incident.incident_id
        by_this = its_own & (table.c.event_id == row.event_id)
        connection.execute(delete(table).where(its_own if not left else by_this & _is_no_opening(table)))
    mine = incidents.c.incident_id == incident.incident_id
    if not left:
        connection.execute(delete(incidents).where(mine))
        return
    first, last = left[0], left[-1]
    # A history begins with what opened it, and from now on that is the first flag that is left.
    connection.execute(
        update(incident_history)
        .where(incident_history.c.incident_id == incident.incident_id, incident_history.c.event_id == row.event_id)
        .values(event_id=first.event_id, at_ns=first.received_at_ns)
    )
    connection.execute(
        update(incidents)
        .where(mine)
        .values(
            count=len(left),
            severity=max(_to_severity(each) for each in left),
            device_id=first.device_id,
            opened_at_ns=first.received_at_ns,
            last_seen_at_ns=last.received_at_ns,
            first_event_id=first.event_id,
            last_event_id=last.event_id,
        )
    )


def _is_no_opening(table: Table) -> Any:
    return table.c.action != Action.OPENED.value if table is incident_history else true()


def _to_severity(row: Row[Any]) -> int:
    return sighting_of_flag(Tier(row.tier), row.route, row.subject_ref, row.device_id, row.event_id).severity
