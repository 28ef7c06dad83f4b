# SPDX-License-Identifier: Apache-2.0
"""Machines that are copied, set back, cut off and restarted, and a collector that is restored, against a simple model.

Whatever the order: no event is lost that any machine still holds, none is counted twice, and after two machines under
one identity were seen in a chain, it takes no more events but those of one of them.

Two things are beyond a device. An event that waits in two copies of a machine, one of which tells it in a new chain,
may be told by the other one in another chain: neither can know, and the commitment, which is the same, would show it.
And a machine that began a new epoch because the collector was restored puts it behind what another copy said since:
the ledger shows it, for it holds what the new epoch calls lost.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.config import Config
from agent.recorder import Record, Recorder
from agent.spool import Spool
from agent.succession import Succession
from agent.uplink.comparison import ChainBrokenError
from agent.uplink.exchange import Exchange
from proto.events import AgentStopped
from proto.wire import encode_body
from tests.agent.books import Books, Device, talk
from tests.agent.collector import FACTS, FakeCollector
from tests.agent.spooled import peek_all

BOOT_ID = b"b" * 16
MACHINES_AT_MOST = 4
MEMORY = Path("/dev/shm")
"""No power is cut here, and hundreds of queues that are brought to a disk take most of the time."""
COLLECTOR = FakeCollector()


@dataclass
class Machine:
    """One machine: what lies on its disk, and which lives it had since it was made or copied."""

    state: Path
    lives: tuple[int, ...]
    waiting: set[bytes] = field(default_factory=set)
    snapshot: "Machine | None" = None


class Machines(RuleBasedStateMachine):
    """Records, speaks, copies, sets back, restores."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.numbers = count(1)
        self.books = Books(COLLECTOR)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("agent.succession.rekey", self.books.answer_rekey)
        first = Machine(self.folder / "0", (0,))
        identity = COLLECTOR.enrol(first.state)
        Spool(Config(first.state).spool_file, identity.spool_key).close()
        self.books.admit(identity)
        self.machines = [first]
        self.backup: dict[str, Device] = self.books.back_up()
        self.made_in: dict[bytes, tuple[int, ...]] = {}
        self.may_be_missing: set[bytes] = set()
        self.may_be_twice: set[bytes] = set()

    def pick(self, data: st.DataObject) -> Machine:
        return self.machines[data.draw(st.integers(0, len(self.machines) - 1))]

    def copies(self) -> list[Machine]:
        """Return all machines and all copies of disks that are put away."""
        return [*self.machines, *(each.snapshot for each in self.machines if each.snapshot is not None)]

    def open(self, machine: Machine) -> tuple[Succession, Any, Spool]:
        succession = Succession(Config(machine.state), BOOT_ID)
        return succession, *succession.open_chain()

    def record(self, machine: Machine, events: int) -> None:
        if not events:
            return
        _, identity, spool = self.open(machine)
        names = [f"event {next(self.numbers)}" for _ in range(events)]
        made = [AgentStopped(name) for name in names]
        Recorder(identity, spool, BOOT_ID).record([Record(each, 1) for each in made], bundle_version=1)
        spool.close()
        machine.waiting |= {encode_body(each) for each in made}
        self.made_in |= {encode_body(each): machine.lives for each in made}

    @rule(data=st.data(), events=st.integers(0, 4), answers=st.sampled_from([0, 1, 2, 100]))
    def speak(self, data: st.DataObject, events: int, answers: int) -> None:
        machine = self.pick(data)
        self.record(machine, events)
        self.let_speak(machine, answers)

    def let_speak(self, machine: Machine, answers: int) -> bool:
        """Return whether the chain was whole."""
        succession, identity, spool = self.open(machine)
        found = None
        try:
            talk(Exchange(identity, spool, boot_id=BOOT_ID), self.books, identity.device_id, answers=answers)
        except ChainBrokenError as error:
            found = error.found
        finally:
            machine.waiting = {event.payload.body for event in peek_all(spool)} & set(self.made_in)
            spool.close()
        if found is None:
            return True
        elsewhere = [each.waiting for each in self.copies() if each is not machine]
        self.may_be_twice |= machine.waiting & set().union(*elsewhere)
        if found.is_succession:
            succession.ask(identity, found, FACTS)
        succession.mend(identity, found)
        return False

    @precondition(lambda self: len(self.machines) < MACHINES_AT_MOST)
    @rule(data=st.data(), waiting=st.integers(0, 3))
    def copy(self, data: st.DataObject, waiting: int) -> None:
        original = self.pick(data)
        self.record(original, waiting)
        state = self.folder / str(next(self.numbers))
        shutil.copytree(original.state, state)
        before = original.lives
        original.lives = (*before, next(self.numbers))
        self.machines.append(Machine(state, (*before, next(self.numbers)), set(original.waiting)))

    @rule(data=st.data(), waiting=st.integers(0, 3))
    def take_snapshot(self, data: st.DataObject, waiting: int) -> None:
        machine = self.pick(data)
        self.record(machine, waiting)
        state = self.folder / str(next(self.numbers))
        shutil.copytree(machine.state, state)
        machine.snapshot = Machine(state, machine.lives, set(machine.waiting))
        machine.lives = (*machine.lives, next(self.numbers))

    @rule(data=st.data())
    def set_back(self, data: st.DataObject) -> None:
        machine = self.pick(data)
        if machine.snapshot is None:
            return
        shutil.rmtree(machine.state)
        shutil.copytree(machine.snapshot.state, machine.state)
        self.may_be_missing |= machine.waiting - machine.snapshot.waiting
        machine.waiting = set(machine.snapshot.waiting)
        machine.lives = (*machine.snapshot.lives, next(self.numbers))

    @rule()
    def back_up_collector(self) -> None:
        self.backup = self.books.back_up()

    @rule()
    def restore_collector(self) -> None:
        before = set(self.books.count())
        self.books.restore(self.backup)
        self.may_be_missing |= before - set(self.books.count())

    @invariant()
    def none_is_counted_twice(self) -> None:
        counted = self.books.count()
        assert {name for name, times in counted.items() if times > 1 and name in self.made_in} <= self.may_be_twice

    @invariant()
    def no_chain_goes_on_for_two_machines(self) -> None:
        for device in self.books.devices.values():
            if device.forked_at is None:
                continue
            lives = [self.made_in[body] for body in device.bodies[device.forked_at :] if body in self.made_in]
            longest = max(lives, key=len, default=())
            assert all(longest[: len(each)] == each for each in lives)

    def teardown(self) -> None:
        if not hasattr(self, "books"):
            return
        try:
            self.let_all_speak()
        finally:
            self.patch.undo()
            shutil.rmtree(self.folder)

    def let_all_speak(self) -> None:
        for machine in self.machines:
            for _ in range(5):
                if self.let_speak(machine, 10**6):
                    break
            assert machine.waiting == set()
        self.none_is_counted_twice()
        assert set(self.made_in) - set(self.books.count()) <= self.may_be_missing


TestMachines = Machines.TestCase
TestMachines.settings = settings(deadline=None, max_examples=40, stateful_step_count=12, database=None)
