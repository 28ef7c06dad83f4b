# SPDX-License-Identifier: Apache-2.0
"""Tests of what the watcher's process does to keep its memory to itself, in a process of its own."""

import signal
import subprocess
import sys

from agent.session.secrecy import lock_in_memory
from tests.tree import ROOT

SECRET = "i want to kill myself"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code after `keep_secret`."""
    program = f"from agent.session.secrecy import keep_secret\nkeep_secret()\n{code}"
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)


def test_no_error_tells_what_was_typed() -> None:
    """Neither one that ends it, nor one in a thread, nor one that nobody can catch, nor a log: their type is all."""
    for code in (
        f"raise ValueError({SECRET!r})",
        f"import threading\ndef fail(): raise ValueError({SECRET!r})\nthreading.Thread(target=fail).start()",
        f"class Thing:\n    def __del__(self): raise ValueError({SECRET!r})\nThing()",
        f"import logging\nlogging.critical({SECRET!r})\nraise ValueError",
    ):
        ended = run(code)
        assert ended.stderr == "the watcher met ValueError\n"
        assert SECRET not in ended.stdout


def test_no_core_and_no_debugger() -> None:
    """The limit of core files is zero and cannot be raised, and the kernel lets nobody look into the process."""
    code = (
        "import ctypes, resource\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    assert run(code).stdout.strip() == "(0, 0) 0"


def test_the_service_is_kept_from_dumps_alone() -> None:
    """It keeps its errors and its log: only cores and debuggers are shut out."""
    code = (
        "from agent.session.secrecy import keep_undumped\nkeep_undumped()\n"
        "import ctypes, resource\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
        "raise ValueError('told')"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "(0, 0) 0"
    assert "told" in ended.stderr


def test_it_dies_with_its_parent() -> None:
    """Its parent is killed, and so is it."""
    child = (
        "import agent.session.secrecy, time; agent.session.secrecy.keep_secret(); print(1, flush=True); time.sleep(60)"
    )
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", parent], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        process.send_signal(signal.SIGKILL)
        # The pipe ends when the last process that holds it has ended.
        assert process.stdout.read() == ""


def test_memory_can_be_locked() -> None:
    """A small stretch is within what any user may lock; it stays as it is."""
    memory = bytearray(b"x" * 4000)
    assert lock_in_memory(memory)
    assert memory == b"x" * 4000
