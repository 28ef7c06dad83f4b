# SPDX-License-Identifier: Apache-2.0
"""How idle X11 displays are and whether a locker covers them, measured by a process of the session's own user.

The process (`agent.session.idle`) looks once and ends. It costs a good tenth of a second, so a display is measured only
when it could have come to its limit: while somebody works, every few minutes. It is hardly waited for: its answer is
taken at a later look. The answer is the user's own word, as everything on his display is, and read within limits.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from agent.reaper import Reaper
from agent.system.interface import Session
from agent.system.linux.screens.sleep import Sleeps

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 4096
AGAIN_S = 60.0
"""After a process that gave no answer."""
OVERDUE_S = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""How soon a display is measured again that stays open beyond its limit; the last figure for ever."""
SAME_S = 2.0
"""Two moments this close together are one."""
_GLANCE_S = 0.05
_MAX_IDLE_S = 10.0 * 365 * 86400
_PATH = "/usr/local/bin:/usr/bin:/bin"
_REAPER = Reaper()
"""A process runs as the user, who can have it traced: then it does not go when it is killed."""

Spawn = Callable[[Session], "subprocess.Popen[bytes]"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one measuring told."""

    at_s: float
    """By the monotonic clock."""
    idle_s: float | None
    is_locked: bool
    timeout_s: int
    """After which the X server's own screen saver comes on; 0: never."""
    saver_since_s: float | None = None
    """For how long it has been on; None: it is off."""

    @property
    def touched_s(self) -> float | None:
        """When the display was last touched, by the monotonic clock."""
        return None if self.idle_s is None else self.at_s - self.idle_s


class Display:
    """One display that is measured now and then."""

    def __init__(self, session: Session, spawn: Spawn, sleeps: Sleeps) -> None:
        self.session = session
        self.reading: Reading | None = None
        self.fault = ""
        """Why the last measuring gave nothing."""
        self._spawn = spawn
        self._sleeps = sleeps
        self._due_s = 0.0
        self._overdue = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._left: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether it is being measured."""
        return self._process is not None

    def look(self, now_s: float, limit_s: float) -> bool:
        """Take what came of the last measuring and begin another when it is time; return whether there is news."""
        has_news = self._take(now_s, limit_s)
        if self._is_free() and now_s >= self._find_due_s(limit_s, now_s):
            try:
                self._process, self._started_s = self._spawn(self.session), now_s
            except OSError as error:
                self._fail(f"the display cannot be measured: {type(error).__name__}", now_s)
                return True
        return has_news

    def close(self) -> None:
        """End what is under way."""
        if self._process is not None:
            _REAPER.end(self._process)
            self._end()

    def find_idle_s(self, now_s: float) -> float | None:
        """Return how long the display had not been touched when it was measured, with the machine's sleep."""
        if self.reading is None or self.reading.idle_s is None or self.reading.touched_s is None:
            return None
        return self.reading.idle_s + self._sleeps.find_slept_s(since_s=self.reading.touched_s, now_s=now_s)

    def _find_due_s(self, limit_s: float, now_s: float) -> float:
        """Return when the display may have come to its limit: before the plan if that was shortened, or in a sleep."""
        idle_s = self.find_idle_s(now_s)
        if self.reading is None or idle_s is None or self.reading.is_locked or self._overdue:
            return self._due_s
        return min(self._due_s, self.reading.at_s - idle_s + limit_s)

    def _is_free(self) -> bool:
        """Return whether another measuring may begin: not while one is under way or does not go."""
        return self._process is None and (self._left is None or self._left.poll() is not None)

    def _take(self, now_s: float, limit_s: float) -> bool:
        process = self._process
        if process is None:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GLANCE_S)
        if process.poll() is None:
            if now_s - self._started_s < TIMEOUT_S:
                return False
            self._left = None if _REAPER.end(process) else process
            self._fail("measuring the display took too long", now_s)
        else:
            reading = read_answer(_read_waiting(process), not_before_s=self._started_s, not_after_s=now_s)
            if reading is None:
                self._fail("the display does not answer", now_s)
            else:
                self._note(follow(self.reading, reading), limit_s, now_s)
        self._end()
        return True

    def _note(self, reading: Reading, limit_s: float, now_s: float) -> None:
        self.reading, self.fault = reading, ""
        idle_s = self.find_idle_s(now_s)
        if reading.is_locked or idle_s is None:
            # Somebody who opens a locked screen touches it, and has the whole time from then on.
            self._due_s, self._overdue = reading.at_s + limit_s, 0
        elif idle_s < limit_s:
            self._due_s, self._overdue = reading.at_s + limit_s - idle_s, 0
        else:
            self._due_s = reading.at_s + OVERDUE_S[min(self._overdue, len(OVERDUE_S) - 1)]
            self._overdue += 1

    def _fail(self, why: str, now_s: float) -> None:
        self.reading, self.fault, self._due_s = None, why, now_s + AGAIN_S

    def _end(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None


def spawn_probe(session: Session) -> "subprocess.Popen[bytes]":
    """Start the measuring of a session's display, as its user.

    Raises:
        OSError: it cannot be started, for instance in somebody else's session without being root.
    """
    if os.geteuid() not in (0, session.uid):
        raise PermissionError("only root can measure somebody else's display")
    environment = {"DISPLAY": session.display, "HOME": session.home, "PATH": _PATH}
    if authority := session.environment.get("XAUTHORITY"):
        environment["XAUTHORITY"] = authority
    is_own = os.geteuid() != 0 or session.uid == 0
    return subprocess.Popen(
        # Isolated (-I): no folder and no variable of the user decides what is imported.
        [sys.executable, "-I", "-m", "agent.session.idle"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        user=None if is_own else session.uid,
        group=None if is_own else session.gid,
        extra_groups=None if is_own else list(session.groups),
        start_new_session=True,
    )


def read_answer(answer: bytes, *, not_before_s: float, not_after_s: float) -> Reading | None:
    """Return what an answer says, or None if it is none that we understand."""
    try:
        told = json.loads(answer)
        at_s, is_locked = float(told["at_s"]), told["is_locked"]
        idle_ms, since_ms = told["idle_ms"], told["saver_since_ms"] if told["saver_is_on"] is True else None
        timeout_s = _verify_number(told["timeout_s"])
        reading = Reading(
            at_s=min(max(at_s, not_before_s), not_after_s),
            idle_s=None if idle_ms is None else _verify_number(idle_ms) / 1000,
            is_locked=bool(is_locked),
            timeout_s=timeout_s,
            saver_since_s=None if since_ms is None else _verify_number(since_ms) / 1000,
        )
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None
    return reading if isinstance(is_locked, bool) and at_s == at_s else None


def follow(last: Reading | None, reading: Reading) -> Reading:
    """Return a reading as it is meant: an X server may begin to count anew when its screen saver comes on.

    That is no touch if the saver came on just then, and just after its time had passed since the last touch.
    """
    if last is None or last.touched_s is None or reading.touched_s is None or reading.saver_since_s is None:
        return reading
    saver_on_s = reading.at_s - reading.saver_since_s
    is_restarted = abs(reading.touched_s - saver_on_s) <= SAME_S
    is_due = abs(last.touched_s + reading.timeout_s - saver_on_s) <= SAME_S
    if reading.timeout_s and is_restarted and is_due:
        return replace(reading, idle_s=reading.at_s - last.touched_s)
    return reading


def _verify_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_IDLE_S * 1000:
        raise ValueError("not a time")
    return value


def _read_waiting(process: "subprocess.Popen[bytes]") -> bytes:
    """Return what lies in the pipe of a process that has ended, without waiting for another that holds its end."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    os.set_blocking(descriptor, False)
    try:
        return os.read(descriptor, MAX_ANSWER_BYTES)
    except BlockingIOError:
        return b""
