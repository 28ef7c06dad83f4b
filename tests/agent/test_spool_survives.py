# SPDX-License-Identifier: Apache-2.0
"""What the queue survives: being killed at any moment, a full disk, damage, and a second agent."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import AlreadyRunningError, SpoolDamagedError, SpoolError
from agent.spool import Spool
from proto.events import Missing
from tests.agent.spooled import KEY, Chain, body_of, peek_all
from tests.tree import ROOT

ROUNDS = 30
LINES_AT_MOST = 25
BALLAST_BYTES = 200 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a queue will be."""
    return tmp_path / "spool" / "spool.db"


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `tests.agent.spooled`, and kill it in the end, however that comes."""
    command = [sys.executable, "-m", "tests.agent.spooled", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def read_line(stream: IO[str] | None) -> str:
    """Return the next line that a child says; it must say one."""
    assert stream is not None
    line = stream.readline()
    assert line, "the child ended without a word"
    return line.strip()


def kill_after(path: Path, lines: int) -> tuple[int, int]:
    """Let a child write until it has said so many lines, kill it, and return what it had appended and acknowledged."""
    with process("write", str(path)) as child:
        said = [read_line(child.stdout) for _ in range(lines)]
        os.kill(child.pid, signal.SIGKILL)
        assert child.stdout is not None
        # The last line may be cut in the middle; then what it tells of did not return.
        said += [line.strip() for line in child.stdout if line.endswith("\n")]
    numbers: dict[str, int] = {"appended": 0, "acknowledging": 0}
    for line in said:
        word, number = line.split()
        numbers[word] = int(number)
    return numbers["appended"], numbers["acknowledging"]


def test_killed_at_any_moment_nothing_is_lost(path: Path) -> None:
    """After SIGKILL, thirty times on one queue: what was appended is there, whole, numbered without a gap."""
    moments = random.Random(20_261_121)
    newest = acknowledged = 0
    for _ in range(ROUNDS):
        appended, acknowledging = kill_after(path, moments.randint(0, LINES_AT_MOST))
        newest, acknowledged = max(newest, appended), max(acknowledged, acknowledging)
        spool = Spool(path, KEY)
        head, waiting = spool.head(1), peek_all(spool)
        spool.close()
        assert head.seq >= newest, "an append that had returned is gone"
        newest = head.seq
        numbers = [event.seq for event in waiting]
        assert numbers == list(range(newest - len(numbers) + 1, newest + 1)), "numbers have a gap"
        assert newest - len(numbers) <= acknowledged, "what was not acknowledged is gone"
        assert all(event.payload.missing is Missing.NO for event in waiting)
        assert [event.payload.body for event in waiting] == [body_of(seq) for seq in numbers]
        assert not waiting or waiting[-1].hash == head.hash
    assert newest > ROUNDS


@contextmanager
def small_disk(folder: Path) -> Iterator[tuple[Path, int]]:
    """Return a folder with little room and 0, or, where nothing can be mounted, a folder and a limit in bytes."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={2 * BALLAST_BYTES}", "schoolwarden-test", str(folder)]
    is_mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    if not is_mounted:
        yield folder, BALLAST_BYTES
        return
    (folder / "ballast").write_bytes(bytes(BALLAST_BYTES))
    try:
        yield folder, 0
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("is_limit", [False, True], ids=["full disk", "file size limit"])
def test_a_full_disk_loses_nothing(tmp_path: Path, is_limit: bool) -> None:
    """When the disk takes no more it says so, keeps all that it took, and goes on once there is room."""
    with small_disk(tmp_path / "disk") as (folder, limit):
        limit = BALLAST_BYTES if is_limit else limit
        spool_file = folder / "spool.db"
        with process("fill", str(spool_file), str(limit)) as child:
            full: dict[str, Any] = json.loads(read_line(child.stdout))
            assert full["appended"] > 5
            assert "cannot be written" in full["problem"]
            assert "cannot be written" in full["again"]
            assert full["head"] == full["count"] == full["appended"]
            (folder / "ballast").unlink(missing_ok=True)
            assert child.stdin is not None
            child.stdin.write("there is room\n")
            child.stdin.flush()
            after = json.loads(read_line(child.stdout))
            assert after["head"] == after["count"] == full["appended"] + 1
            assert child.wait(timeout=60) == 0
        spool = Spool(spool_file, KEY)
        waiting = peek_all(spool)
        spool.close()
        assert [event.seq for event in waiting] == list(range(1, full["appended"] + 2))
        assert all(event.payload.missing is Missing.NO for event in waiting)


def test_a_disk_without_any_room_is_an_error(tmp_path: Path) -> None:
    """A queue that cannot even be made says what to look at."""
    with small_disk(tmp_path / "disk") as (folder, limit):
        if limit:
            # Nothing could be mounted: a folder that takes no files says the same.
            folder.chmod(0o500)
        else:
            (folder / "rest").write_bytes(bytes(BALLAST_BYTES - 8192))
        spool_file = folder / "spool.db"
        with pytest.raises(SpoolError) as caught:
            Spool(spool_file, KEY).append(1, Chain().make_many(3, bytes(20_000)))
        assert "queue" in caught.value.message
        folder.chmod(0o700)


def test_another_process_has_it(path: Path) -> None:
    """While an agent runs, a second one is refused; when the first was killed, the queue is free."""
    Spool(path, KEY).close()
    with process("hold", str(path)) as child:
        assert read_line(child.stdout) == "open"
        with pytest.raises(AlreadyRunningError) as caught:
            Spool(path, KEY)
        assert caught.value.hint
        os.kill(child.pid, signal.SIGKILL)
        child.wait(timeout=60)
        Spool(path, KEY).close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: b"garbage" * 1000,
        lambda raw: bytes(len(raw)),
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:100],
        lambda raw: bytes(100) + raw[100:],
        lambda raw: raw[:4096] + bytes(4096) + raw[8192:],
    ],
    ids=["emptied", "garbage", "zeros", "half", "a header", "no header", "a lost page"],
)
def test_a_damaged_file_is_found_when_it_is_opened(path: Path, damage: Any) -> None:
    """What is not our queue any more is never taken for an empty one: the chain would begin at 1 again."""
    spool, chain = Spool(path, KEY), Chain()
    spool.append(1, chain.make_many(30, bytes(500)))
    spool.close()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SpoolDamagedError, match="damaged"):
        Spool(path, KEY)
    # It can be moved away at once: nothing holds it.
    path.rename(path.with_name("old"))
    assert Spool(path, KEY).count() == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET header = zeroblob(10) WHERE seq = 3",
        "UPDATE events SET hash = zeroblob(32) WHERE seq = 3",
        "UPDATE events SET hash = zeroblob(32) WHERE seq = 5",
        "UPDATE events SET seq = 9 WHERE seq = 5",
        "UPDATE events SET seq = 0 WHERE seq = 3",
        "DELETE FROM events WHERE seq = 3",
        "DELETE FROM events WHERE seq = 5",
        "DELETE FROM head",
        "UPDATE head SET seq = 4",
        "UPDATE head SET hash = zeroblob(32)",
        "UPDATE events SET header = (SELECT header FROM events WHERE seq = 2) WHERE seq = 3",
    ],
)
def test_a_chain_that_broke_on_the_disk_is_damage(path: Path, change: str) -> None:
    """Events that do not follow one another up to the head would be refused by every collector, for ever."""
    spool, chain = Spool(path, KEY), Chain()
    spool.append(1, chain.make_many(5))
    spool.close()
    with sqlite3.connect(path) as database:
        database.execute(change)
    database.close()
    with pytest.raises(SpoolDamagedError):
        Spool(path, KEY)


def test_a_queue_of_another_epoch_is_damage(path: Path) -> None:
    """A queue that no longer fits the identity is not written on."""
    spool, chain = Spool(path, KEY), Chain()
    spool.append(1, chain.make_many(1))
    with pytest.raises(SpoolDamagedError, match="of epoch 1, the identity of epoch 2"):
        spool.head(2)


def test_a_folder_in_its_place_is_an_error(path: Path) -> None:
    """What stands in the way is said, and left alone."""
    path.mkdir(parents=True)
    with pytest.raises(SpoolError, match="cannot be opened"):
        Spool(path, KEY)


@cache
def raw_queue() -> bytes:
    """Return the file of a queue with twenty events."""
    with TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool.db", KEY)
        spool.append(1, Chain().make_many(20, bytes(300)))
        spool.close()
        return (Path(folder) / "spool.db").read_bytes()


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=5))
def test_changed_bytes_end_in_our_own_error_or_do_no_harm(flips: list[tuple[float, int]]) -> None:
    """Whatever bytes of the file changed, the queue is damaged, or its headers are whole and no content is false."""
    raw = bytearray(raw_queue())
    for place, flip in flips:
        raw[int(place * len(raw))] ^= flip
    events = Chain().make_many(20, bytes(300))
    with TemporaryDirectory() as folder:
        (Path(folder) / "spool.db").write_bytes(bytes(raw))
        try:
            spool = Spool(Path(folder) / "spool.db", KEY)
        except SpoolError:
            return
        try:
            found = peek_all(spool)
            assert [event.header for event in found] == [event.header for event in events]
            assert all(event.payload.body in (b"", bytes(300)) for event in found)
            spool.acknowledge(10)
            spool.append(1, [Chain(spool).make()])
        except SpoolError:
            return
        finally:
            spool.close()
