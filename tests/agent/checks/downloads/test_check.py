# SPDX-License-Identifier: Apache-2.0
"""Tests of the check `downloads`, with the real watch on homes that a test makes, and with a watch in memory."""

import os
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.checks.downloads import check as module
from agent.checks.downloads.check import COUNT_EVERY_NS, FILE_NAME, MISSED_FOR_S, Downloads
from agent.checks.interface import CheckResult
from agent.system.arrivals import Arrival, ArrivalCoverage, Arrivals, ArrivalWatch, Look, MediaCount
from agent.system.linux.arrivals.watch import LinuxArrivals
from proto.events import FileArrived, Kind, MediaCounted, State
from rules.evaluate import Evaluator
from rules.model import ActionClass, Policy, Rule
from rules.settings import Downloads as Asked
from rules.settings import Settings
from tests.agent.checks.policies import InForce
from tests.agent.parsing.direct import DirectParsing
from tests.fakes import FakeClock, FakeSystem

DEADLINE_S = 20.0
ELF = Path("/bin/true").read_bytes()
GAME = Look("elf", is_executable=True, size_bytes=5, sha256="aa", name="game")


def make_rules(*, wants_files: bool = True, counts_media: bool = False) -> InForce:
    rule = Rule(
        id="arrived",
        title="Arrived",
        why="for a test",
        action_class=ActionClass.UNACCEPTABLE,
        severity=3,
        kinds=(FileArrived.kind,),
    )
    policy = Policy(
        pack="test",
        title="Test",
        rules=(rule,) if wants_files else (),
        settings=Settings(downloads=Asked(count_media=counts_media, reason="for a test" if counts_media else "")),
    )
    return InForce(policy, Evaluator(policy))


class FakeArrivals(ArrivalWatch):
    """A watch in memory: what comes, and what it is, a test says."""

    def __init__(self) -> None:
        self.waiting: list[Arrival] = []
        self.is_complete = True
        self.looks: dict[str, Look | None] = {}
        self.counts: list[MediaCount] = []
        self.covered = ArrivalCoverage(4)
        self.looked_at = 0
        self.is_closed = False

    def come(self, name: str, look: Look | None = GAME, place: str = "downloads") -> None:
        self.waiting.append(Arrival(f"/home/pupil/{name}", place))
        self.looks[f"/home/pupil/{name}"] = look

    def take(self) -> Arrivals:
        taken = Arrivals(tuple(self.waiting), self.is_complete)
        self.waiting, self.is_complete = [], True
        return taken

    def look(self, file: Arrival) -> Look | None:
        self.looked_at += 1
        return self.looks[file.path]

    def count_media(self) -> MediaCount:
        return self.counts.pop(0)

    def coverage(self) -> ArrivalCoverage:
        return self.covered

    def close(self) -> None:
        self.is_closed = True


class Room:
    """A machine with the check."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.now_ns = 10**18
        self.arrivals = FakeArrivals()
        self.system = FakeSystem()
        self.system.arrivals = self.arrivals
        self.rules: InForce | None = make_rules()
        self.start_agent()

    def start_agent(self) -> None:
        self.check = Downloads(
            self.system,
            lambda: self.rules,
            state_folder=self.folder,
            clock_s=self.clock,
            clock_ns=lambda: self.now_ns,
        )

    def look(self) -> list[Kind]:
        self.clock.advance(5)
        return [each for each in self.check.observe(0) if isinstance(each, Kind)]

    def answer(self) -> CheckResult:
        self.look()
        return self.check.result()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_what_can_be_run_is_told_and_a_document_is_not(room: Room):
    """An archive is told when something that runs is in it, or when nobody could look."""
    room.arrivals.come("game")
    room.arrivals.come("notes.txt", Look("", name="notes.txt"))
    room.arrivals.come("lib.so", Look("elf", name="lib.so", sha256="bb"))
    room.arrivals.come("a.zip", Look("zip", "executable", is_executable=True, size_bytes=9, sha256="cc", name="a.zip"))
    room.arrivals.come("b.zip", Look("zip", name="b.zip", sha256="dd"))
    room.arrivals.come("c.rar", Look("rar", "unknown", name="c.rar", sha256="ee"))
    room.arrivals.come("gone", None)

    assert room.look() == [
        FileArrived("game", "downloads", "elf", is_executable=True, size_bytes=5, sha256="aa"),
        FileArrived("a.zip", "downloads", "zip", "executable", is_executable=True, size_bytes=9, sha256="cc"),
        FileArrived("c.rar", "downloads", "rar", "unknown", sha256="ee"),
    ]
    result = room.check.result()
    assert result.state is State.PASS
    assert result.facts == {"folders_watched": "4", "files_looked_at": "6", "files_told": "3", "files_waiting": "0"}


def test_the_same_file_written_again_is_told_once(room: Room):
    """Another content under the same name is another file."""
    for _ in range(3):
        room.arrivals.come("game")
    assert len(room.look()) == 1
    room.arrivals.come("game")
    assert room.look() == []
    room.arrivals.come("game", Look("elf", is_executable=True, size_bytes=5, sha256="other", name="game"))
    assert len(room.look()) == 1


def test_a_file_that_could_not_be_stored_is_told_again(room: Room):
    """An event is told when the next one is asked for."""
    room.arrivals.come("game")
    events = room.check.observe(0)
    assert isinstance(next(events), FileArrived)
    del events
    assert len(room.look()) == 1


def test_nothing_is_watched_that_nobody_asks_for(room: Room):
    """Without a policy, and with one that has no rule about files; the watch ends with the rule."""
    room.rules = None
    assert room.answer().state is State.UNKNOWN
    room.rules = make_rules(wants_files=False)
    assert room.answer().state is State.NOT_APPLICABLE
    assert room.check._watch is None
    room.rules = make_rules()
    assert room.answer().state is State.PASS
    room.rules = make_rules(wants_files=False)
    assert room.answer().state is State.NOT_APPLICABLE
    assert room.arrivals.is_closed


def test_gaps_are_unknown(room: Room):
    """On a system that cannot, in folders that are not watched, and when nothing is watched at all."""
    room.arrivals.covered = ArrivalCoverage(4, ("a folder (downloads): permission denied",))
    result = room.answer()
    assert result.state is State.UNKNOWN
    assert result.summary == "Files may arrive unseen; not watched: a folder (downloads): permission denied."
    room.arrivals.covered = ArrivalCoverage(0)
    assert room.answer().state is State.UNKNOWN
    room.arrivals.covered = ArrivalCoverage(1)
    assert room.answer().state is State.PASS

    room.system.arrivals = None
    room.start_agent()
    assert room.answer().summary == "Files that arrive cannot be watched on this system yet."


def test_a_burst_is_looked_at_bit_by_bit(room: Room):
    """So many at a look, none while scans are paused, and all in the end."""
    for number in range(5000):
        room.arrivals.come(str(number), Look("", name=str(number)))
    room.look()
    assert room.arrivals.looked_at == module.LOOKS_AT_ONCE
    assert room.check.has_more
    room.check.scans_paused = True
    assert room.answer().state is State.UNKNOWN
    assert room.arrivals.looked_at == module.LOOKS_AT_ONCE
    assert not room.check.has_more
    room.check.scans_paused = False
    while room.check.has_more:
        room.look()
    assert room.arrivals.looked_at == 5000
    assert room.check.result().state is State.PASS


def test_nothing_is_taken_while_scans_are_paused(room: Room):
    """To begin and to take cost time; what comes meanwhile is told afterwards."""
    room.check.scans_paused = True
    result = room.answer()
    assert result.state is State.UNKNOWN
    assert room.check._watch is None
    room.check.scans_paused = False
    assert room.answer().state is State.PASS
    room.check.scans_paused = True
    room.arrivals.come("game")

    assert room.answer().state is State.UNKNOWN
    assert len(room.arrivals.waiting) == 1
    room.check.scans_paused = False
    assert [each.name for each in room.look() if isinstance(each, FileArrived)] == ["game"]
    assert room.check.result().state is State.PASS


def test_more_than_can_wait_is_missed_and_said_for_an_hour(room: Room, monkeypatch: pytest.MonkeyPatch):
    """And so is what the system could not tell."""
    monkeypatch.setattr(module, "MAX_WAITING", 10)
    for number in range(11):
        room.arrivals.come(str(number), Look("", name=str(number)))
    assert room.answer().state is State.UNKNOWN
    room.clock.advance(MISSED_FOR_S)
    assert room.answer().state is State.PASS
    room.arrivals.is_complete = False
    result = room.answer()
    assert result.state is State.UNKNOWN
    assert "more files arrived within the hour than could be looked at" in result.summary


def test_media_are_counted_once_a_day_if_the_policy_says_so(room: Room):
    """Only what is complete is told, also over a restart and by a clock that was set back."""
    room.look()
    room.rules = make_rules(counts_media=True)
    half, whole = MediaCount(is_complete=False), MediaCount(1, 2, 3, 4, 5, 6)
    room.arrivals.counts = [half, whole]
    assert room.look() == []
    assert room.look() == [MediaCounted(1, 2, 3, 4, 5, 6)]
    room.start_agent()
    assert room.look() == []
    assert (room.folder / FILE_NAME).exists()

    room.now_ns += COUNT_EVERY_NS
    again = MediaCount(7)
    room.arrivals.counts = [again]
    assert room.look() == [MediaCounted(7)]
    room.now_ns += COUNT_EVERY_NS
    room.arrivals.counts = [again, MediaCount(7)]
    assert room.look() == []  # the last one still stands
    assert room.look() == [MediaCounted(7)]
    room.now_ns -= 5 * COUNT_EVERY_NS
    room.check.scans_paused = True
    assert room.look() == []
    room.check.scans_paused = False
    room.arrivals.counts = [MediaCount(8)]
    assert room.look() == [MediaCounted(8)]


class RealSystem(FakeSystem):
    """A machine whose folders are real."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root

    def watch_arrivals(self, wake: Callable[[], None]) -> ArrivalWatch | None:
        return LinuxArrivals(self.root, DirectParsing(), wake)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("home/pupil/Downloads", "home/pupil/project", "tmp", "etc", "var/tmp"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/passwd").touch()
    return tmp_path / "home/pupil"


@pytest.fixture
def real(home: Path) -> Iterator[Downloads]:
    check = Downloads(RealSystem(home.parents[1]), lambda: make_rules(counts_media=True))
    list(check.observe(0))
    yield check
    check.close()


def test_a_real_download_is_told_and_a_pupils_own_program_is_not(real: Downloads, home: Path):
    """From the browser's first byte to the event."""
    (home / "project/a.out").write_bytes(ELF)
    with zipfile.ZipFile(home / "Downloads/work.zip.part", "w") as archive:
        archive.writestr("folder/game", ELF)
    (home / "Downloads/work.zip.part").rename(home / "Downloads/work.zip")

    told: list[Kind] = []
    due_s = time.monotonic() + DEADLINE_S
    while not any(isinstance(each, FileArrived) for each in told):
        assert time.monotonic() < due_s, "it was not told"
        told += [each for each in real.observe(0) if isinstance(each, Kind)]
        time.sleep(0.02)
    (arrived,) = [each for each in told if isinstance(each, FileArrived)]
    assert (arrived.name, arrived.place, arrived.format, arrived.contains) == (
        "work.zip",
        "downloads",
        "zip",
        "executable",
    )
    assert arrived.size_bytes == os.stat(home / "Downloads/work.zip").st_size
    assert real.result().state is State.PASS


def test_a_real_burst_is_told_whole(real: Downloads, home: Path):
    """Of a thousand programs that come at once each is told."""
    for number in range(1000):
        (home / f"Downloads/{number}").write_bytes(b"#!/bin/sh\n# %d\n" % number)

    told: set[str] = set()
    due_s = time.monotonic() + DEADLINE_S
    while len(told) < 1000:
        assert time.monotonic() < due_s, f"{len(told)} were told"
        told |= {each.name for each in real.observe(0) if isinstance(each, FileArrived)}
    assert real.result().state is State.PASS
