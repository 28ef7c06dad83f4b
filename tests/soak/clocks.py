# SPDX-License-Identifier: Apache-2.0
"""Clocks that are ten years off: the agent's, then the collector's, forwards and back, while running and at a start.

Each process gets a wall clock of its own (`clock`); the monotonic clock and the disk's times stay true.
What a device says with a wrong clock is never refused for it: if the line does not stand meanwhile, the events wait.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.soak.clock import YEAR_NS, Clock
from tests.soak.outcome import Outcome
from tests.soak.rig import Rig, running

OFFSETS = {"+10 years": 10 * YEAR_NS, "-10 years": -10 * YEAR_NS}
STEPPED_S = 6.0
BACK_WITHIN_S = 100.0


def run(times: int) -> Outcome:
    """Make every step so many times."""
    outcome = Outcome("clocks")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "rig"
        place.mkdir()
        agents, collectors = Clock(Path(folder), "agent"), Clock(Path(folder), "collector")
        with running(place, outcome, environment=collectors.environment) as rig:
            steps = _Steps(rig, agents, collectors, outcome)
            rig.start_agent(environment=agents.environment)
            for _ in range(times):
                for offset_name, offset_ns in OFFSETS.items():
                    for is_started in (False, True):
                        steps.endure("agent", agents, offset_name, offset_ns, is_started)
                        steps.endure("collector", collectors, offset_name, offset_ns, is_started)
    outcome.seen = steps.to_text()
    return outcome


class _Steps:
    """The steps that were made, and how the events went meanwhile."""

    def __init__(self, rig: Rig, agents: Clock, collectors: Clock, outcome: Outcome) -> None:
        self._rig = rig
        self._agents = agents
        self._collectors = collectors
        self._outcome = outcome
        self._waited: list[str] = []
        self._late: list[str] = []

    def endure(self, side: str, clock: Clock, offset_name: str, offset_ns: int, is_started: bool) -> None:
        """Step a clock, let some time pass, step it back; the side is started anew each time, or feels it."""
        what = f"{side} {offset_name}{' at its start' if is_started else ''}"
        sys.stderr.write(f"clocks: {what}\n")
        self._outcome.tried += 1
        self._step(side, clock, offset_ns, is_started)
        time.sleep(STEPPED_S)
        if not self._rig.wait_until_answered(STEPPED_S):
            self._waited.append(what)
        self._step(side, clock, 0, is_started)
        if self._rig.wait_until_answered(BACK_WITHIN_S):
            return
        # It may be hours before it asks for a certificate again: that is late, and nothing is lost.
        self._late.append(what)
        self._start_agent()
        if not self._rig.wait_until_answered(BACK_WITHIN_S):
            self._outcome.problems.append(f"after {what} the agent did not come back: {self._rig.standing()}")

    def to_text(self) -> str:
        """Return what was seen."""
        waited = ", ".join(dict.fromkeys(self._waited)) or "never"
        late = ", ".join(dict.fromkeys(self._late)) or "never"
        return f"events waited during: {waited}; the agent had to be started again to come back after: {late}"

    def _step(self, side: str, clock: Clock, offset_ns: int, is_started: bool) -> None:
        clock.set(offset_ns)
        if not is_started:
            return
        if side == "agent":
            self._start_agent()
        else:
            self._rig.kill_collector()
            self._rig.start_collector(self._collectors.environment)

    def _start_agent(self) -> None:
        self._rig.kill_agent()
        self._rig.start_agent(environment=self._agents.environment)
