# SPDX-License-Identifier: Apache-2.0
"""Clocks that are ten years off: the agent's, then the collector's, forwards and back, while running and at a start.

Each process gets a wall clock of its own (`clock`); the monotonic clock and the disk's times stay true.
What a device says with a wrong clock is never refused for it: if the line does not stand meanwhile, the events wait.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.soak.clock import YEAR_NS, Clock
from tests.soak.outcome import Outcome
from tests.soak.rig import Rig, running

STEPS = {"+10 years": 10 * YEAR_NS, "-10 years": -10 * YEAR_NS}
STEPPED_S = 12.0
BACK_WITHIN_S = 150.0


def run(times: int) -> Outcome:
    """Make every step so many times."""
    outcome = Outcome("clocks")
    through: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        agents, collectors = Clock(Path(folder), "agent"), Clock(Path(folder), "collector")
        place = Path(folder) / "rig"
        place.mkdir()
        with running(place, outcome, environment=collectors.environment) as rig:
            rig.start_agent(environment=agents.environment)
            sides: tuple[tuple[str, Clock, Callable[[], None]], ...] = (
                ("agent", agents, lambda: _start_agent_again(rig, agents)),
                ("collector", collectors, lambda: _start_collector_again(rig, collectors)),
            )
            for _ in range(times):
                for name, clock, start_again in sides:
                    for step, offset_ns in STEPS.items():
                        for is_started in (False, True):
                            what = f"{name} {step}{' at its start' if is_started else ''}"
                            sys.stderr.write(f"clocks: {what}\n")
                            if _endure(rig, clock, offset_ns, start_again if is_started else None, outcome, what):
                                through.append(what)
                            outcome.tried += 1
    ways = len(dict.fromkeys(through))
    outcome.seen = (
        f"events went through during {len(through)} of {outcome.tried} ({ways} of 8 kinds), after all of them"
    )
    missed = [each for each in _all_kinds() if each not in through]
    if missed:
        outcome.seen += f"; events waited during: {', '.join(missed)}"
    return outcome


def _all_kinds() -> list[str]:
    return [
        f"{name} {step}{start}" for name in ("agent", "collector") for step in STEPS for start in ("", " at its start")
    ]


def _endure(
    rig: Rig, clock: Clock, offset_ns: int, start_again: Callable[[], None] | None, outcome: Outcome, what: str
) -> bool:
    """Step a clock, let some time pass, step it back; return whether events went through meanwhile."""
    clock.set(offset_ns)
    if start_again is not None:
        start_again()
    time.sleep(STEPPED_S)
    is_through = rig.is_answered()
    clock.set(0)
    if start_again is not None:
        start_again()
    if not rig.wait_until(rig.is_answered, BACK_WITHIN_S):
        outcome.problems.append(f"after {what} the agent did not come back: {rig.standing()}")
    return is_through


def _start_agent_again(rig: Rig, clock: Clock) -> None:
    rig.kill_agent()
    rig.start_agent(environment=clock.environment)


def _start_collector_again(rig: Rig, clock: Clock) -> None:
    rig.kill_collector()
    rig.start_collector(clock.environment)
