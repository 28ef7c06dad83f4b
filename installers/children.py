# SPDX-License-Identifier: Apache-2.0
"""Programs that run as children: started with a log of their own, watched, and stopped with all that they started.

What they are and in which order they start is in `local`.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from installers.errors import LocalRunError

GRACE_S = 12.0
"""How long a program has to end by itself before it is killed."""
TAIL_LINES = 15
PR_SET_PDEATHSIG = 1


class Child:
    """One program, in a process group of its own so that a Ctrl-C in the terminal reaches only who starts it."""

    def __init__(self, name: str, command: list[str], log_folder: Path) -> None:
        self.name = name
        self.log = log_folder / f"{name}.log"
        self.output = log_folder / f"{name}.out"
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.old"))
        with self.log.open("wb") as log, self.output.open("wb") as output:
            # preexec_fn is safe here: this process has one thread.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def verify_running(self) -> None:
        """Make sure that it has not ended.

        Raises:
            LocalRunError: it has, with what it said last.
        """
        code = self._process.poll()
        if code is not None:
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            raise LocalRunError(f"{self.name} {how}; it said last:\n{self.tail()}", hint=f"the whole of it: {self.log}")

    def wait_for_line(self, timeout_s: float) -> str:
        """Return the first whole line of its standard output.

        Raises:
            LocalRunError: it ended, or was silent for too long.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            line, end, _ = self.output.read_text(encoding="utf-8").partition("\n")
            if end:
                return line
            self.verify_running()
            time.sleep(0.05)
        raise LocalRunError(f"{self.name} did not start in {timeout_s:.0f} s:\n{self.tail()}", hint=f"see {self.log}")

    def tail(self) -> str:
        """Return the last lines of its log, indented."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:]) or "    (nothing)"

    def ask_to_end(self) -> None:
        """Tell it to end; does nothing when it has ended."""
        if self._process.poll() is None:
            self._process.terminate()

    def end(self, grace_s: float) -> bool:
        """Give it time to end, then kill its whole group; say whether it ended by itself."""
        ended = True
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            ended = False
        try:
            # Also when it ended by itself: what it started and forgot is in the same group.
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return ended
        self._process.wait()
        return ended


def stop_all(children: list[Child]) -> list[str]:
    """Stop programs, last started first; return the names of those that had to be killed."""
    killed = []
    for child in reversed(children):
        child.ask_to_end()
        if not child.end(GRACE_S):
            killed.append(child.name)
    return killed


def _end_with_parent() -> None:
    """Have the kernel end this program when the one that started it is gone, even by SIGKILL."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
