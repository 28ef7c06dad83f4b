# SPDX-License-Identifier: Apache-2.0
"""The allow list, and how ordinary software gets on it: programs that came at once are one proposal, one decision.

A forbidden program is never made ordinary here: rules that forbid do not look at the allow list.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from collector import audit
from collector.errors import UsageError
from collector.store.engine import reading, writing
from collector.store.schema import approved_programs, devices, payloads, proposals
from proto.events import SoftwareListed
from proto.wire import decode_body
from rules.names import to_name

MAX_NAME_CHARACTERS = 256
MAX_OPEN_OF_A_DEVICE = 100
"""More than that nobody looks through; what else it lists is in its inventory all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Programs that a device had or got at once."""

    id: str
    device: str
    hostname: str
    made_at_ns: int
    state: str
    """proposed or decided"""
    programs: int
    """How many were not on the allow list when it was made."""
    approved: int
    decided_at_ns: int | None
    decided_by: str | None


@dataclass(frozen=True, slots=True)
class ProposedProgram:
    """One program of a proposal."""

    name: str
    version: str
    source: str
    is_approved: bool


@dataclass(frozen=True, slots=True)
class AllowedProgram:
    """One program of the allow list."""

    name: str
    """In lower case."""
    approved_at_ns: int
    approved_by: str


def offer(connection: Connection, school_id: str, device_id: str, event_id: int, listed: Any, now_ns: int) -> None:
    """Make a proposal of a software list, unless all of it is on the allow list already or too many wait."""
    is_open = (proposals.c.device_id == device_id, proposals.c.state == "proposed")
    if (
        connection.execute(select(func.count()).select_from(proposals).where(*is_open)).scalar_one()
        >= MAX_OPEN_OF_A_DEVICE
    ):
        return
    approved = list_approved(connection, school_id)
    new = {to_name(program.name) for program in listed.programs if _can_be_listed(program.name)} - approved
    if new:
        connection.execute(
            insert(proposals).values(
                proposal_id=secrets.token_hex(8),
                school_id=school_id,
                device_id=device_id,
                event_id=event_id,
                made_at_ns=now_ns,
                state="proposed",
                programs=len(new),
            )
        )


def list_proposals(engine: Engine, school_id: str) -> list[Proposal]:
    """Return all proposals, those that wait for a decision first, newest first."""
    query = (
        select(proposals, devices.c.hostname)
        .join_from(proposals, devices, devices.c.device_id == proposals.c.device_id)
        .where(proposals.c.school_id == school_id)
        .order_by(proposals.c.state.desc(), proposals.c.made_at_ns.desc())
    )
    with reading(engine) as connection:
        return [_to_proposal(row) for row in connection.execute(query)]


def find_proposal(engine: Engine, school_id: str, proposal_id: str) -> tuple[Proposal, list[ProposedProgram]] | None:
    """Return a proposal with its programs by name, or None. The programs are gone if their event was erased."""
    query = (
        select(proposals, devices.c.hostname, payloads.c.body)
        .join_from(proposals, devices, devices.c.device_id == proposals.c.device_id)
        .join(payloads, payloads.c.event_id == proposals.c.event_id, isouter=True)
        .where(proposals.c.school_id == school_id, proposals.c.proposal_id == proposal_id)
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
        if row is None:
            return None
        approved = list_approved(connection, school_id)
    listed = decode_body(SoftwareListed.kind, row.body).programs if row.body is not None else ()
    programs = {
        program.name: ProposedProgram(program.name, program.version, program.source, to_name(program.name) in approved)
        for program in listed
        if _can_be_listed(program.name)
    }
    return _to_proposal(row), sorted(programs.values(), key=lambda program: program.name.casefold())


def decide_proposal(
    engine: Engine, school_id: str, proposal_id: str, *, approve: Iterable[str], actor: str, now_ns: int
) -> int:
    """Put the named programs of a proposal on the allow list and close it; return how many are new on the list.

    The caller publishes the policy afterwards: devices learn the list from it.

    Raises:
        UsageError: there is no such proposal, or a name is not one of its programs.
    """
    found = find_proposal(engine, school_id, proposal_id)
    if found is None:
        raise UsageError("there is no such proposal")
    wanted = {to_name(name) for name in approve}
    strangers = wanted - {to_name(program.name) for program in found[1]}
    if strangers:
        raise UsageError(f"{min(strangers)!r} is not a program of this proposal")
    with writing(engine) as connection:
        audit.record(
            connection,
            school_id,
            actor=actor,
            action="proposal.decided",
            subject=f"proposal/{proposal_id}",
            detail=f"{len(wanted)} of {len(found[1])} programs approved",
            now_ns=now_ns,
        )
        new = wanted - list_approved(connection, school_id)
        if new:
            connection.execute(
                insert(approved_programs),
                [
                    {"school_id": school_id, "name": name, "approved_at_ns": now_ns, "approved_by": actor}
                    for name in sorted(new)
                ],
            )
        connection.execute(
            update(proposals)
            .where(proposals.c.proposal_id == proposal_id)
            .values(state="decided", approved=len(wanted), decided_at_ns=now_ns, decided_by=actor)
        )
    return len(new)


def approve_program(engine: Engine, school_id: str, name: str, *, actor: str, now_ns: int) -> None:
    """Put one program on the allow list, where it may be already. The caller publishes the policy afterwards.

    Raises:
        UsageError: it is no name of a program.
    """
    if not _can_be_listed(name):
        raise UsageError("this is no name that can be on the allow list")
    with writing(engine) as connection:
        audit.record(
            connection, school_id, actor=actor, action="program.approved", subject=f"program/{name}", now_ns=now_ns
        )
        if to_name(name) not in list_approved(connection, school_id):
            row = {"school_id": school_id, "name": to_name(name), "approved_at_ns": now_ns, "approved_by": actor}
            connection.execute(insert(approved_programs), [row])


def withdraw_program(connection: Connection, school_id: str, name: str, *, actor: str, now_ns: int) -> None:
    """Take one program off the allow list, inside the transaction that publishes the policy without it.

    Raises:
        UsageError: it is not on the list.
    """
    gone = connection.execute(
        approved_programs.delete().where(
            approved_programs.c.school_id == school_id, approved_programs.c.name == to_name(name)
        )
    )
    if gone.rowcount == 0:
        raise UsageError(f"{name!r} is not on the allow list", hint="list it: schoolwarden-collector allowed list")
    audit.record(
        connection, school_id, actor=actor, action="program.withdrawn", subject=f"program/{name}", now_ns=now_ns
    )


def list_allowed(engine: Engine, school_id: str) -> list[AllowedProgram]:
    """Return the allow list by name, with who put each program there."""
    query = (
        select(approved_programs).where(approved_programs.c.school_id == school_id).order_by(approved_programs.c.name)
    )
    with reading(engine) as connection:
        return [AllowedProgram(row.name, row.approved_at_ns, row.approved_by) for row in connection.execute(query)]


def load_approved(engine: Engine, school_id: str) -> set[str]:
    """Return the allow list, in lower case."""
    with reading(engine) as connection:
        return list_approved(connection, school_id)


def list_approved(connection: Connection, school_id: str) -> set[str]:
    """Return the allow list as it is inside a transaction, in lower case."""
    return set(
        connection.execute(select(approved_programs.c.name).where(approved_programs.c.school_id == school_id)).scalars()
    )


def _can_be_listed(name: str) -> bool:
    """Return whether the allow list can hold a name. A device can send any; no program has one that is left out."""
    return 0 < len(to_name(name)) <= MAX_NAME_CHARACTERS and "\x00" not in name


def _to_proposal(row: Any) -> Proposal:
    return Proposal(
        id=row.proposal_id,
        device=row.device_id,
        hostname=row.hostname,
        made_at_ns=row.made_at_ns,
        state=row.state,
        programs=row.programs,
        approved=row.approved,
        decided_at_ns=row.decided_at_ns,
        decided_by=row.decided_by,
    )
