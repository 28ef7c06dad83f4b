# SPDX-License-Identifier: Apache-2.0
"""What an agent promised (its journal), and what a ledger holds of it.

An event is known by a mark in its content and not by its number: events that are told again in a new epoch or under a
new device have other numbers, and are the same events.
"""

import secrets
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, func, select

from collector.config import load_config
from collector.store.engine import open_checked_engine, reading
from collector.store.schema import events, incidents, payloads
from collector.verify import verify
from proto.events import AgentRekeyed, ChainRestarted, Program, ProgramStarted
from proto.wire import decode_body
from tests.soak.outcome import Outcome

FORBIDDEN_EVERY = 50
FORBIDDEN_RULE = "bypass-tor"
FORGED = "forged"
"""How the mark of an event begins that nobody but a forger has made."""


class Marks:
    """Marks for one run of a producer: none is used twice, by no other run either."""

    def __init__(self, prefix: str = "") -> None:
        self._run = prefix + secrets.token_hex(6)
        self._count = 0

    def next_event(self) -> tuple[str, ProgramStarted]:
        """Return a new mark and an event that carries it; every 50th is of a program that the rules forbid."""
        self._count += 1
        mark = f"{self._run}-{self._count}"
        name = "tor" if self._count % FORBIDDEN_EVERY == 0 else "editor"
        return mark, ProgramStarted(Program(name, version=mark, source="process"))


@dataclass(slots=True)
class Held:
    """What a ledger holds."""

    marks: Counter[str] = field(default_factory=Counter)
    forbidden: int = 0
    """Events of the forbidden program."""
    counted: int = 0
    """How many of them the incidents have counted."""
    without_content: int = 0
    restarts: int = 0
    """How often a chain began anew, under a new epoch or a new device."""
    problems: list[str] = field(default_factory=list)
    """What `verify` found."""


def read_journal(path: Path) -> list[str]:
    """Return the marks of all promised events; a line that was cut promised nothing."""
    lines = path.read_text(encoding="ascii").splitlines(keepends=True) if path.exists() else []
    return [line.rstrip("\n") for line in lines if line.endswith("\n")]


def compare(promised: list[str], waiting: int, held: Held, outcome: Outcome) -> None:
    """Hold what a ledger holds against what was promised, `waiting` of which an agent still has, and add it up."""
    outcome.produced += len(promised)
    outcome.acknowledged += len(promised) - waiting
    outcome.lost += max(sum(mark not in held.marks for mark in promised) - waiting, 0)
    outcome.duplicated += sum(times - 1 for times in held.marks.values())
    outcome.forged_accepted += sum(mark.startswith(FORGED) for mark in held.marks)
    outcome.problems += held.problems
    if len(set(promised)) != len(promised):
        outcome.problems.append("the journal promises an event twice: the soak itself is wrong")
    if held.counted != held.forbidden:
        outcome.problems.append(f"incidents count {held.counted} of {held.forbidden} forbidden programs")
    if held.restarts:
        outcome.problems.append(f"a chain began anew {held.restarts} times, and nothing here is a reason for it")
    if held.without_content:
        outcome.problems.append(f"{held.without_content} events have come without their content")


def load_held(collector_folder: Path) -> Held:
    """Read a collector's ledger and verify it, as its own commands do."""
    config = load_config(collector_folder)
    engine = open_checked_engine(config)
    try:
        held = read_ledger(engine)
        held.problems = verify(engine, config).problems
    finally:
        engine.dispose()
    return held


def read_ledger(engine: Engine) -> Held:
    """Read what a ledger holds, without verifying it."""
    held = Held()
    query = select(payloads.c.body, payloads.c.missing).join_from(
        events, payloads, payloads.c.event_id == events.c.event_id
    )
    with reading(engine) as connection:
        for body, missing in connection.execute(query.where(events.c.kind == ProgramStarted.kind)):
            if missing:
                held.without_content += 1
                continue
            program = decode_body(ProgramStarted.kind, body).program
            held.marks[program.version] += 1
            held.forbidden += program.name == "tor"
        anew = events.c.kind.in_((AgentRekeyed.kind, ChainRestarted.kind))
        held.restarts = connection.execute(select(func.count()).select_from(events).where(anew)).scalar_one()
        counts = select(func.sum(incidents.c.count)).where(incidents.c.rule == FORBIDDEN_RULE)
        held.counted = int(connection.execute(counts).scalar() or 0)
    return held
