# SPDX-License-Identifier: Apache-2.0
"""What evidence is asked about: an incident of security, or one safeguarding flag; and what its asker may be shown.

What is told here is the collector's word, not evidence. The evidence itself, which devices signed, is in `chains`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from collector.errors import UsageError
from collector.flags import find_flag
from collector.incidents import find_incident, list_history
from collector.readers import Reader
from collector.store.engine import reading
from collector.store.schema import flags, incident_events
from proto.events import Audience, FlagRaised

MAX_ENVELOPES_AT_THE_CONSOLE = 5_000
MAX_ENVELOPES = 1_000_000
_WAY_OUT_OF_OPERATOR = (
    "--with-sealed-headers gives it, if it is headers of safeguarding events that stand in it; whoever gets the file "
    "learns of them. If it is too long, resolve incidents sooner: each is a case"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a file of evidence is about."""

    name: str
    """`incident/<id>` or `flag/<id>`."""
    rule: str
    """The id of the rule; empty for a flag, whose rule is sealed."""
    word: dict[str, Any]
    """What the collector says of it, each with a name."""
    event_ids: tuple[int, ...]
    """The events that it rests on."""
    may_show: Callable[[int, str], bool]
    """Whether its asker may learn that a sealed event of this number and kind stands among the others."""
    max_envelopes: int = MAX_ENVELOPES_AT_THE_CONSOLE
    way_out: str = "ask whoever runs the collector; for evidence of a flag, another of its readers"
    """What its asker can do if it cannot be given to him."""
    given_beside: str = ""
    """What the audit log says was given beside the case."""


def load_incident(
    engine: Engine, school_id: str, incident_id: str, *, is_operator: bool, with_sealed_headers: bool = False
) -> Case:
    """Return the case of an incident of security. Who has the database anyway may give headers of sealed events away.

    He has to say so: whoever gets the file would learn that somebody was flagged, when, and on which device.

    Raises:
        UsageError: there is no such incident, or no event stands behind it.
    """
    incident = find_incident(engine, school_id, incident_id, audiences=[Audience.SECURITY])
    if incident is None:
        raise UsageError(
            f"there is no security incident {incident_id[:40]!r}",
            hint="`incidents` lists them. Evidence of a safeguarding flag is given to its readers, at the console",
        )
    query = (
        select(incident_events.c.event_id)
        .where(incident_events.c.school_id == school_id, incident_events.c.incident_id == incident_id)
        .order_by(incident_events.c.event_id)
    )
    with reading(engine) as connection:
        event_ids = tuple(connection.execute(query).scalars())
    if not event_ids:
        raise UsageError(
            "no event stands behind this incident, so there is nothing that a device signed",
            hint="it is about something that was refused: see schoolwarden-collector refused",
        )
    word = _to_word(asdict(incident)) | {"clauses": " ".join(incident.clauses)}
    for number, entry in enumerate(list_history(engine, school_id, incident.id), 1):
        word[f"history {number:04}"] = f"{to_time(entry.at_ns)} {entry.actor}: {entry.action} {entry.note}".strip()
    return Case(
        name=f"incident/{incident.id}",
        rule=incident.rule,
        word=word | {"sightings that were only counted": max(incident.count - len(event_ids), 0)},
        event_ids=event_ids,
        may_show=lambda _event_id, _kind: is_operator and with_sealed_headers,
        max_envelopes=MAX_ENVELOPES if is_operator else MAX_ENVELOPES_AT_THE_CONSOLE,
        way_out=_WAY_OUT_OF_OPERATOR if is_operator else "ask whoever runs the collector",
        given_beside=", with sealed headers" if is_operator and with_sealed_headers else "",
    )


def load_flag(engine: Engine, school_id: str, flag_id: str, *, reader: Reader) -> Case:
    """Return the case of one flag, for somebody who reads it. Flags that he may not see must not stand beside it.

    Raises:
        UsageError: there is no such flag for this reader.
    """
    flag = find_flag(engine, school_id, flag_id, reader=reader)
    if flag is None:
        raise UsageError("there is no such flag")
    word = _to_word(asdict(flag)) | {
        "tier": flag.tier.name.lower(),
        "route": flag.route.value,
        "state": flag.state.value,
        "subject_ref": flag.subject_ref.hex(),
    }

    def may_show(event_id: int, kind: str) -> bool:
        if kind != FlagRaised.kind:
            return True
        query = select(flags.c.flag_id).where(flags.c.school_id == school_id, flags.c.event_id == event_id)
        with reading(engine) as connection:
            other = connection.execute(query).scalar()
        return other is not None and find_flag(engine, school_id, other, reader=reader) is not None

    return Case(
        name=f"flag/{flag.id}",
        rule="",
        word=word,
        event_ids=(flag.number,),
        may_show=may_show,
    )


def _to_word(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with times that a person can read."""
    return {
        name.removesuffix("_ns"): to_time(value) if name.endswith("_ns") and value is not None else value
        for name, value in values.items()
    }


def to_time(at_ns: int) -> str:
    """Return a time of the collector's clock as it stands in a history."""
    return f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"
