# SPDX-License-Identifier: Apache-2.0
"""The check of idle sessions on a text console under systemd's own logind, with a real keyboard and real time."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rigs.machine import PYTHON, Machine

pytestmark = [pytest.mark.rig, pytest.mark.timeout(300)]

LIMIT_S = 3
GRACE_S = 1
BUS_NAME = "org.freedesktop.login1"
WRITE = """
before=$(stat -c %Y /dev/tty1)
while [ $(stat -c %Y /dev/tty1) = $before ]; do echo output > /dev/tty1; sleep 0.4; done
sleep 1
"""
"""Writes until the kernel has noted it, and gives the check time to look."""


class Console:
    """Where alice is signed in, and what the check says of it, which looks at it all the time."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.session = machine.check("loginctl show-seat seat0 --property ActiveSession --value")
        self._program = machine.launch(f"{PYTHON} -m tests.rigs.idle.look tty1 {LIMIT_S} {GRACE_S}")

    @property
    def looks(self) -> list[dict[str, Any]]:
        """What the check has said."""
        assert self._program.code is None, self._program.lines
        return [json.loads(line) for line in self._program.lines]

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the check has told of sessions that were left open."""
        return [event for look in self.looks for event in look["events"]]

    def wait_for(self, state: str) -> dict[str, Any]:
        """Return the answer, once it is that."""
        self.machine.wait_for(lambda: self.looks and self.looks[-1]["state"] == state, f"the answer {state}")
        return self.looks[-1]

    def touch_until(self, state: str) -> None:
        """Press Enter, as somebody who works, until the answer is that: the kernel tells keys 8 s apart, no closer."""

        def touch() -> bool:
            self.machine.qemu.execute("send-key", keys=[{"type": "qcode", "data": "ret"}])
            return bool(self.looks[-1]["state"] == state)

        self.machine.wait_for(lambda: self.looks, "a first look")
        self.machine.wait_for(touch, f"the answer {state}")

    def set_locked(self, is_locked: bool) -> None:
        """Tell logind that the session is locked, or is not, as what locks it does."""
        path = self.machine.check(
            f"busctl call {BUS_NAME} /org/freedesktop/login1 {BUS_NAME}.Manager GetSession s {self.session}"
        ).split('"')[1]
        value = str(is_locked).lower()
        self.machine.check(f"busctl call {BUS_NAME} {path} {BUS_NAME}.Session SetLockedHint b {value}")

    def stop(self) -> None:
        """End the check."""
        self.machine.stop(self._program)


@pytest.fixture(scope="module")
def running(machine: Machine) -> Iterator[Console]:
    """One check for all tests: it takes seconds to start in the guest."""
    console = Console(machine)
    yield console
    console.stop()


@pytest.fixture
def console(running: Console) -> Console:
    """A console at which somebody sits."""
    running.touch_until("pass")
    return running


def test_a_console_that_nobody_touches_is_found_and_so_is_a_key(console: Console) -> None:
    """Time without a key makes it one left open, what a program writes there changes nothing, and a key ends it."""
    count = len(console.events)
    assert console.wait_for("fail")["facts"]["left_open"] == "1"
    (told,) = console.events[count:]
    assert (told["session_type"], told["measured_by"], told["limit_s"]) == ("tty", "logind", LIMIT_S)
    assert told["idle_s"] >= LIMIT_S + GRACE_S
    console.machine.check(WRITE)
    assert console.events[count:] == [told]
    console.touch_until("pass")
    over = console.events[count + 1]
    assert over["is_over"]
    assert over["idle_s"] >= told["idle_s"]


def test_a_lock_that_was_only_asked_for_is_none(console: Console) -> None:
    """Nothing on a console hears the wish, so it is found left open, until logind is told that it has locked."""
    count = len(console.events)
    console.machine.check(f"loginctl lock-session {console.session}")
    console.wait_for("fail")
    assert [event["is_over"] for event in console.events[count:]] == [False]
    console.set_locked(True)
    facts = console.wait_for("pass")["facts"]
    assert (facts["sessions"], facts["locked"]) == ("1", "1")
    assert console.events[-1]["is_over"]
    console.set_locked(False)
    console.wait_for("fail")
