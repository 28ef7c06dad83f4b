# SPDX-License-Identifier: Apache-2.0
"""Tests of agent.system.linux.image, on real processes."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.parsing.parsers import elf
from agent.system.linux import image
from agent.system.linux.image import MAX_LEFT, MAX_SPENT_S, SPENT_WITHIN_S, ImageError, ImageReader, write_image
from tests.fakes import FakeClock

PROGRAM = Path("/usr/bin/grep")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real program under an odd name, which waits."""
    odd = shutil.copy(PROGRAM, tmp_path / "home\nwork r-xp")
    process = subprocess.Popen([odd, "x"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_an_image_says_the_same_as_the_file(running: subprocess.Popen[bytes]):
    """Whatever the file is called, and if it is gone."""
    os.unlink(running.args[0])  # type: ignore[arg-type,index]
    with ImageReader().open_image(running.pid) as descriptor, open(descriptor, "rb", closefd=False) as stream:
        found = elf.parse(stream)
    with PROGRAM.open("rb") as stream:
        wanted = elf.parse(stream)

    assert (found["build_id"], found["sketch"]) == (wanted["build_id"], wanted["sketch"])
    assert found["sketch"]


def test_only_the_programs_own_constants_and_code_are_in_it(running: subprocess.Popen[bytes]):
    """Each byte is the file's: nothing that the process has written, and nothing of its libraries."""
    with ImageReader().open_image(running.pid) as descriptor:
        content = os.pread(descriptor, 1 << 24, 0)
    original = PROGRAM.read_bytes()

    assert len(content) <= len(original) + 4096
    same = sum(one == other for one, other in zip(content, original, strict=False))
    assert same > 0.9 * len(original)


def test_an_image_has_a_limit(running: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch):
    """A very large program is not copied as a whole."""
    monkeypatch.setattr(image, "MAX_IMAGE_BYTES", 8192)
    descriptor = os.memfd_create("image")
    write_image(running.pid, descriptor)
    assert 0 < os.fstat(descriptor).st_blocks * 512 <= 8192
    os.close(descriptor)


def test_a_process_that_has_ended_has_no_image():
    """That is an error of the system's kind."""
    process = subprocess.Popen(["/bin/true"])
    process.wait()

    with pytest.raises(ImageError, match="has ended"), ImageReader().open_image(process.pid):
        pass


def test_nothing_stays_open(running: subprocess.Popen[bytes]):
    """Neither the memory nor the image."""
    before = os.listdir("/proc/self/fd")
    with ImageReader().open_image(running.pid):
        pass

    assert os.listdir("/proc/self/fd") == before


class StuckReader(ImageReader):
    """What reads for it stands still; killing is left out, as it would be without effect."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(["/bin/sh", "-c", "exec sleep 60"], clock_s=clock)
        self.started: list[subprocess.Popen[bytes]] = []

    def read(self) -> str:
        """Return why there is no image."""
        with pytest.raises(ImageError) as caught, self.open_image(os.getpid()):
            pass
        return str(caught.value)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[StuckReader]:
    """A reader whose processes cannot be killed, until the test ends."""
    reader = StuckReader(FakeClock())
    monkeypatch.setattr(image, "TIMEOUT_S", 0.01)
    kill = subprocess.Popen.kill

    def note(process: subprocess.Popen[bytes]) -> None:
        reader.started.append(process)

    monkeypatch.setattr(subprocess.Popen, "kill", note)
    yield reader
    for each in reader.started:
        kill(each)
        each.wait()


def test_a_file_system_that_does_not_answer_is_not_waited_for(stuck: StuckReader):
    """After some processes that stand still no other is started, until they are gone."""
    told = [stuck.read() for _ in range(MAX_LEFT + 1)]

    assert told[:-1] == ["the file system of that program does not answer"] * MAX_LEFT
    assert told[-1] == "too many processes that read such programs stand still"
    assert len(stuck.started) == MAX_LEFT
    stuck.started[0].terminate()
    stuck.started[0].wait()
    assert stuck.read() == "the file system of that program does not answer"


def test_a_slow_file_system_gets_so_much_of_a_minute(running: subprocess.Popen[bytes]):
    """What is over is refused at once; a minute later it is tried again."""
    clock = FakeClock()
    slow = ImageReader(clock_s=clock)
    with slow.open_image(running.pid):
        pass
    slow._spent[-1] = (clock(), MAX_SPENT_S + 0.1)

    with pytest.raises(ImageError, match="took too long in the last minute"), slow.open_image(running.pid):
        pass
    clock.advance(SPENT_WITHIN_S)
    with slow.open_image(running.pid) as descriptor:
        assert os.fstat(descriptor).st_size
