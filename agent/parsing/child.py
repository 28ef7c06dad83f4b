# SPDX-License-Identifier: Apache-2.0
"""One child's process as the service sees it: started, handed open files, heard within limits, and ended.

When one is started and when it is replaced is `launch`'s part.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from agent.errors import ParseError
from agent.parsing.channel import MAX_ANSWER_BYTES, GarbageError, decode_answer, encode_request
from agent.reaper import Reaper

START_TIMEOUT_S = 20.0
FILE_TIMEOUT_S = 5.0
"""On the wall, for one file; the processor time is limited in the child."""
END_TIMEOUT_S = 1.0
"""One that reads from a user's file system which does not answer cannot be killed before that does."""
_LOOK_EVERY_S = 0.002
_REAPER = Reaper()


class ChildGoneError(ParseError):
    """The child has ended, as it does without work or with the thread that started it: the file need not be why."""


class ChildLostError(ParseError):
    """The child ended over a file, or has to be ended."""


class Child:
    """One process and the socket to it."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it.

        Raises:
            ChildLostError: the system starts no process now.
        """
        # Messages that keep their bounds; the pair has no name, so nobody else can speak there.
        self._end, child_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with child_end:
            try:
                self._process = subprocess.Popen(
                    [*command, str(child_end.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[child_end.fileno()],
                    cwd="/",
                    env={},
                    start_new_session=True,
                )
            except OSError as error:
                self._end.close()
                raise ChildLostError("what reads such files cannot be started") from error

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more than an entry in the kernel's list."""
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # another thread has just ended it
            return True

    def await_walls(self) -> tuple[str, ...]:
        """Wait until its jail is closed and return which walls stand.

        Raises:
            ChildLostError: they do not.
        """
        try:
            walls = self._receive(START_TIMEOUT_S).get("walls")
        except ParseError as error:
            raise ChildLostError(error.message) from error
        if not isinstance(walls, list):
            raise ChildLostError("what reads such files does not say that it is shut in")
        return tuple(str(each) for each in walls)

    def ask(self, what: str, descriptor: int) -> Mapping[str, Any]:
        """Hand it a file and return what it finds.

        Raises:
            ChildGoneError: it has ended, and the file need not be why.
            ChildLostError: it ended over the file, takes too long, or answers what is no answer.
            ParseError: it says why it cannot read the file.
        """
        try:
            socket.send_fds(self._end, [encode_request(what)], [descriptor])
        except OSError as error:
            raise ChildGoneError("what reads such files ends again and again") from error
        try:
            return self._receive(FILE_TIMEOUT_S)
        except GarbageError as error:
            raise ChildLostError(error.message) from error

    def end(self) -> float:
        """Kill it, whatever it does, and return the processor time that it had. It is not waited for for long."""
        self._kill()
        # Before it is taken off the list.
        cpu_s = self.read_cpu_s()
        _REAPER.end(self._process, patience_s=0)
        self._end.close()
        return cpu_s

    def read_cpu_s(self) -> float:
        """Return its processor time so far."""
        try:
            with open(f"/proc/{self._process.pid}/stat", "rb") as stream:
                content = stream.read()
        except OSError:
            return 0.0
        fields = content[content.rindex(b")") + 2 :].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def read_pss_bytes(self) -> int:
        """Return its memory, where a page that n processes share counts for one n-th."""
        folder = f"/proc/{self._process.pid}"
        try:
            with open(f"{folder}/smaps_rollup", "rb") as stream:
                return sum(int(line.split()[1]) * 1024 for line in stream if line.startswith(b"Pss:"))
        except OSError:
            pass
        try:
            # Not root, so it is closed to us: what is resident is at least as much.
            with open(f"{folder}/statm", "rb") as stream:
                return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return 0

    def _receive(self, timeout_s: float) -> Mapping[str, Any]:
        self._end.settimeout(timeout_s)
        try:
            datagram, _, flags, _ = self._end.recvmsg(MAX_ANSWER_BYTES)
        except TimeoutError as error:
            raise ChildLostError("it took too long") from error
        except OSError:
            datagram, flags = b"", 0
        if flags & socket.MSG_TRUNC:
            raise ChildLostError("it gave more than an answer may hold")
        if not datagram:
            raise self._explain_end()
        return decode_answer(datagram)

    def _explain_end(self) -> ParseError:
        """Return why it closed its end."""
        ended = self._kill()
        if ended is None:
            return ChildLostError("what reads it does not end")
        if (ended.si_code == os.CLD_EXITED and ended.si_status == 0) or ended.si_status == signal.SIGKILL:
            return ChildGoneError("what reads such files ends again and again")
        if ended.si_status in (signal.SIGPROF, signal.SIGXCPU):
            return ChildLostError("it took too long")
        return ChildLostError("it ended what reads it")

    def _kill(self) -> os.waitid_result | None:
        """Kill it and return how it ended, which is as it was if it was ending; it stays on the kernel's list.

        None: it has not ended, though it was given time to.
        """
        # Not by Popen, which would take it off the list if it has ended; so the number is still its own.
        os.kill(self._process.pid, signal.SIGKILL)
        until_s = time.monotonic() + END_TIMEOUT_S
        how = os.WEXITED | os.WNOWAIT | os.WNOHANG
        while (ended := os.waitid(os.P_PID, self._process.pid, how)) is None and time.monotonic() < until_s:
            time.sleep(_LOOK_EVERY_S)
        return ended
