# SPDX-License-Identifier: Apache-2.0
"""Tests of the child that looks into users' files, with parsers in the hands of hostile files, in real processes."""

import errno
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.errors import ParseError
from agent.parsing import child, process
from agent.parsing.jail import NOBODY
from agent.parsing.launch import FIRST_PAUSE_S, PATIENCE, ParsingChild
from tests.agent.parsing.hostile import HostileChild
from tests.agent.traced import COMMAND, hold
from tests.fakes import FakeClock

DEADLINE_S = 30.0
STARTED_BY = ("root", "user")
"""Who the service is; where the tests do not run as root both are the same."""


@pytest.fixture(params=STARTED_BY)
def hostile(request: pytest.FixtureRequest) -> Iterator[HostileChild]:
    """A child whose parsers are hostile."""
    parsing = HostileChild(request.param)
    yield parsing
    parsing.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    """An open file that a user wrote; the service may write to it too."""
    path = tmp_path / "file"
    path.write_text("written by a user")
    descriptor = os.open(path, os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def await_true(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    due_s = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < due_s, "it did not become so"
        time.sleep(0.02)


def pid_of(parsing: ParsingChild) -> int:
    """Return the process of the child that there is."""
    assert parsing._child is not None
    return parsing._child._process.pid


def test_a_file_is_read_and_the_position_stays_the_callers(hostile: HostileChild, file: int):
    """Twice the same, by the same child."""
    os.lseek(file, 5, os.SEEK_SET)

    first, second = hostile.parse("read", file), hostile.parse("read", file)

    assert first == second == {"content": "written by a user"}
    assert os.lseek(file, 0, os.SEEK_CUR) == 5


@pytest.mark.parametrize(
    "what",
    ["open", "list", "connect", "fork", "kill_parent", "trace_parent", "write", "become_root", "execute"],
)
def test_a_parser_that_was_taken_over_may_do_nothing(hostile: HostileChild, file: int, what: str):
    """Each of these is refused by the kernel."""
    assert hostile.parse(what, file)["errno"] in (errno.EPERM, errno.EACCES)
    assert os.pread(file, 100, 0) == b"written by a user"


def test_a_parser_that_was_taken_over_finds_no_other_open_file(hostile: HostileChild, file: int):
    """The child inherits nothing but its socket and three times nothing."""
    assert hostile.parse("read_others", file) == {}


def test_behind_the_filter_stand_other_walls(file: int):
    """Where the filter is missing there is no file, no network and no other process, or the child refuses to work."""
    parsing = HostileChild("unfiltered")
    try:
        found = {what: parsing.parse(what, file)["errno"] for what in ("open", "list", "connect", "fork", "write")}
    except ParseError as error:
        assert "shut in" in error.message  # no root and no namespaces for users here
    else:
        assert found == {
            "open": errno.ENOENT,
            "list": errno.ENOENT,
            "connect": errno.ENETUNREACH,
            "fork": errno.EAGAIN,
            "write": errno.EBADF,
        }
        if os.geteuid() == 0:
            assert parsing.parse("identity", file) == {"uid": NOBODY}
            assert parsing.parse("kill_parent", file)["errno"] == errno.EPERM
            assert parsing.parse("trace_parent", file)["errno"] == errno.EPERM
            assert parsing.parse("become_root", file)["errno"] == errno.EPERM
    finally:
        parsing.close()


def test_the_filter_stands_and_root_is_left_behind(file: int):
    """The child says so before it gets the first file."""
    parsing = ParsingChild()
    with pytest.raises(ParseError, match="no parser of that name"):
        parsing.parse("nothing", file)
    assert "filter" in parsing.walls
    assert ("user" in parsing.walls) == (os.geteuid() == 0)
    status = Path(f"/proc/{pid_of(parsing)}/status").read_text()
    parsing.close()

    lines = dict(line.split(":\t", 1) for line in status.splitlines())
    assert lines["NoNewPrivs"] == "1"
    assert lines["Seccomp"] == "2"
    assert lines["CapEff"] == lines["CapPrm"] == "0" * 16
    if os.geteuid() == 0:
        assert lines["Uid"].split() == lines["Gid"].split() == [str(NOBODY)] * 4
        assert lines["Groups"].strip() == ""


@pytest.mark.parametrize("what", ["eat", "eat_slowly"])
def test_a_memory_bomb_is_said(hostile: HostileChild, file: int, what: str):
    """The limit holds, and the next file is read by another child."""
    with pytest.raises(ParseError):
        hostile.parse(what, file)
    assert hostile.parse("read", file) == {"content": "written by a user"}


def test_what_takes_too_much_of_the_processor_is_stopped(file: int, monkeypatch: pytest.MonkeyPatch):
    """By the kernel, whatever time it may take on the wall."""
    monkeypatch.setattr(child, "FILE_TIMEOUT_S", DEADLINE_S)
    parsing = HostileChild()
    with pytest.raises(ParseError, match="it took too long"):
        parsing.parse("loop", file)
    assert parsing.usage().cpu_s > process.FILE_CPU_S / 2
    parsing.close()


@pytest.mark.parametrize("what", ["hang", "hang_up"])
def test_what_waits_for_ever_is_killed(file: int, what: str, monkeypatch: pytest.MonkeyPatch):
    """Whether it keeps its socket or not."""
    monkeypatch.setattr(child, "FILE_TIMEOUT_S", 0.5)
    parsing = HostileChild()
    parsing.parse("read", file)
    first = pid_of(parsing)
    with pytest.raises(ParseError, match=r"it took too long|ends again and again"):
        parsing.parse(what, file)

    assert not Path(f"/proc/{first}").exists()
    assert parsing.parse("read", file) == {"content": "written by a user"}
    parsing.close()


def test_a_crash_is_an_error_and_the_next_file_is_read(hostile: HostileChild, file: int):
    """By a new child."""
    with pytest.raises(ParseError, match="it ended what reads it"):
        hostile.parse("crash", file)
    assert hostile.parse("read", file) == {"content": "written by a user"}


def test_whatever_a_parser_raises_is_said_of_its_file_only(hostile: HostileChild, file: int):
    """The child lives on."""
    hostile.parse("read", file)
    before = pid_of(hostile)
    with pytest.raises(ParseError, match="it is broken: RecursionError"):
        hostile.parse("nest", file)
    assert hostile.parse("half_a_character", file) == {"text": "?"}
    with pytest.raises(ParseError, match="there is too much in it"):
        hostile.parse("too_much", file)
    assert pid_of(hostile) == before


@pytest.mark.parametrize("what", ["nonsense", "other", "more", "half", "deep", "too_much"])
def test_a_child_that_answers_garbage_is_ended(file: int, what: str):
    """Its word is worth nothing any more."""
    parsing = HostileChild()
    parsing.parse("read", file)
    before = pid_of(parsing)
    with pytest.raises(ParseError, match=r"no answer|more than an answer|ended"):
        parsing.parse(f"say_{what}", file)
    assert parsing.parse("read", file) == {"content": "written by a user"}
    assert pid_of(parsing) != before
    parsing.close()


def test_a_fault_is_printable(file: int):
    """Whatever the child says."""
    parsing = HostileChild()
    with pytest.raises(ParseError, match=r"\?\[31mred"):
        parsing.parse("say_colours", file)
    parsing.close()


def test_a_kind_of_file_that_ends_each_child_is_left_alone_for_a_time(file: int):
    """Other kinds are read on; a file that is only broken does not count."""
    clock = FakeClock()
    parsing = HostileChild(clock_s=clock)
    for _ in range(PATIENCE):
        with pytest.raises(ParseError, match="it ended what reads it"):
            parsing.parse("crash", file)

    with pytest.raises(ParseError, match="left alone for a time"):
        parsing.parse("crash", file)
    assert parsing.parse("read", file) == {"content": "written by a user"}
    clock.advance(FIRST_PAUSE_S)
    with pytest.raises(ParseError, match="it ended what reads it"):
        parsing.parse("crash", file)
    clock.advance(FIRST_PAUSE_S)
    with pytest.raises(ParseError, match="left alone for a time"):
        parsing.parse("crash", file)
    parsing.close()


def test_a_child_that_ends_by_itself_is_replaced_without_a_word(file: int):
    """One that does so over a file, again and again, is an error of that file."""
    parsing = HostileChild()
    parsing.parse("read", file)
    os.kill(pid_of(parsing), signal.SIGKILL)
    assert parsing._child is not None
    await_true(lambda: parsing._child is not None and parsing._child.has_ended)

    assert parsing.parse("read", file) == {"content": "written by a user"}
    with pytest.raises(ParseError, match="ends again and again"):
        parsing.parse("leave", file)
    parsing.close()


def test_several_threads_may_ask(file: int):
    """Each gets its own answer, though the child that one thread started ends with it."""
    parsing = HostileChild()
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(parsing.parse("read", file))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [{"content": "written by a user"}] * 8
    parsing.close()


def test_what_the_children_cost_is_counted(file: int):
    """Also of those that have ended; one that has ended holds no memory."""
    parsing = HostileChild()
    assert parsing.usage().cpu_s == 0
    parsing.parse("read", file)
    alive = parsing.usage()
    parsing.close()
    ended = parsing.usage()

    assert alive.pss_bytes > 1_000_000
    assert ended.cpu_s >= alive.cpu_s > 0
    assert ended.pss_bytes == 0


def test_a_child_without_work_ends_and_is_taken_off_the_list(file: int, monkeypatch: pytest.MonkeyPatch):
    """When its use is asked for, which the budget does every few seconds."""
    parsing = HostileChild("hurried")
    parsing.parse("read", file)
    pid = pid_of(parsing)
    await_true(lambda: parsing.usage().pss_bytes == 0 and not Path(f"/proc/{pid}").exists())
    assert parsing.usage().cpu_s > 0
    parsing.close()


def test_a_kind_of_file_that_takes_all_memory_is_left_alone_for_a_time(file: int):
    """Each costs a child, as a crash does."""
    parsing = HostileChild(clock_s=FakeClock())
    for _ in range(PATIENCE):
        with pytest.raises(ParseError, match="too much memory"):
            parsing.parse("eat", file)
    with pytest.raises(ParseError, match="left alone for a time"):
        parsing.parse("eat", file)
    assert parsing.parse("read", file) == {"content": "written by a user"}
    parsing.close()


def test_a_child_that_does_not_go_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    """As one that reads from a file system which does not answer; it is taken off the kernel's list later."""
    monkeypatch.setattr(child, "END_TIMEOUT_S", 0.05)
    stuck = child.Child(COMMAND)
    with hold(stuck._process.pid):
        stuck.end()
        assert child._REAPER.count_left() == 1
    await_true(lambda: child._REAPER.count_left() == 0)


def test_what_the_children_had_of_the_processor_is_told_alone(file: int):
    """Without their memory, which is dearer to find out; it never falls."""
    parsing = ParsingChild()
    assert parsing.read_cpu_s() == 0.0
    with pytest.raises(ParseError):
        parsing.parse("nothing", file)
    during_s = parsing.read_cpu_s()
    parsing.close()
    assert 0.0 < during_s <= parsing.read_cpu_s()
