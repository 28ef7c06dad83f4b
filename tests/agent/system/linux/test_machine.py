# SPDX-License-Identifier: Apache-2.0
"""Tests of the answers about this very machine: real processes, real files, the real kernel."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from agent.errors import MachineError, StartWatchError
from agent.system.content import Content
from agent.system.interface import RunningProgram, Unreadable
from agent.system.linux import machine
from agent.system.linux.machine import LinuxSystem
from proto.events import Program

NOBODY = 65534
SHA256 = {"sha256"}
SLEEP_SHA256 = hashlib.sha256(Path("/bin/sleep").read_bytes()).hexdigest()


@pytest.fixture
def system() -> LinuxSystem:
    return LinuxSystem()


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start programs that are ended after the test, however it goes."""
    started = []

    def start(*command: str | Path) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A real program under another name."""
    return Path(shutil.copy("/bin/sleep", tmp_path / "homework"))


def read(system: LinuxSystem, pid: int) -> RunningProgram:
    running = system.read_process(pid)
    assert isinstance(running, RunningProgram)
    return running


def wait_until(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def run_as_nobody(question: Callable[[], object]) -> str:
    """Return the answer to a question that is asked without any rights, as text."""
    if os.geteuid() != 0:
        return str(question())
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setuid(NOBODY)
            os.write(there, str(question()).encode())
        finally:
            os._exit(0)
    os.close(there)
    os.waitpid(child, 0)
    with os.fdopen(here) as answer:
        return answer.read()


def test_the_machine_is_described(system: LinuxSystem):
    """By what the kernel and the distribution say."""
    machine = system.describe()

    assert machine.hostname == os.uname().nodename
    assert machine.os == "linux"
    assert machine.os_version
    assert machine.architecture == os.uname().machine


def test_the_distribution_is_named_as_people_say_it(tmp_path: Path):
    """From the file where every distribution says so; without one, the kernel is named."""
    assert LinuxSystem(tmp_path).describe().os_version == f"Linux {os.uname().release}"

    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    assert LinuxSystem(tmp_path).describe().os_version == "Debian GNU/Linux 12 (bookworm)"


def test_the_boot_has_an_id(system: LinuxSystem):
    """Sixteen bytes, the same until the next boot."""
    assert len(system.boot_id()) == 16
    assert system.boot_id() == system.boot_id()


def test_a_machine_without_a_boot_id_is_an_error(system: LinuxSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing is made up in its place."""
    monkeypatch.setattr(machine, "_PROC", tmp_path)

    with pytest.raises(MachineError):
        system.boot_id()


def test_what_the_agent_uses_is_measured(system: LinuxSystem):
    """Processor time grows with work; memory is that of this process."""
    before = system.own_usage()
    sum(range(3_000_000))
    after = system.own_usage()

    assert after.cpu_s > before.cpu_s
    assert 1_000_000 < after.pss_bytes <= psutil.Process().memory_info().rss * 1.5


def test_software_of_this_machine_is_read(system: LinuxSystem):
    """Whatever system it is: either its packages are listed, or it is said that they are not."""
    found = system.installed_software()
    while found.has_more:
        # One look takes a moment only, and a busy machine does not get far in it.
        found = system.installed_software()

    if Path("/var/lib/dpkg/status").exists():
        assert Program("dpkg", source="dpkg") in {Program(each.name, source=each.source) for each in found.programs}
    else:
        assert any("dpkg" in gap for gap in found.unread)
    assert system.installed_fingerprint() == system.installed_fingerprint()


def test_a_started_program_is_read(system: LinuxSystem, program: Path, start):
    """Its name and path are those of the file, and its content is hashed."""
    pid = start(program, "60").pid
    running = read(system, pid)

    assert pid in system.process_ids()
    assert (running.pid, running.name, running.path) == (pid, "homework", str(program))
    assert system.identify_running(running, SHA256).sha256 == SLEEP_SHA256
    assert system.is_running(running)
    assert read(system, pid) == running


def test_a_deleted_program_is_hashed(system: LinuxSystem, program: Path, start):
    """The kernel still has what runs; the path is told without the kernel's remark."""
    pid = start(program, "60").pid
    program.unlink()
    running = read(system, pid)

    assert running.path == str(program)
    assert system.identify_running(running, SHA256).sha256 == SLEEP_SHA256


def test_a_replaced_program_is_hashed_as_it_was_started(system: LinuxSystem, program: Path, start):
    """What lies in its place now is not what runs."""
    running = read(system, start(program, "60").pid)
    program.rename(program.with_name("moved"))
    program.write_bytes(b"something harmless")

    assert system.identify_running(running, SHA256).sha256 == SLEEP_SHA256
    assert system.is_running(running)


def test_a_program_that_has_ended_is_hashed_if_nobody_touched_it(system: LinuxSystem, program: Path, start):
    """From its place, as long as its file is the very same; otherwise nothing is said about its content."""
    process = start(program, "60")
    running = read(system, process.pid)
    process.kill()
    process.wait()

    assert system.identify_running(running, SHA256).sha256 == SLEEP_SHA256
    with program.open("ab") as file:
        file.write(b"changed")
    assert not system.identify_running(running, SHA256).is_complete
    program.unlink()
    assert not system.identify_running(running, SHA256).is_complete


def test_a_process_that_has_ended_is_gone(system: LinuxSystem, program: Path, start):
    """While nobody has taken notice of its end, it runs no program; after that there is no such process."""
    process = start(program, "60")
    running = read(system, process.pid)
    process.kill()
    wait_until(lambda: system.read_process(process.pid) is Unreadable.NO_PROGRAM)
    process.wait()

    assert system.read_process(process.pid) is Unreadable.GONE
    assert not system.is_running(running)


def test_a_process_that_turns_into_another_program_is_noticed(system: LinuxSystem, program: Path, start):
    """A shell that becomes what it was asked to start has the same id and the same time of start."""
    process = start("/bin/sh", "-c", f"read line; exec {program} 60")
    before = read(system, process.pid)
    process.stdin.write(b"go on\n")
    process.stdin.flush()
    wait_until(lambda: not system.is_running(before))
    after = read(system, process.pid)

    assert before.started == after.started
    assert after.name == "homework"


def test_a_program_in_a_mount_that_nobody_else_may_enter_is_known_by_its_path(
    system: LinuxSystem, program: Path, start, monkeypatch: pytest.MonkeyPatch
):
    """Every AppImage runs from such a mount, where even root gets no further than the path."""
    look_at_once = os.stat

    def refuse(path, *args, **kwargs):
        if str(path).endswith("/exe"):
            raise PermissionError(13, "Permission denied")
        return look_at_once(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", refuse)
    process = start("/bin/sh", "-c", f"read line; exec {program} 60")
    before = read(system, process.pid)
    assert system.is_running(before)
    assert not system.identify_running(before, SHA256).is_complete
    process.stdin.write(b"go on\n")
    process.stdin.flush()
    wait_until(lambda: not system.is_running(before))

    assert read(system, process.pid).path == str(program)
    assert read(system, process.pid) != before


def test_a_process_id_given_again_is_noticed(system: LinuxSystem, program: Path, start):
    """The same id and the same file, made at another time, is another process."""
    running = read(system, start(program, "60").pid)
    later = RunningProgram(**{name: getattr(running, name) for name in running.__slots__} | {"started": 1})

    assert not system.is_running(later)


def test_a_name_with_brackets_and_odd_bytes_is_read(system: LinuxSystem, tmp_path: Path, start):
    """Nothing in a name can confuse what is read of the process."""
    odd = tmp_path / os.fsdecode(b"a) R 1 (deleted) \xff\n")
    shutil.copy("/bin/sleep", odd)
    running = read(system, start(odd, "60").pid)

    assert running.name == "a) R 1 (deleted) �\n"
    assert system.is_running(running)
    assert system.identify_running(running, SHA256).sha256 == SLEEP_SHA256


def test_parts_of_the_kernel_are_no_programs(system: LinuxSystem):
    """They are told apart from processes that may not be looked at, with rights and without."""
    threads = [pid for pid in system.process_ids() if psutil.pid_exists(pid) and psutil.Process(pid).ppid() == 2]
    for pid in threads[:5]:
        assert system.read_process(pid) in (Unreadable.NO_PROGRAM, Unreadable.GONE)
        assert run_as_nobody(partial(system.read_process, pid)) != str(Unreadable.DENIED)


def test_a_process_of_another_user_is_said_to_be_denied(system: LinuxSystem):
    """Without rights it is not left out and not guessed from its command line."""
    of_another = os.getpid() if os.geteuid() == 0 else 1
    system.read_process(os.getpid())  # loads psutil, which nobody may be unable to do

    assert run_as_nobody(lambda: system.read_process(of_another)) == str(Unreadable.DENIED)
    assert run_as_nobody(lambda: system.hides_processes()) == "False"


def test_what_cannot_be_watched_depends_on_the_rights(system: LinuxSystem):
    """Without rights, the sentences say that it is for want of them."""
    told = run_as_nobody(lambda: system.not_watched())

    assert "does not run as root" in told
    if os.geteuid() == 0:
        assert not any("as root" in sentence for sentence in system.not_watched())


def test_a_watch_that_is_not_to_be_had_is_explained(system: LinuxSystem, monkeypatch: pytest.MonkeyPatch):
    """No watch, and the reason among what is not watched, without asking the kernel each time."""
    asked = []

    def refuse():
        asked.append(1)
        raise StartWatchError("the kernel does not answer, as in a container")

    monkeypatch.setattr(machine, "open_connector", refuse)

    assert system.watch_starts(lambda: None) is None
    told = (system.not_watched(), system.not_watched())
    assert told[0][-1] == (
        "Programs that start and end within a second may be missed: the kernel does not answer, as in a container."
    )
    assert len(asked) == 1


def test_installed_files_are_hashed(system: LinuxSystem, program: Path, tmp_path: Path):
    """A package and a link have no content of their own; what is gone or led elsewhere is not read."""
    link = tmp_path / "link"
    link.symlink_to(program)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def identify(name: str, path: Path | str, source: str = "file") -> Content:
        return system.identify_installed(Program(name, str(path), source=source), SHA256)

    assert identify("homework", program.resolve()) == Content(sha256=SLEEP_SHA256)
    assert identify("dpkg", "", source="dpkg") == Content()
    assert identify("link", link) == Content()
    assert identify("gone", tmp_path / "gone") == Content(is_complete=False)
    assert identify("pipe", pipe) == Content(is_complete=False)


def test_psutil_is_not_loaded_before_a_process_is_read():
    """Four megabytes, which an agent that only enrols does not need."""
    code = (
        "import sys\nfrom agent.system import current\nsystem = current()\nsystem.describe()\nsystem.process_ids()\n"
        "print(sorted({'psutil', 'grpc', 'asyncio', 'pynput', 'cryptography.x509'} & sys.modules.keys()))\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"
