# SPDX-License-Identifier: Apache-2.0
"""What a process does to the files of a folder, in order, as strace saw it. What a power cut leaves is for `platter`.

The process says what it has promised by writing lines to a file called `words` in that folder: a word stands in the
sequence where it was said. That a folder is made is taken to last. Changes through a memory map are not seen; the only
one here is SQLite's index of its write-ahead log, which no start reads after a cut.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

WORDS = "words"
CALLS = (
    "openat,creat,write,writev,pwrite64,pwritev,ftruncate,fallocate,fsync,fdatasync,"
    "unlink,unlinkat,rename,renameat,renameat2"
)
LONGEST_WRITE = 8 * 1024 * 1024
_LINE = re.compile(r"^(\d+) +(.*)$")
_DESCRIPTOR = re.compile(r"^(\d+|AT_FDCWD)<([^>]*)>$")
_HEX = re.compile(r"\\x([0-9a-f]{2})")


class TraceError(Exception):
    """The process did something that a replay would not know how to repeat."""


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes went into a file."""

    path: Path
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file got a size."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A file's content, or a folder's names, came to the disk."""

    path: Path


@dataclass(frozen=True, slots=True)
class Create:
    """A file is there, from now on if it was not before."""

    path: Path


@dataclass(frozen=True, slots=True)
class Remove:
    """A name went."""

    path: Path


@dataclass(frozen=True, slots=True)
class Rename:
    """A file or a folder got another name."""

    path: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Say:
    """The process said a word."""

    word: str


Step = Write | Truncate | Sync | Create | Remove | Rename | Say


def find_missing() -> str:
    """Say what is missing to watch a process; empty when nothing is."""
    if shutil.which("strace") is None:
        return "strace (apt install strace)"
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "the right to trace a process"


def record(folder: Path, module: str, *arguments: str) -> list[Step]:
    """Run a module of ours to its end and return what it did in a folder.

    Raises:
        TraceError: it ended with an error, or did what a replay would not know.
    """
    output = folder.parent / f"{folder.name}.strace"
    watched = ["strace", "-f", "-y", "-xx", "-s", str(LONGEST_WRITE), "-e", f"trace={CALLS}", "-o", str(output)]
    done = subprocess.run(
        [*watched, sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise TraceError(f"{module} ended with {done.returncode}: {done.stderr[-2000:]}")
    with output.open(encoding="ascii") as lines:
        return list(parse(lines, folder))


def parse(lines: Iterable[str], folder: Path) -> Iterator[Step]:
    """Return the steps of a trace that touch a folder, in the order in which the calls came back.

    Raises:
        TraceError: a call that a replay would not know.
    """
    reader = _Reader(folder)
    unfinished: dict[str, str] = {}
    for line in lines:
        found = _LINE.match(line)
        if not found or found[2].startswith(("---", "+++")):
            continue
        process, call = found[1], found[2]
        if call.endswith("<unfinished ...>"):
            unfinished[process] = call.removesuffix("<unfinished ...>").rstrip()
            continue
        if call.startswith("<..."):
            call = unfinished.pop(process) + call.partition("resumed>")[2]
        yield from reader.read(call)


class _Reader:
    """Turns calls into steps. Knows where each descriptor's next plain write goes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[tuple[str, Path], int] = {}

    def read(self, call: str) -> Iterator[Step]:
        """Return what one finished call did."""
        name, _, rest = call.partition("(")
        inside, _, result = rest.rpartition(") = ")
        if result.startswith("-1") or not inside:
            return
        parts = inside.strip().split(", ")
        if name in ("openat", "creat"):
            yield from self._open(parts, result)
        elif name in ("rename", "renameat", "renameat2"):
            old, new = [_to_path(each) for each in parts if each.startswith('"')]
            if self._is_ours(old):
                yield Rename(old, new)
        elif name in ("unlink", "unlinkat"):
            path = _to_path(next(each for each in parts if each.startswith('"')))
            if self._is_ours(path):
                yield Remove(path)
        else:
            yield from self._change(name, parts)

    def _open(self, parts: list[str], result: str) -> Iterator[Step]:
        path = _to_path(parts[1])
        if not self._is_ours(path) or not {"O_CREAT", "O_TRUNC"} & set(parts[2].split("|")):
            return
        descriptor = result.partition("<")[0]  # Numbered anew each time it is opened, so its place is its start.
        self._places[descriptor, path] = 0
        if "O_CREAT" in parts[2]:
            yield Create(path)
        if "O_TRUNC" in parts[2]:
            yield Truncate(path, 0)

    def _change(self, name: str, parts: list[str]) -> Iterator[Step]:
        found = _DESCRIPTOR.match(parts[0])
        if not found or not self._is_ours(path := Path(bytes.fromhex("".join(_HEX.findall(found[2]))).decode())):
            return
        if name in ("fsync", "fdatasync"):
            yield Sync(path)
        elif name == "ftruncate":
            yield Truncate(path, int(parts[1]))
        elif name == "pwrite64":
            yield Write(path, int(parts[3]), _to_bytes(parts[1]))
        elif name == "write":
            data = _to_bytes(parts[1])
            if path.name == WORDS:
                yield from (Say(word) for word in data.decode("ascii").splitlines())
                return
            place = self._places.get((found[1], path), 0)
            self._places[found[1], path] = place + len(data)
            yield Write(path, place, data)
        else:
            raise TraceError(f"{name} of {path}: a replay does not know it")

    def _is_ours(self, path: Path) -> bool:
        return path.is_relative_to(self._folder)


def _to_bytes(text: str) -> bytes:
    if not text.endswith('"'):
        raise TraceError("a write was longer than the trace keeps")
    return bytes.fromhex("".join(_HEX.findall(text)))


def _to_path(text: str) -> Path:
    return Path(_to_bytes(text).decode())
