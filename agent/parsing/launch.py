# SPDX-License-Identifier: Apache-2.0
"""The service's side of looking into users' files: starts the child, hands it open files, and ends it when it fails.

The child may be taken over by the file it reads. Then it can lie about that file and about those that it is given
later, for a minute of work at most; it can do no more, see `jail`.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agent.errors import ParseError
from agent.parsing.channel import SpentError
from agent.parsing.child import Child, ChildGoneError, ChildLostError
from agent.parsing.interface import Parsing

PATIENCE = 3
"""Children that may end over files of one kind, one after the other, before that kind is left alone for a time."""
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0


@dataclass(frozen=True, slots=True)
class ChildUsage:
    """What the children have cost and what the present one holds."""

    cpu_s: float = 0.0
    pss_bytes: int = 0


@dataclass(slots=True)
class _Failures:
    """Of one kind of file, one after the other."""

    count: int = 0
    until_s: float = 0.0


class ParsingChild(Parsing):
    """One child at a time, started when it is needed; it ends by itself soon after.

    The kernel ends a child with the thread that started it, and so with the service. Where that is a thread which ends
    sooner, a file of another thread may cost another start.
    """

    command: tuple[str, ...] = (sys.executable, "-I", "-m", "agent.parsing.process")
    """Isolated (-I): no folder and no variable of anybody decides what is imported."""

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._failures: dict[str, _Failures] = {}
        self._past_cpu_s = 0.0
        self.walls: tuple[str, ...] = ()
        """What the newest child is shut in with: see `jail`. Empty before the first file."""

    def parse(self, what: str, descriptor: int) -> Mapping[str, Any]:
        """Return what the parser of that name finds in an open regular file.

        Raises:
            ParseError: it is no such thing, it is broken, took too much time or memory, or its kind did so repeatedly.
        """
        with self._lock:
            failures = self._failures.setdefault(what, _Failures())
            if self._clock_s() < failures.until_s:
                raise ParseError("such files are left alone for a time: the last ones ended what reads them")
            try:
                found = self._ask(what, descriptor)
            except ChildLostError as error:
                self._end_child()
                self._count_failure(failures)
                raise ParseError(error.message) from error
            except SpentError:
                # It ends by itself: a kind that costs a child each time is left alone as if it had crashed.
                self._count_failure(failures)
                raise
            except ParseError:
                failures.count = 0
                raise
            failures.count = 0
            return found

    def read_cpu_s(self) -> float:
        """Return the processor time that the children had. It waits for no file."""
        child = self._child
        return self._past_cpu_s + (child.read_cpu_s() if child is not None else 0.0)

    def usage(self) -> ChildUsage:
        """Return what the children cost, for who counts what the agent costs. It waits for no file."""
        child = self._child
        if child is None:
            return ChildUsage(self._past_cpu_s)
        usage = ChildUsage(self._past_cpu_s + child.read_cpu_s(), child.read_pss_bytes())
        if child.has_ended and self._lock.acquire(blocking=False):
            try:
                if self._child is child:
                    self._end_child()
            finally:
                self._lock.release()
        return usage

    def close(self) -> None:
        """End the child, if there is one. A later call starts another."""
        with self._lock:
            self._end_child()

    def _ask(self, what: str, descriptor: int) -> Mapping[str, Any]:
        """Ask the child, and once more another one if the file need not be why it ended."""
        try:
            return self._ask_once(what, descriptor)
        except ChildGoneError:
            self._end_child()
        try:
            return self._ask_once(what, descriptor)
        except ChildGoneError as error:
            raise ChildLostError(error.message) from error

    def _ask_once(self, what: str, descriptor: int) -> Mapping[str, Any]:
        with _open_again(descriptor) as own:
            return self._find_child().ask(what, own)

    def _find_child(self) -> Child:
        if self._child is None:
            self._child = Child(self.command)
            self.walls = self._child.await_walls()
        return self._child

    def _end_child(self) -> None:
        if self._child is not None:
            self._past_cpu_s += self._child.end()
            self._child = None

    def _count_failure(self, failures: _Failures) -> None:
        failures.count += 1
        if failures.count >= PATIENCE:
            pause_s = min(FIRST_PAUSE_S * 2.0 ** min(failures.count - PATIENCE, 30), LONGEST_PAUSE_S)
            failures.until_s = self._clock_s() + pause_s


@contextmanager
def _open_again(descriptor: int) -> Iterator[int]:
    """Open the same file again: for reading only, and with a position that nobody else moves.

    Raises:
        ParseError: it cannot be opened again.
    """
    try:
        own = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ParseError("it cannot be opened again") from error
    try:
        yield own
    finally:
        os.close(own)
