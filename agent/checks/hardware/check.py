# SPDX-License-Identifier: Apache-2.0
"""The check `hardware`: if the policy asks, what this machine is made of is told once, and again after each change.

It judges nothing. What it is made of, `agent.system` reads; the inventory is kept by the collector.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from agent.checks.interface import Answer, Check, Rules
from agent.checks.memory import Memory
from agent.system.interface import System
from proto.events import HardwareListed, State

FILE_NAME = "hardware-listed.json"
LOOK_EVERY_S = 3600.0
MEMORY_STEP_BYTES = 1024**3
"""The kernel and the firmware keep more or less of the memory for themselves after each boot; less than this is no
change."""


class Hardware(Check):
    """Tells the machine's hardware to who asks for it."""

    name = "hardware"
    poll_interval_s = 60.0

    def __init__(
        self,
        system: System,
        find_rules: Callable[[], Rules | None],
        *,
        state_folder: Path | None = None,
        wake: Callable[[], None] | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """As for every check; `clock_s` never goes back."""
        super().__init__(system, find_rules, state_folder=state_folder, wake=wake)
        self._clock_s = clock_s
        self._memory = Memory(state_folder, FILE_NAME)
        self._told = self._memory.load("told")
        self._rules: Rules | None = None
        self._due_s = 0.0
        self._hardware: HardwareListed | None = None

    def _observe(self) -> Iterator[HardwareListed]:
        self._rules = self._find_rules()
        if self._rules is None or not self._rules.policy.settings.hardware.ask:
            # What is told to nobody is not read; it is when somebody asks.
            self._due_s = 0.0
            return
        if self._clock_s() < self._due_s:
            return
        self._due_s = self._clock_s() + LOOK_EVERY_S
        self._hardware = self._system.hardware()
        if self._hardware is None:
            return
        if not self._was_told(self._hardware):
            yield self._hardware
            self._told = [_to_mark(self._hardware), self._hardware.memory_bytes]
            self._memory.keep("told", self._told)

    def _was_told(self, hardware: HardwareListed) -> bool:
        if len(self._told) != 2 or not isinstance(self._told[1], int):
            return False
        is_same = self._told[0] == _to_mark(hardware)
        return is_same and abs(hardware.memory_bytes - self._told[1]) < MEMORY_STEP_BYTES

    def _answer(self) -> Answer:
        if self._rules is None:
            return Answer(State.UNKNOWN, "There is no policy yet, so nobody asks for the hardware.")
        if not self._rules.policy.settings.hardware.ask:
            return Answer(State.NOT_APPLICABLE, "The policy does not ask what this machine is made of.")
        if self._hardware is None:
            return Answer(State.UNKNOWN, "What this machine is made of cannot be read.")
        facts = {"disks": str(len(self._hardware.disks)), "has_serial": "yes" if self._hardware.serial else "no"}
        return Answer(State.PASS, "What this machine is made of is sent to the school's inventory.", facts)


def _to_mark(hardware: HardwareListed) -> str:
    """Return what tells one state of all but the memory from another; no serial number can be read from it."""
    values = asdict(replace(hardware, memory_bytes=0))
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
