# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold when the power goes: everything that was synced, and of the rest whatever a disk likes.

Of the writes since a file's last sync none may have come, or all, all but any one, any few, or the last one torn at
any sector. A name that came or went since its folder's last sync may be as it was. No order holds between writes that
no sync parts.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.cuts.trace import Create, Remove, Rename, Say, Step, Sync, Truncate, Write

SECTOR_BYTES = 512
RANDOM_CHOICES = 2

State = dict[Path, bytes]
"""What lies where."""


@dataclass(slots=True)
class _Pending:
    """A change of a file that no sync has brought to the disk."""

    file: int
    change: Write | Truncate


@dataclass(slots=True)
class Platter:
    """A disk as a sequence of steps makes it. Files have numbers, since a name may come to mean another file."""

    synced: dict[int, bytearray] = field(default_factory=dict)
    names: dict[Path, int] = field(default_factory=dict)
    synced_names: dict[Path, int] = field(default_factory=dict)
    pending: list[_Pending] = field(default_factory=list)
    moved: list[Rename] = field(default_factory=list)
    """Folders that got another name, which no sync has brought to the disk."""

    @classmethod
    def load(cls, folder: Path) -> "Platter":
        """Begin with what lies in a folder, all of it synced."""
        platter = cls()
        for path in folder.rglob("*"):
            if path.is_file():
                platter.names[path] = len(platter.synced)
                platter.synced[len(platter.synced)] = bytearray(path.read_bytes())
        platter.synced_names = dict(platter.names)
        return platter

    def take(self, step: Step) -> None:
        """Do one step."""
        if isinstance(step, Write | Truncate):
            self.pending.append(_Pending(self.names[step.path], step))
        elif isinstance(step, Create):
            if step.path not in self.names:
                self.names[step.path] = len(self.synced)
                self.synced[len(self.synced)] = bytearray()
        elif isinstance(step, Remove):
            self.names.pop(step.path, None)  # A folder has no entry of its own.
        elif isinstance(step, Rename) and step.path in self.names:
            self.names[step.target] = self.names.pop(step.path)
        elif isinstance(step, Rename):
            self.names = _move(self.names, step)
            self.moved.append(step)
        elif isinstance(step, Sync):
            self._sync(step.path)

    def states(self, chance: random.Random, *, drops_each: bool = True) -> Iterator[State]:
        """Return what the disk may hold if the power goes now; `drops_each` tries all but one for every one."""
        count = len(self.pending)
        everything = range(count)
        yield self._state(everything)
        if self.names != self.synced_names:
            yield self._state(everything, is_old_names=True)
            yield self._state((), is_old_names=True)
        if not count:
            return
        yield self._state(())
        if drops_each:
            for dropped in everything:
                yield self._state([each for each in everything if each != dropped])
        for _ in range(RANDOM_CHOICES if count > 2 else 0):
            yield self._state([each for each in everything if chance.random() < 0.5])
        last = self.pending[-1].change
        if isinstance(last, Write):
            for length in range(_to_boundary(last.offset), len(last.data), SECTOR_BYTES):
                yield self._state(everything, torn_at=length)

    def _state(self, kept: Sequence[int], *, is_old_names: bool = False, torn_at: int = 0) -> State:
        contents = {number: self.synced[number] for number in self.synced}
        copied: set[int] = set()
        for index in kept:
            each = self.pending[index]
            if each.file not in copied:
                contents[each.file] = bytearray(contents[each.file])
                copied.add(each.file)
            change = each.change
            if torn_at and index == len(self.pending) - 1 and isinstance(change, Write):
                change = Write(change.path, change.offset, change.data[:torn_at])
            _apply(contents[each.file], change)
        names = self.synced_names if is_old_names else self.names
        return {path: bytes(contents[number]) for path, number in names.items()}

    def _sync(self, path: Path) -> None:
        if path not in self.names:
            # A folder: its names come to the disk.
            for move in self.moved:
                if path in (move.path.parent, move.target.parent):
                    self.synced_names = _move(self.synced_names, move)
            self.moved = [move for move in self.moved if path not in (move.path.parent, move.target.parent)]
            kept = {name: number for name, number in self.synced_names.items() if name.parent != path}
            self.synced_names = kept | {name: number for name, number in self.names.items() if name.parent == path}
            return
        number = self.names[path]
        for each in self.pending:
            if each.file == number:
                _apply(self.synced[number], each.change)
        self.pending = [each for each in self.pending if each.file != number]


@dataclass(frozen=True, slots=True)
class Cut:
    """The power goes after some steps."""

    after: int
    """How many steps were done."""
    said: tuple[str, ...]
    """Every word that had been said."""
    state: State


def make_cuts(folder: Path, before: Platter, steps: Sequence[Step], *, seed: int, drops_each: bool) -> Iterator[Cut]:
    """Return every different cut of a sequence. Without `drops_each`, each single write is dropped at syncs only."""
    chance = random.Random(seed)
    seen: set[bytes] = set()
    said: list[str] = []
    for number, step in enumerate([None, *steps]):
        if isinstance(step, Say):
            said.append(step.word)
        elif step is not None:
            before.take(step)
        following = steps[number] if number < len(steps) else None
        for state in before.states(chance, drops_each=drops_each or isinstance(following, Sync)):
            digest = hashlib.blake2b(str(len(said)).encode())
            for path in sorted(state):
                digest.update(f"{path}\0{len(state[path])}\0".encode() + state[path])
            if digest.digest() not in seen:
                seen.add(digest.digest())
                yield Cut(number, tuple(said), state)


def lay_down(state: State, source: Path, target: Path) -> None:
    """Write what a disk held after a cut into an empty folder, for somebody to start on."""
    for path, content in state.items():
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _apply(content: bytearray, change: Write | Truncate) -> None:
    size = change.size if isinstance(change, Truncate) else change.offset
    if isinstance(change, Truncate):
        del content[size:]
    if len(content) < size:
        content.extend(bytes(size - len(content)))
    if isinstance(change, Write):
        content[change.offset : change.offset + len(change.data)] = change.data


def _move(names: dict[Path, int], step: Rename) -> dict[Path, int]:
    return {
        step.target / path.relative_to(step.path) if path.is_relative_to(step.path) else path: number
        for path, number in names.items()
    }


def _to_boundary(offset: int) -> int:
    """Return how many bytes of a write go before the first boundary of a sector inside it."""
    return SECTOR_BYTES - offset % SECTOR_BYTES
