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
from agent.system.linux.image import open_image

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
    with open_image(running.pid) as descriptor, open(descriptor, "rb", closefd=False) as stream:
        found = elf.parse(stream)
    with PROGRAM.open("rb") as stream:
        wanted = elf.parse(stream)

    assert (found["build_id"], found["sketch"]) == (wanted["build_id"], wanted["sketch"])
    assert found["sketch"]


def test_only_the_programs_own_constants_and_code_are_in_it(running: subprocess.Popen[bytes]):
    """Each byte is the file's: nothing that the process has written, and nothing of its libraries."""
    with open_image(running.pid) as descriptor:
        content = os.pread(descriptor, 1 << 24, 0)
    original = PROGRAM.read_bytes()

    assert len(content) <= len(original) + 4096
    same = sum(one == other for one, other in zip(content, original, strict=False))
    assert same > 0.9 * len(original)


def test_an_image_has_a_limit(running: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch):
    """A very large program is not copied as a whole."""
    monkeypatch.setattr(image, "MAX_IMAGE_BYTES", 8192)
    with open_image(running.pid) as descriptor:
        assert os.fstat(descriptor).st_blocks * 512 <= 8192


def test_a_process_that_has_ended_has_no_image():
    """The error is the system's."""
    process = subprocess.Popen(["/bin/true"])
    process.wait()

    with pytest.raises(OSError), open_image(process.pid):
        pass


def test_nothing_stays_open(running: subprocess.Popen[bytes]):
    """Neither the memory nor the image."""
    before = os.listdir("/proc/self/fd")
    with open_image(running.pid):
        pass

    assert os.listdir("/proc/self/fd") == before
