# SPDX-License-Identifier: Apache-2.0
"""What the agent's watch of USB answers in the guest, as `observer` prints it there, and how soon after the kernel.

answers = Answers(machine)
with answers.plugged(image) as stick:
    answer = answers.wait_for(lambda answer: answer.protection == "plain")
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rigs.guest.image import RigError
from tests.rigs.machine import PYTHON, Event, Machine

FALSE_IF_NOT = ("encrypted", "hardware_encrypted")
"""What must never be said of what is not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one device at one moment."""

    at_ns: int
    key: str
    is_settled: bool
    written_bytes: int
    device: dict[str, Any]
    """As `proto.events.UsbDevice` has it."""

    @property
    def protection(self) -> str:
        """How it is said to be protected."""
        return str(self.device["protection"])

    @property
    def by(self) -> str:
        """What that rests on."""
        return str(self.device["protection_by"])


class Answers:
    """Of one watch, begun with this object."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._program = machine.launch(f"{PYTHON} -m tests.rigs.observer")
        self._read = 0
        self._listings: list[list[Answer]] = []
        self._wait_for_listing(lambda _: True)

    def stop(self) -> None:
        """End the watch."""
        self._machine.stop(self._program)

    @property
    def count(self) -> int:
        """How many listings have come."""
        self._take()
        return len(self._listings)

    @property
    def now(self) -> list[Answer]:
        """The last listing."""
        self._take()
        return self._listings[-1]

    def since(self, count: int) -> list[Answer]:
        """Return all that was said in the listings after the first `count`."""
        self._take()
        return [answer for listing in self._listings[count:] for answer in listing]

    def wait_for(self, wanted: Callable[[Answer], bool]) -> Answer:
        """Return the first settled answer like that, as soon as it is the present one."""
        found = self._wait_for_listing(lambda listing: any(wanted(each) for each in listing if each.is_settled))
        return next(each for each in found if each.is_settled and wanted(each))

    def wait_until_empty(self) -> None:
        """Return when nothing is attached any more."""
        self._wait_for_listing(lambda listing: not listing)

    @contextmanager
    def plugged(self, image: Path, *, driver: str = "usb-storage", is_removable: bool = True) -> Iterator[None]:
        """Have a stick in a socket as long as the block lasts."""
        self._machine.plug("stick", image, driver=driver, is_removable=is_removable)
        try:
            yield
        finally:
            self._machine.unplug("stick")
            self.wait_until_empty()

    def _wait_for_listing(self, wanted: Callable[[list[Answer]], bool]) -> list[Answer]:
        try:
            self._machine.wait_for(
                lambda: self._take() and self._listings and wanted(self._listings[-1]), "an answer of the watch"
            )
        except RigError as error:
            raise AssertionError(f"{error}\nit said: {self._program.lines[-5:]}") from error
        return self._listings[-1]

    def _take(self) -> bool:
        assert self._program.code is None, "\n".join(self._program.lines)
        while self._read < len(self._program.lines):
            line = self._program.lines[self._read]
            self._read += 1
            if line.startswith("{"):
                said = json.loads(line)
                self._listings.append([_read_answer(said["at_ns"], each) for each in said["devices"]])
        return True


def _read_answer(at_ns: int, said: dict[str, Any]) -> Answer:
    return Answer(at_ns, said["key"], said["is_settled"], said["written_bytes"], said["device"])


def find_first(events: list[Event], subsystem: str, action: str = "add") -> Event:
    """Return what the kernel told first of that kind, of something on USB."""
    return next(
        event
        for event in events
        if event.source == "kernel"
        and event.is_usb
        and (event.of["SUBSYSTEM"], event.of["ACTION"]) == (subsystem, action)
    )
