# SPDX-License-Identifier: Apache-2.0
"""What a device does on its line that is evidence by itself: bytes that are no message, and more than anybody sends.

`stream` notices both; whether envelopes are right is `admission`'s part, how much is too much `pressure`'s.
"""

from sqlalchemy import Engine

from collector import ledger
from collector.counting import Sighting, record_sightings
from collector.store.engine import writing
from proto.events import Audience

FLOOD_RULE = "device-floods"
_FLOOD_TITLE = "A device sends more than any ordinary one"


def keep_garbled(engine: Engine, school_id: str, device_id: str, raw: bytes, *, peer: str, now_ns: int) -> None:
    """Keep bytes that cannot be read as a message: their beginning, their size, and the address that they came from.

    Raises:
        StoreError: the database does not answer.
    """
    detail = f"not a message: {len(raw)} bytes from {peer}"
    with writing(engine) as connection:
        ledger.keep_refused(connection, school_id, device_id, raw=raw, reason="malformed", detail=detail, now_ns=now_ns)


def note_flood(engine: Engine, school_id: str, device_id: str, *, now_ns: int) -> None:
    """Open or count the incident of a device that used up what it may send at once, and still sends.

    Raises:
        StoreError: the database does not answer.
    """
    sighting = Sighting(
        rule=FLOOD_RULE,
        rule_title=_FLOOD_TITLE,
        audience=Audience.SECURITY,
        severity=3,
        action_class="unacceptable",
        device_id=device_id,
        subject=f"device/{device_id}/{FLOOD_RULE}",
        group_key=FLOOD_RULE,
        summary=f"{_FLOOD_TITLE}; nothing is lost, and it is read more slowly until it stops",
        clauses=("WE-12",),
        event_id=0,
    )
    with writing(engine) as connection:
        record_sightings(connection, school_id, [sighting], now_ns)
