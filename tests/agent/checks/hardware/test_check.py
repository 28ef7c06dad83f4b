# SPDX-License-Identifier: Apache-2.0
"""Tests of the check `hardware`, on a machine in memory."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.checks.hardware.check import FILE_NAME, LOOK_EVERY_S, MEMORY_STEP_BYTES, Hardware
from proto.events import Disk, HardwareListed, State
from rules.evaluate import Evaluator
from rules.model import Policy
from rules.settings import Hardware as Asked
from rules.settings import Settings
from tests.agent.checks.policies import InForce
from tests.fakes import FakeClock, FakeSystem

LAPTOP = HardwareListed(
    manufacturer="LENOVO",
    product="20Y7",
    serial="PF3ABCDE",
    firmware="R1MET (2023-01-01)",
    processor="AMD Ryzen 5",
    cores=6,
    memory_bytes=16 * 1024**3,
    disks=(Disk("SAMSUNG MZVL", "S6TBNX", 512 * 10**9, "ssd"),),
)


def make_rules(*, ask: bool) -> InForce:
    settings = Settings(hardware=Asked(ask=ask, reason="for a test" if ask else ""))
    policy = Policy(pack="test", title="Test", rules=(), settings=settings)
    return InForce(policy, Evaluator(policy))


class Room:
    """A machine whose hardware a test changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.system = FakeSystem()
        self.system.made_of = LAPTOP
        self.rules: InForce | None = make_rules(ask=True)
        self.start_agent()

    def start_agent(self) -> None:
        self.check = Hardware(self.system, lambda: self.rules, state_folder=self.folder, clock_s=self.clock)

    def look(self, after_s: float = LOOK_EVERY_S) -> list[object]:
        self.clock.advance(after_s)
        return list(self.check.observe(0))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_hardware_is_told_once(room: Room):
    """Also over a restart of the agent."""
    assert room.look() == [LAPTOP]
    assert room.look() == []
    room.start_agent()
    assert room.look() == []
    assert room.check.result().state is State.PASS


@pytest.mark.parametrize(
    "change",
    [
        {"serial": "OTHER"},
        {"firmware": "R1MET (2024-01-01)"},
        {"memory_bytes": 32 * 1024**3},
        {"disks": ()},
        {"disks": (*LAPTOP.disks, Disk("WD", "1", 10**12, "hdd"))},
    ],
)
def test_a_change_is_told(room: Room, change: dict):
    """Whenever it was made."""
    room.look()
    room.start_agent()
    room.system.made_of = replace(LAPTOP, **change)

    assert room.look() == [room.system.made_of]
    assert room.look() == []


def test_a_little_more_or_less_memory_is_no_change(room: Room):
    """After each boot the kernel keeps another part for itself, and many small steps make a great one."""
    room.look()
    for boots in range(1, 6):
        room.system.made_of = replace(LAPTOP, memory_bytes=LAPTOP.memory_bytes - boots * MEMORY_STEP_BYTES // 5)
        room.start_agent()
        assert room.look() == ([room.system.made_of] if boots == 5 else [])


def test_it_is_read_once_an_hour(room: Room):
    """And not at every look."""
    room.look()
    room.system.made_of = replace(LAPTOP, serial="OTHER")

    assert room.look(after_s=LOOK_EVERY_S - 1) == []
    assert room.look(after_s=1) == [room.system.made_of]


def test_a_policy_that_does_not_ask_gets_nothing(room: Room):
    """And that is the answer; one that asks later is told at once."""
    room.rules = make_rules(ask=False)
    assert room.look() == []
    assert room.check.result().state is State.NOT_APPLICABLE
    room.rules = make_rules(ask=True)
    assert room.look(after_s=0) == [LAPTOP]


def test_without_a_policy_nothing_is_known(room: Room):
    """Nobody has asked yet."""
    room.rules = None
    assert room.look() == []
    assert room.check.result().state is State.UNKNOWN


def test_hardware_that_cannot_be_read_is_unknown(room: Room):
    """And never a pass."""
    room.system.made_of = None
    assert room.look() == []
    assert room.check.result().state is State.UNKNOWN


def test_what_nobody_took_is_told_again(room: Room):
    """It counts as told when the next event is asked for, not before."""
    assert next(room.check.observe(0)) == LAPTOP
    room.start_agent()
    assert room.look() == [LAPTOP]


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 1, "told": ["x"]}', b'{"format": 1, "told": ["x", "y"]}'])
def test_without_its_memory_it_is_told_again(room: Room, content: bytes):
    """A broken file is as good as none."""
    room.look()
    (room.folder / FILE_NAME).write_bytes(content)
    room.start_agent()

    assert room.look() == [LAPTOP]


def test_neither_answer_nor_memory_holds_a_serial_number(room: Room):
    """The answer goes to more people than the inventory does."""
    room.look()

    assert LAPTOP.serial not in repr(room.check.result())
    assert LAPTOP.serial.encode() not in (room.folder / FILE_NAME).read_bytes()
