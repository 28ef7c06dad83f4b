# SPDX-License-Identifier: Apache-2.0
"""Tests of reading what strace saw of a process."""

from pathlib import Path

import pytest

from tests.soak.cuts.trace import Create, Remove, Rename, Say, Sync, TraceError, Truncate, Write, parse

FOLDER = Path("/state")


def hexed(text: str) -> str:
    """Return a text as strace writes it."""
    return "".join(f"\\x{each:02x}" for each in text.encode())


def read(*lines: str) -> list:
    """Return the steps of a trace; what stands in angle or double quotes is written as strace does."""
    written = []
    for line in lines:
        for mark, end in (("<<", ">>"), ("``", "''")):
            while mark in line:
                before, _, rest = line.partition(mark)
                inside, _, after = rest.partition(end)
                line = before + (f"<{hexed(inside)}>" if mark == "<<" else f'"{hexed(inside)}"') + after
        written.append(line + "\n")
    return list(parse(written, FOLDER))


def test_reads_what_a_process_does_to_our_files() -> None:
    """Each kind of call becomes its step, with names, places and bytes; what failed or is elsewhere is left out."""
    steps = read(
        "7  openat(AT_FDCWD<</home>>, ``/state/q'', O_RDWR|O_CREAT, 0600) = 4<</state/q>>",
        "7  openat(AT_FDCWD<</home>>, ``/state/gone'', O_RDONLY) = -1 ENOENT (No such file or directory)",
        "7  pwrite64(4<</state/q>>, ``ab'', 2, 512) = 2",
        "7  write(1<</dev/pts/0>>, ``hello'', 5) = 5",
        "7  ftruncate(4<</state/q>>, 0) = 0",
        "7  fdatasync(4<</state/q>>) = 0",
        "7  rename(``/state/q'', ``/state/r'') = 0",
        "7  unlink(``/state/r'') = 0",
        "7  fsync(5<</state>>) = 0",
        "7  +++ exited with 0 +++",
    )
    path = FOLDER / "q"
    assert steps == [
        Create(path),
        Write(path, 512, b"ab"),
        Truncate(path, 0),
        Sync(path),
        Rename(path, FOLDER / "r"),
        Remove(FOLDER / "r"),
        Sync(FOLDER),
    ]


def test_plain_writes_go_on_where_the_last_one_ended() -> None:
    """A file that is written without places, as Python does it, gets them here."""
    opened = "7  openat(AT_FDCWD<</home>>, ``/state/f'', O_WRONLY|O_CREAT|O_EXCL, 0600) = 4<</state/f>>"
    path = FOLDER / "f"
    assert read(opened, "7  write(4<</state/f>>, ``ab'', 2) = 2", "7  write(4<</state/f>>, ``cd'', 2) = 2") == [
        Create(path),
        Write(path, 0, b"ab"),
        Write(path, 2, b"cd"),
    ]


def test_call_of_one_thread_may_be_parted_by_another() -> None:
    """It counts where it came back, since only then it was done."""
    steps = read(
        "7  fsync(4<</state/q>> <unfinished ...>",
        "8  write(3<</state/words>>, ``promised 1\n'', 11) = 11",
        "7  <... fsync resumed>) = 0",
    )
    assert steps == [Say("promised 1"), Sync(FOLDER / "q")]


@pytest.mark.parametrize(
    "line",
    [
        "7  fallocate(4<</state/q>>, 0, 0, 4096) = 0",
        '7  pwrite64(4<</state/q>>, "\\x61\\x62"..., 9000000, 0) = 9000000',
    ],
)
def test_what_a_replay_would_not_know_ends_the_soak(line: str) -> None:
    """A call of another kind or a write that was not kept whole must not pass for nothing."""
    with pytest.raises(TraceError):
        read(line)
