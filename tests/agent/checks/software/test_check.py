# SPDX-License-Identifier: Apache-2.0
"""Tests of the software check: what its findings mean, and the whole of it on this very machine."""

import hashlib
import io
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Set
from pathlib import Path

import pytest

from agent.checks.interface import CheckResult
from agent.checks.software.check import Software
from agent.parsing.parsers import elf
from agent.system.content import Content
from agent.system.interface import Unreadable
from agent.system.linux.machine import LinuxSystem
from proto.events import Kind, Program, ProgramStarted, State
from rules.model import ProgramPattern
from tests.agent.checks.policies import NMAP, TOR, InForce, knows_hash, make_rules
from tests.fakes import FakeClock, FakeSystem

DEADLINE_S = 20.0
SLEEP = Path("/bin/sleep").read_bytes()
_INSIDE = elf.parse(io.BytesIO(SLEEP))
SLEEP_CONTENT = Content(hashlib.sha256(SLEEP).hexdigest(), _INSIDE["build_id"], _INSIDE["sketch"])


class Machine:
    """A machine in memory with a software check."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.system = FakeSystem()
        self.rules: InForce | None = make_rules(TOR, NMAP)
        self.check = Software(self.system, lambda: self.rules, clock_s=self.clock)
        self.events: list[Kind] = []

    def look(self) -> CheckResult:
        self.clock.advance(10)
        self.events = [each for each in self.check.observe(int(self.clock.now_s) * 10**9) if isinstance(each, Kind)]
        return self.check.result()


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_machine_without_forbidden_programs_passes(machine: Machine):
    """When everything was looked at."""
    machine.system.install(Program("vlc", source="dpkg"))
    machine.system.start("/usr/bin/vlc")

    result = machine.look()
    assert result.state is State.PASS
    assert result.summary == "No program that the policy names is installed or running."
    assert result.facts == {"installed_looked_at": "1", "processes_looked_at": "1", "processes_unreadable": "0"}


def test_a_forbidden_program_fails_until_it_is_gone(machine: Machine):
    """Installed or running, each is enough."""
    machine.system.install(Program("nmap", source="dpkg"))
    running = machine.system.start("/usr/bin/tor")
    first = machine.look()
    machine.system.end(running.pid)
    second = machine.look()
    machine.system.remove(Program("nmap", source="dpkg"))
    third = machine.look()

    assert first.state is second.state is State.FAIL
    assert first.summary == "Programs that the policy names are here; running: Tor; installed: Nmap."
    assert first.facts == {"running": "Tor", "running_count": "1", "installed": "Nmap", "installed_count": "1"}
    assert second.facts == {"running": "", "running_count": "0", "installed": "Nmap", "installed_count": "1"}
    assert second.first_failed_at_ns == first.first_failed_at_ns
    assert third.state is State.PASS


def test_facts_do_not_move_while_the_finding_stays(machine: Machine):
    """More processes of the same program, and other programs, are no other finding."""
    machine.system.start("/usr/bin/tor")
    before = machine.look()
    machine.system.start("/usr/bin/tor")
    machine.system.start("/usr/bin/editor")
    machine.system.start_unreadable(Unreadable.DENIED)

    assert machine.look().facts == before.facts


def test_without_a_policy_nothing_is_known(machine: Machine):
    """Also if nothing suspicious is there."""
    machine.rules = None
    machine.system.start("/usr/bin/tor")

    result = machine.look()
    assert result.state is State.UNKNOWN
    assert machine.events == []
    assert not machine.check.has_more


def deny_a_process(machine: Machine) -> None:
    machine.system.start_unreadable(Unreadable.DENIED)


def hide_processes(machine: Machine) -> None:
    machine.system.are_processes_hidden = True


def leave_snaps_unread(machine: Machine) -> None:
    machine.system.unread = ("snaps: denied",)


def pause_scans(machine: Machine) -> None:
    machine.check.scans_paused = True


def ask_for_content_that_cannot_be_read(machine: Machine) -> None:
    machine.rules = make_rules(knows_hash(b"miner"))
    machine.system.start("/usr/bin/editor", content=None)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (deny_a_process, "processes that could not be looked at: 1"),
        (hide_processes, "the system hides the processes of other users"),
        (leave_snaps_unread, "not read: snaps: denied"),
        (pause_scans, "installed programs have not all been looked at yet"),
        (ask_for_content_that_cannot_be_read, "programs whose content could not be read: 1"),
    ],
)
def test_what_could_not_be_looked_at_is_unknown(machine: Machine, spoil: Callable[[Machine], None], words: str):
    """Unknown is never pass, and the summary says what stands in the way."""
    spoil(machine)

    result = machine.look()
    assert result.state is State.UNKNOWN
    assert words in result.summary


def test_what_failed_has_failed_whatever_is_unknown(machine: Machine):
    """A finding needs no complete view."""
    machine.system.start_unreadable(Unreadable.DENIED)
    machine.system.start("/usr/bin/tor")

    assert machine.look().state is State.FAIL


def test_no_ordinary_program_and_no_person_is_named(machine: Machine):
    """Neither in events nor in the answer, unless the policy asks for the list; then still without places."""
    machine.system.install(Program("diary", path="/home/alice/bin/diary", source="file"), Program("vlc", source="dpkg"))
    machine.system.start("/home/alice/bin/diary")
    machine.system.start("/usr/bin/tor")
    result = machine.look()

    told = repr(machine.events) + repr(result)
    assert "diary" not in told
    assert "vlc" not in told
    assert "alice" not in told
    machine.rules = make_rules(TOR, ask=True)
    result = machine.look()
    assert "diary" in repr(machine.events)
    assert "alice" not in repr(machine.events) + repr(result)


def test_work_that_is_left_over_is_said(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    """Who wants the whole answer asks again until there is no more."""
    machine.rules = make_rules(knows_hash(b"miner"))
    machine.system.install(*(Program(str(number), path=f"/opt/{number}", source="file") for number in range(20)))

    def read_slowly(_: Program, __: Set[str]) -> Content:
        machine.clock.advance(0.1)
        return Content()

    monkeypatch.setattr(machine.system, "identify_installed", read_slowly)
    machine.look()
    assert machine.check.has_more
    looks = 0
    while machine.check.has_more and looks < 20:
        machine.look()
        looks += 1

    assert machine.check.result().state is State.PASS


# On this machine: the real kernel, real processes, real files


# What else runs here may have any name, so the rules name what only this test run can have.
LISTED = f"listed {os.getpid()}".encode()
FORBIDDEN = f"tor-{os.getpid()}"


class RealMachine:
    """This machine, with a software check that runs as in the agent. Installed software is that of an empty folder."""

    def __init__(self, folder: Path, rules: InForce) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self._woken = threading.Event()
        (folder / "root/var/lib/dpkg").mkdir(parents=True)
        (folder / "root/var/lib/dpkg/status").write_text("Package: base\nStatus: install ok installed\n")
        self.system = LinuxSystem(folder / "root")
        self.check = Software(self.system, lambda: rules, state_folder=folder / "checks", wake=self._woken.set)

    def make_program(self, name: str) -> Path:
        return Path(shutil.copy("/bin/sleep", self.folder / name))

    def start(self, program: Path, seconds: str = "60") -> subprocess.Popen[bytes]:
        self.processes.append(subprocess.Popen([program, seconds]))
        return self.processes[-1]

    def look(self) -> list[Kind]:
        self._woken.clear()
        return [each for each in self.check.observe(time.time_ns()) if isinstance(each, Kind)]

    def look_until(self, is_wanted: Callable[[Kind], bool]) -> Kind:
        """Look as the agent does, every second and when woken, until an event comes."""
        until_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < until_s:
            for event in self.look():
                if is_wanted(event):
                    return event
            self._woken.wait(self.check.poll_interval_s)
        raise AssertionError("no such event came in time")

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.check.close()


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealMachine]:
    forbidden = ProgramPattern(name="Tor", executables=(FORBIDDEN,))
    machine = RealMachine(tmp_path.resolve(), make_rules(forbidden, knows_hash(SLEEP + LISTED)))
    yield machine
    machine.close()


def is_start_of(path: Path) -> Callable[[Kind], bool]:
    return lambda event: isinstance(event, ProgramStarted) and event.program.path == str(path)


def test_a_real_program_with_a_forbidden_name_is_found(real: RealMachine):
    """With its path, its content's hash, and as a failure while it runs."""
    real.look()
    tor = real.make_program(FORBIDDEN)
    process = real.start(tor)
    event = real.look_until(is_start_of(tor))

    assert event == ProgramStarted(SLEEP_CONTENT.add_to(Program(FORBIDDEN, path=str(tor), source="process")))
    assert real.check.result().state is State.FAIL
    process.kill()
    process.wait()
    real.look()
    assert real.check.result().state is not State.FAIL


def test_a_real_program_that_was_renamed_is_found_by_its_content(real: RealMachine):
    """The name says homework, the content is on the list."""
    real.look()
    homework = real.make_program("homework")
    with homework.open("ab") as file:
        file.write(LISTED)
    real.start(homework)
    event = real.look_until(is_start_of(homework))

    assert isinstance(event, ProgramStarted)
    assert event.program.sha256 == hashlib.sha256(SLEEP + LISTED).hexdigest()


def test_a_real_program_that_was_deleted_is_found(real: RealMachine):
    """Its file is gone before anyone looks."""
    real.look()
    tor = real.make_program(FORBIDDEN)
    real.start(tor)
    tor.unlink()
    event = real.look_until(is_start_of(tor))

    assert isinstance(event, ProgramStarted)
    assert event.program.sha256 == hashlib.sha256(SLEEP).hexdigest()


def test_a_real_program_that_ran_before_the_agent_is_found(real: RealMachine):
    """And told as such."""
    tor = real.make_program(FORBIDDEN)
    real.start(tor)
    event = real.look_until(is_start_of(tor))

    assert isinstance(event, ProgramStarted)
    assert event.already_running


def test_a_real_program_that_ends_between_two_looks_is_found_or_said_to_be_missed(real: RealMachine):
    """Where the kernel tells of each start it is found; where it does not, the machine says that it cannot be."""
    real.look()
    tor = real.make_program(FORBIDDEN)
    real.start(tor, "0.5").wait()
    sentence = real.system.not_watched()[-1]

    if "start and end within a second may be missed" in sentence:
        assert not any(is_start_of(tor)(event) for event in real.look())
    else:
        assert real.look_until(is_start_of(tor))


def test_a_real_installed_program_is_found_and_told_once(real: RealMachine):
    """In the folder where people put what they install by hand."""
    folder = real.folder / "root/usr/local/bin"
    folder.mkdir(parents=True)
    shutil.copy("/bin/sleep", folder / FORBIDDEN)
    event = real.look_until(lambda event: event.kind == "program.found")

    found = SLEEP_CONTENT.add_to(Program(FORBIDDEN, path=str(folder / FORBIDDEN), source="file"))
    assert event.program == found  # type: ignore[attr-defined]
    assert [each for each in real.look() if each.kind == "program.found"] == []
