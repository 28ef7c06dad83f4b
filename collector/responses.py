# SPDX-License-Identifier: Apache-2.0
"""What the school did about an incident, beside what its policy names for it.

The policy's row says from which severity or from which time on something is offered; either is enough, and what is not
due yet may be done too: people decide. Two things are kept from being recorded: that parents were told before the
DSL agreed to it (`parents`), and anything by somebody who may not see the incident. Which row of the policy fits an
incident is for the page; what is done itself, nothing here does.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select

from collector import audit
from collector.errors import UsageError
from collector.incidents import Action, hold_seen, note_history
from collector.store.engine import reading, writing
from collector.store.schema import incident_responses, parent_decisions
from proto.events import Audience
from rules.responses import Offer, Step

MAX_CHARACTERS = 1000
OTHER = "other"
"""Something that the policy does not name."""

NAMES: dict[str, str] = {
    Step.CLASS_TEACHER: "Class teacher",
    Step.E_SAFETY_COORDINATOR: "E-safety co-ordinator or senior leadership",
    Step.HEADTEACHER: "Headteacher",
    Step.LINE_MANAGER: "Line manager",
    Step.DSL: "Designated safeguarding lead",
    Step.POLICE: "Police",
    Step.LADO: "Local authority designated officer (LADO)",
    Step.SOCIAL_CARE: "Children’s social care",
    Step.LOCAL_AUTHORITY: "Local authority",
    Step.HR: "Local authority or HR",
    Step.GOVERNORS: "Governors",
    Step.SAFE_SCHOOLS_TEAM: "Safe-schools team",
    Step.TECHNICAL_SUPPORT: "Technical support",
    Step.PARENTS: "Parents or carers told",
    Step.REMOVE_ACCESS: "Access taken away",
    Step.WARNING: "Warning",
    Step.FURTHER_SANCTION: "Further sanction",
    Step.SUSPENSION: "Suspension",
    Step.DISCIPLINARY: "Disciplinary action",
    Step.BREACH_RECORD: "Data protection breach recorded",
    OTHER: "Something else",
}
"""In the words of the record, by step."""


class About(StrEnum):
    """Under which of the two matrices something was done."""

    PUPIL = "pupil"
    STAFF = "staff"
    UNKNOWN = "unknown"
    """Nobody knows who it was, or it was nobody: a safeguard that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One step of a row, for one incident."""

    step: Step
    is_due: bool
    """Whether the incident is bad enough, or came often enough."""
    from_severity: int
    from_time: int


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done, as a person says it."""

    step: str
    """A `Step`, or OTHER."""
    about: About
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Something that was done, as it is kept."""

    step: str
    about: str
    outcome: str
    recorded_by: str
    recorded_at_ns: int

    @property
    def name(self) -> str:
        """The step in words; one that no version of ours knows any more stays as it is."""
        return NAMES.get(self.step, self.step)


def list_offers(offers: Iterable[Offer], *, severity: int, times: int) -> list[Offered]:
    """Return a row's steps in the policy's order, each with whether it is due for an incident."""
    return [
        Offered(
            step=offer.step,
            is_due=_is_due(offer, severity, times),
            from_severity=offer.from_severity,
            from_time=offer.from_time,
        )
        for offer in offers
    ]


def _is_due(offer: Offer, severity: int, times: int) -> bool:
    # 1 says nothing: then the other one alone counts.
    is_bad = offer.from_severity > 1 and severity >= offer.from_severity
    is_frequent = offer.from_time > 1 and times >= offer.from_time
    return is_bad or is_frequent or (offer.from_severity <= 1 and offer.from_time <= 1)


def list_responses(engine: Engine, school_id: str, incident_id: str) -> list[Recorded]:
    """Return what was done about an incident, in order. The caller has checked that the reader may see it."""
    return list_responses_of(engine, school_id, [incident_id]).get(incident_id, [])


def list_responses_of(engine: Engine, school_id: str, incident_ids: Iterable[str]) -> dict[str, list[Recorded]]:
    """Return what was done about each of some incidents, those without anything left out."""
    found: dict[str, list[Recorded]] = {}
    wanted = list(incident_ids)
    with reading(engine) as connection:
        for chunk in (wanted[start : start + 500] for start in range(0, len(wanted), 500)):
            query = (
                select(incident_responses)
                .where(
                    incident_responses.c.school_id == school_id,
                    incident_responses.c.incident_id.in_(chunk),
                )
                .order_by(incident_responses.c.response_id)
            )
            for row in connection.execute(query):
                found.setdefault(row.incident_id, []).append(_to_recorded(row))
    return found


def record_response(
    engine: Engine,
    school_id: str,
    incident_id: str,
    deed: Deed,
    *,
    audiences: Collection[Audience],
    actor: str,
    now_ns: int,
) -> None:
    """Write down what was done and what came of it: in the incident, its history and the audit log.

    Raises:
        UsageError: there is no such incident for this reader or no such step, the outcome is missing or too long, or
            parents were told and the DSL did not agree to it.
    """
    step, about, outcome = deed.step, deed.about, deed.outcome.strip()
    if step not in NAMES:
        raise UsageError("choose what was done")
    if not outcome:
        raise UsageError("say what came of it", hint="what was said or decided, and by whom")
    if len(outcome) > MAX_CHARACTERS:
        raise UsageError(f"that is longer than {MAX_CHARACTERS} characters")
    with writing(engine) as connection:
        hold_seen(connection, school_id, incident_id, audiences=audiences)
        if step == Step.PARENTS:
            _verify_parents(connection, school_id, incident_id, about)
        connection.execute(
            insert(incident_responses).values(
                school_id=school_id,
                incident_id=incident_id,
                step=str(step),
                about=about.value,
                outcome=outcome,
                recorded_by=actor,
                recorded_at_ns=now_ns,
            )
        )
        note = f"{_name(step, about)}: {outcome}"
        note_history(connection, school_id, incident_id, now_ns, actor, Action.RESPONDED, note=note)
        # What people wrote about an incident is for those who see it: the log says which step, never the words.
        audit.record(
            connection,
            school_id,
            actor=actor,
            action="incident.responded",
            subject=f"incident/{incident_id}",
            detail=_name(step, about),
            now_ns=now_ns,
        )


def _verify_parents(connection: Connection, school_id: str, incident_id: str, about: About) -> None:
    if about is About.STAFF:
        raise UsageError("the parents of staff are told nothing", hint="say that it is about a pupil")
    state = connection.execute(
        select(parent_decisions.c.state).where(
            parent_decisions.c.school_id == school_id, parent_decisions.c.incident_id == incident_id
        )
    ).scalar()
    if state != "agreed":
        raise UsageError("the DSL did not agree that parents are told", hint="ask, and wait for the answer")


def _name(step: str, about: About) -> str:
    return NAMES[step] if about is About.UNKNOWN else f"{NAMES[step]} ({about.value})"


def _to_recorded(row: Row[Any]) -> Recorded:
    return Recorded(**{name: getattr(row, name) for name in Recorded.__dataclass_fields__})
