# SPDX-License-Identifier: Apache-2.0
"""Complete stand-ins for the seams of the agent, in memory: a machine whose software a test changes, and a clock.

They live here and not in `agent`, so that a shipped agent has no switch that invents evidence.

    system = FakeSystem()
    system.install(Program("nmap", source="dpkg"))
    running = system.start("/usr/bin/tor", content=b"onion")
    system.end(running.pid)
"""

import hashlib
import io
from collections.abc import Callable, Set
from dataclasses import replace
from typing import Any

from agent.errors import StartWatchError
from agent.parsing.parsers import elf
from agent.system.arrivals import ArrivalWatch
from agent.system.content import Content
from agent.system.interface import (
    InstalledSoftware,
    Machine,
    RunningProgram,
    Session,
    Starts,
    StartWatch,
    System,
    Unreadable,
    Usage,
)
from agent.system.posture import PostureReader
from agent.system.screens import Screens
from agent.system.traffic import TrafficMeter
from agent.system.usb import UsbWatch
from proto.events import HardwareListed, Program


class FakeClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


class FakeStartWatch(StartWatch):
    """Tells of the starts on a fake machine; a test can make it lose some, or break."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.waiting: list[RunningProgram] = []
        self.is_complete = True
        self.is_broken = False
        self.is_closed = False

    def take(self) -> Starts:
        if self.is_broken:
            raise StartWatchError("the watch has broken")
        taken = Starts(tuple(self.waiting), self.is_complete)
        self.waiting, self.is_complete = [], True
        return taken

    def close(self) -> None:
        self.is_closed = True


class FakeSystem(System):
    """A machine in memory."""

    def __init__(self, *, can_watch_starts: bool = False) -> None:
        self.machine = Machine("library-01", "linux", "Debian GNU/Linux 12 (bookworm)", "x86_64")
        self.boot = bytes(range(16))
        self.usage = Usage(cpu_s=0.0, pss_bytes=40_000_000)
        self.children_s = 0.0
        """The processor time of children that look into files."""
        self.unread: tuple[str, ...] = ()
        self.can_watch_starts = can_watch_starts
        self.watch: FakeStartWatch | None = None
        self.are_processes_hidden = False
        self.processes: dict[int, RunningProgram | Unreadable] = {}
        self.processes_read: list[int] = []
        self.scans = 0
        self.sessions: list[Session] = []
        self.addresses: tuple[str, ...] = ("10.1.2.3",)
        self.usb: UsbWatch | None = None
        self.screens_seen: Screens | None = None
        self.posture_read: PostureReader | None = None
        self.meter: TrafficMeter | None = None
        self.arrivals: ArrivalWatch | None = None
        self.memory: dict[int, int] = {}
        self.made_of: HardwareListed | None = None
        self._programs: dict[Program, bytes | None] = {}
        self._changes = 0
        self._contents: dict[RunningProgram, bytes | None] = {}
        self._files: dict[tuple[str, bytes | None], int] = {}
        self._made = 0

    # What a test does to the machine

    def install(self, *programs: Program, content: bytes | None = b"") -> None:
        """Install programs; without content, their files cannot be read."""
        self._programs.update(dict.fromkeys(programs, content))
        self._changes += 1

    def remove(self, *programs: Program) -> None:
        for program in programs:
            del self._programs[program]
        self._changes += 1

    def start(self, path: str, *, content: bytes | None = b"", pid: int | None = None) -> RunningProgram:
        """Start a program in a new process; with a pid that is taken, the process that had it has ended."""
        self._made += 1
        return self._run(path, content, pid if pid is not None else 1000 + self._made, started=self._made)

    def turn_into(self, running: RunningProgram, path: str, *, content: bytes | None = b"") -> RunningProgram:
        """Let a process run another program, as a shell does with `exec`."""
        return self._run(path, content, running.pid, started=running.started)

    def start_unreadable(self, why: Unreadable) -> int:
        """Start a process that cannot be looked at."""
        self._made += 1
        self.processes[1000 + self._made] = why
        return 1000 + self._made

    def set_content(self, running: RunningProgram, content: bytes | None) -> None:
        """Let the content of what a process runs become readable, or unreadable."""
        self._contents[running] = content

    def end(self, pid: int) -> None:
        del self.processes[pid]

    def _run(self, path: str, content: bytes | None, pid: int, started: int) -> RunningProgram:
        inode = self._files.setdefault((path, content), len(self._files) + 1)
        running = RunningProgram(pid, started, 1, inode, path.rpartition("/")[2], path, changed_ns=0)
        self.processes[pid] = running
        self._contents[running] = content
        if self.watch is not None:
            self.watch.waiting.append(running)
            self.watch.wake()
        return running

    # What single checks ask; a test sets the ones it is about

    def watch_usb(self, wake: Callable[[], None]) -> UsbWatch | None:
        return self.usb

    def screens(self) -> Screens | None:
        return self.screens_seen

    def posture(self) -> PostureReader | None:
        return self.posture_read

    def traffic(self) -> TrafficMeter | None:
        return self.meter

    def watch_arrivals(self, wake: Callable[[], None]) -> ArrivalWatch | None:
        return self.arrivals

    def memory_of(self, pid: int) -> int | None:
        return self.memory.get(pid)

    def hardware(self) -> HardwareListed | None:
        return self.made_of

    # What the agent asks

    def describe(self) -> Machine:
        return self.machine

    def boot_id(self) -> bytes:
        return self.boot

    def installed_software(self) -> InstalledSoftware:
        self.scans += 1
        return InstalledSoftware(tuple(self._programs), self.unread)

    def installed_fingerprint(self) -> object:
        return self._changes

    def identify_installed(self, program: Program, wanted: Set[str]) -> Content:
        bare = replace(program, sha256="", build_id="", sketch="")
        return _identify(self._programs[bare], wanted) if program.path else Content()

    def process_ids(self) -> set[int]:
        return set(self.processes)

    def hides_processes(self) -> bool:
        return self.are_processes_hidden

    def read_process(self, pid: int) -> RunningProgram | Unreadable:
        self.processes_read.append(pid)
        return self.processes.get(pid, Unreadable.GONE)

    def is_running(self, program: RunningProgram) -> bool:
        return self.processes.get(program.pid) == program

    def identify_running(self, program: RunningProgram, wanted: Set[str]) -> Content:
        return _identify(self._contents[program], wanted)

    def watch_starts(self, wake: Callable[[], None]) -> StartWatch | None:
        self.watch = FakeStartWatch(wake) if self.can_watch_starts else None
        return self.watch

    def list_sessions(self) -> list[Session]:
        return list(self.sessions)

    def list_addresses(self) -> tuple[str, ...]:
        return self.addresses

    def own_usage(self) -> Usage:
        return self.usage

    def children_cpu_s(self) -> float:
        return self.children_s

    def not_watched(self) -> tuple[str, ...]:
        return () if self.can_watch_starts else ("Programs that start and end within a second may be missed.",)


def _identify(content: bytes | None, wanted: Set[str]) -> Content:
    if content is None:
        return Content(is_complete=not wanted)
    inside = elf.parse(io.BytesIO(content)) if content.startswith(b"\x7fELF") else {"build_id": "", "sketch": ""}
    known: dict[str, Any] = {"sha256": hashlib.sha256(content).hexdigest()} | inside
    return Content(**{what: known[what] for what in wanted})
