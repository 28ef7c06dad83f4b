# SPDX-License-Identifier: Apache-2.0
"""Tests of child programs: real processes that end, hang, fork, or refuse to go."""

import os
import sys
import time
from pathlib import Path

import pytest

from installers import children
from installers.children import Child, stop_all
from installers.errors import LocalRunError

SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
FORKS = "import os, time; print(os.fork(), flush=True); time.sleep(600)"
FAILS = "import sys; sys.stderr.write('the disk is full'); sys.exit(7)"


def start(code: str, folder: Path, name: str = "sample") -> Child:
    """Start a program of one line."""
    return Child(name, [sys.executable, "-c", code], folder)


def wait_until_gone(pid: int) -> None:
    """Wait until a process that is not our child has ended."""
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}/stat").exists() and time.monotonic() < deadline:
        # An orphan that nobody has collected yet is gone for our purpose.
        if Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_says_its_first_line_and_ends_when_asked(tmp_path: Path) -> None:
    """A program that says that it is ready is running, and ends by itself when asked."""
    child = start(SLEEPS, tmp_path)
    assert child.wait_for_line(30) == "ready"
    child.verify_running()
    assert stop_all([child]) == []
    with pytest.raises(LocalRunError, match="signal 15"):
        child.verify_running()


def test_kills_what_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that ignores the request is killed when its grace is over, and named."""
    monkeypatch.setattr(children, "GRACE_S", 0.3)
    child = start(STUBBORN, tmp_path)
    child.wait_for_line(30)
    assert stop_all([child]) == ["sample"]


def test_takes_along_what_it_started(tmp_path: Path) -> None:
    """A process that the program started and left behind goes too."""
    child = start(FORKS, tmp_path)
    grandchild = int(child.wait_for_line(30))
    os.kill(grandchild, 0)
    stop_all([child])
    wait_until_gone(grandchild)


def test_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    """Even when the one that started it has no time to stop it, nothing is left running."""
    starter = (
        "import sys, time; from pathlib import Path; from installers.children import Child\n"
        f"child = Child('inner', [sys.executable, '-c', {SLEEPS!r}], Path({str(tmp_path)!r}))\n"
        "child.wait_for_line(30); print(child.pid, flush=True); time.sleep(600)"
    )
    outer = start(starter, tmp_path, "outer")
    inner = int(outer.wait_for_line(30))
    os.kill(outer.pid, 9)
    wait_until_gone(inner)


def test_tells_how_it_ended_and_what_it_said(tmp_path: Path) -> None:
    """A program that ends by itself is an error with its code and its last lines."""
    child = start(FAILS, tmp_path)
    with pytest.raises(LocalRunError) as caught:
        child.wait_for_line(30)
    assert "sample ended with code 7" in caught.value.message
    assert "the disk is full" in caught.value.message
    assert str(child.log) in caught.value.hint


def test_does_not_wait_for_ever(tmp_path: Path) -> None:
    """A program that never says that it is ready is given up."""
    child = start("import time; time.sleep(600)", tmp_path)
    with pytest.raises(LocalRunError, match="did not start"):
        child.wait_for_line(0.2)
    stop_all([child])


def test_keeps_the_log_of_the_last_run(tmp_path: Path) -> None:
    """The log of the run before is kept once, beside the new one."""
    for word in ("first", "second"):
        child = start(f"import sys; sys.stderr.write({word!r})", tmp_path)
        with pytest.raises(LocalRunError):
            child.wait_for_line(30)
    assert (tmp_path / "sample.log").read_text(encoding="utf-8") == "second"
    assert (tmp_path / "sample.log.old").read_text(encoding="utf-8") == "first"
