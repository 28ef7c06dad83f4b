# SPDX-License-Identifier: Apache-2.0
"""A guest that runs: what tests ask of it.

    with Machine.start() as machine:
        machine.plug("stick", image)
        machine.wait_for_event(action="add", devtype="disk")
        print(machine.run("lsblk -f").output)

Each starts from the same moment: systemd, udev, D-Bus and logind run, nothing is on USB, `alice` is at the console. It
has the checkout at `/checkout` (read only) and reaches this machine's loopback at HOST. What goes into it is made by
`sticks` and `gadget`.
"""

import compileall
import json
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.rigs.guest.image import RigError
from tests.rigs.guest.recipe import CHANNEL, CHECKOUT
from tests.rigs.guest.snapshot import start_from_snapshot
from tests.rigs.qemu import Qemu
from tests.tree import ROOT

DEADLINE_S = 60.0
HOST = "10.0.2.2"
"""This machine, as the guest's network names it."""
PYTHON = " ".join(
    (
        "env PYTHONDONTWRITEBYTECODE=1",
        f"PYTHONPATH={CHECKOUT}:{CHECKOUT}/{Path(sysconfig.get_path('purelib')).relative_to(ROOT).as_posix()}",
        "python3 -s",
    )
)
"""The guest's Python, with the checkout and what is installed for the Python that runs the tests."""
PREPARE = (
    f"date --set=@{{now_s:.3f}} && "
    f"mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro {CHANNEL} {CHECKOUT}"
)
"""The snapshot has its own time, and no share may be in use while one is taken."""
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended and what it said."""

    code: int
    output: str


@dataclass(frozen=True, slots=True)
class Event:
    """A device came, changed or went."""

    source: str
    """kernel, or udev, which comes later and knows more."""
    at_ns: int
    """By the guest's monotonic clock."""
    of: dict[str, str]

    @property
    def is_usb(self) -> bool:
        """Whether it is about something on USB."""
        return "/usb" in self.of.get("DEVPATH", "")


@dataclass(slots=True)
class Program:
    """A program that was started in the guest."""

    number: int
    lines: list[str] = field(default_factory=list)
    code: int | None = None
    """None as long as it runs."""


class Machine:
    """One guest."""

    def __init__(self, qemu: Qemu) -> None:
        self.qemu = qemu
        self.events: list[Event] = []
        self._told = threading.Condition()
        self._programs: dict[int, Program] = {}
        self._last = 0
        self._wire = qemu.connect("channel")
        threading.Thread(target=self._listen, name="rig", daemon=True).start()

    @classmethod
    def start(cls) -> Self:
        """Return a guest; the first call on a machine builds it, which takes about a minute."""
        for room in ("agent", "proto", "rules", "tests/rigs"):
            # What is compiled here need not be there, where it takes twenty times as long.
            compileall.compile_dir(ROOT / room, quiet=2)
        machine = cls(start_from_snapshot(_settle))
        try:
            machine.check(PREPARE.format(now_s=time.time()))
        except BaseException:
            machine.close()
            raise
        return machine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it as a power cut does."""
        self.qemu.close()
        self._wire.close()

    def run(self, command: str, *, given: str = "", deadline_s: float = DEADLINE_S) -> Outcome:
        """Run a command of the shell to its end, as root."""
        program = self.launch(command, given=given)
        self.wait_for(lambda: program.code is not None, f"the end of {command!r}", deadline_s=deadline_s)
        return Outcome(program.code or 0, "\n".join(program.lines))

    def check(self, command: str, *, given: str = "", deadline_s: float = DEADLINE_S) -> str:
        """Run a command that has to go well and return what it said."""
        outcome = self.run(command, given=given, deadline_s=deadline_s)
        if outcome.code != 0:
            raise RigError(f"{command!r} ended with {outcome.code}: {outcome.output}")
        return outcome.output

    def launch(self, command: str, *, given: str = "") -> Program:
        """Start a command of the shell; what it says comes line by line."""
        number = self._number()
        program = self._programs[number] = Program(number)
        self._tell(id=number, start=command, given=given)
        return program

    def stop(self, program: Program) -> None:
        """Have a program end, with all that it started."""
        self._tell(id=self._number(), stop=program.number)
        self.wait_for(lambda: program.code is not None, "a program to end")

    def wait_for(self, look: Callable[[], Found], what: str, *, deadline_s: float = DEADLINE_S) -> Found:
        """Look again at whatever the guest tells until there is something to see."""
        deadline = time.monotonic() + deadline_s
        with self._told:
            while not (found := look()):
                if time.monotonic() > deadline:
                    raise RigError(f"waited in vain for {what}\n{self.qemu.log()}")
                self._told.wait(0.5)
        return found

    def wait_for_event(
        self, wanted: Callable[[Event], bool], *, since: int = 0, deadline_s: float = DEADLINE_S
    ) -> Event:
        """Return the first event like that, of those that came after the first `since`."""
        return self.wait_for(
            lambda: next((event for event in self.events[since:] if wanted(event)), None),
            "an event of a device",
            deadline_s=deadline_s,
        )  # type: ignore[return-value]

    def plug(
        self, name: str, image: Path, *, driver: str = "usb-storage", is_removable: bool = True, is_locked: bool = False
    ) -> None:
        """Put a disk into a USB socket: `usb-storage`, as sticks are, or `usb-uas`, as larger disks are."""
        self.qemu.execute(
            "blockdev-add",
            **{"driver": "raw", "node-name": name, "read-only": is_locked},
            file={"driver": "file", "filename": str(image)},
        )
        if driver == "usb-uas":
            # The bridge is attached last: the guest looks at once for disks behind it, and never again.
            self.qemu.execute("device_add", driver=driver, id=name, bus="xhci.0", attached=False)
            self.qemu.execute(
                "device_add", driver="scsi-hd", id=f"{name}-disk", bus=f"{name}.0", drive=name, removable=is_removable
            )
            self.qemu.execute("qom-set", path=f"/machine/peripheral/{name}", property="attached", value=True)
        else:
            self.qemu.execute(
                "device_add",
                driver=driver,
                id=name,
                drive=name,
                bus="xhci.0",
                serial=f"RIG{name.upper()}",
                removable=is_removable,
            )

    def plug_phone(self, name: str, folder: Path) -> None:
        """Put a device into a USB socket that shows a folder as phones do."""
        self.qemu.execute("device_add", driver="usb-mtp", id=name, bus="xhci.0", rootdir=str(folder), desc="Phone")

    def unplug(self, name: str) -> None:
        """Take something out of its socket; the guest knows a moment later."""
        self.qemu.execute("device_del", id=name)
        if name in {node["node-name"] for node in self.qemu.execute("query-named-block-nodes")}:
            self._give_back(name)

    def _give_back(self, name: str) -> None:
        """Let go of the image of a disk, once QEMU has let go of the disk."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                self.qemu.execute("blockdev-del", **{"node-name": name})
            except RigError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def _number(self) -> int:
        with self._told:
            self._last += 1
            return self._last

    def _tell(self, **message: Any) -> None:
        self._wire.sendall(json.dumps(message).encode() + b"\n")

    def _listen(self) -> None:
        for line in self._wire.makefile("rb"):
            try:
                message = json.loads(line)
            except ValueError:
                # The rest of what was on its way when the snapshot was taken.
                continue
            with self._told:
                self._hear(message)
                self._told.notify_all()

    def _hear(self, message: dict[str, Any]) -> None:
        program = self._programs.get(message.get("id", 0))
        if "event" in message:
            self.events.append(Event(message["event"], message["at_ns"], message["of"]))
        elif program is not None and "line" in message:
            program.lines.append(message["line"])
        elif program is not None:
            program.code = message["code"]


def _settle(qemu: Qemu, script: str) -> None:
    machine = Machine(qemu)
    machine.run("systemctl is-system-running --wait", deadline_s=180)
    machine.check(script)
