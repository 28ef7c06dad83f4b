# SPDX-License-Identifier: Apache-2.0
"""Processes that cannot be taken off the kernel's list: a tracer holds them, as any program of their user can."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

TRACEABLE = """
import ctypes, time
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)
time.sleep(60)
"""
"""What a process does to be traced also where only ancestors may (Yama)."""
COMMAND = [sys.executable, "-I", "-c", TRACEABLE]
_TRACER = """
import ctypes, os, sys, time
PTRACE_SEIZE = 0x4206
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
until_s = time.monotonic() + 30
while libc.ptrace(PTRACE_SEIZE, int(sys.argv[1]), 0, 0):
    if time.monotonic() > until_s:
        sys.exit(os.strerror(ctypes.get_errno()))
    time.sleep(0.01)
print("ready", flush=True)
time.sleep(60)
"""


@contextmanager
def hold(pid: int) -> Iterator[None]:
    """Trace a process for a while, and never ask after it."""
    with subprocess.Popen([sys.executable, "-I", "-c", _TRACER, str(pid)], stdout=subprocess.PIPE) as tracer:
        try:
            assert tracer.stdout is not None
            assert tracer.stdout.readline() == b"ready\n"
            yield
        finally:
            tracer.kill()
