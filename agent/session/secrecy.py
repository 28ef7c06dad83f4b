# SPDX-License-Identifier: Apache-2.0
"""What keeps typed text in memory to itself: no core dump, no debugger of the same user; in the watcher, no error text
and no orphan either.

It cannot hide anything from the machine's root, and does not try.
"""

import ctypes
import logging
import os
import resource
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def keep_undumped() -> None:
    """Have the kernel write no core of this process, and let no other process of this user look into it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def keep_secret() -> None:
    """Make this process, a watcher, tell nothing that it was not asked for. Call it first of all.

    1. The kernel writes no core of it, and lets no other process of this user look into it.
    2. It dies with the service: first the signal, and then whether the service had died before it was asked for.
    3. Errors are told by their type only: their text, and what a log says of them, may hold what was typed.
    """
    # 1.
    keep_undumped()
    # 2.
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    # 3.
    logging.disable(logging.CRITICAL)
    sys.excepthook = lambda kind, value, trace: _tell(kind)
    threading.excepthook = lambda what: _tell(what.exc_type)
    sys.unraisablehook = lambda what: _tell(what.exc_type)


def lock_in_memory(memory: bytearray) -> bool:
    """Keep this stretch of memory from being swapped to the disk; return whether the system lets us.

    The stretch must never change its size afterwards.
    """
    address = ctypes.addressof((ctypes.c_char * len(memory)).from_buffer(memory))
    return bool(ctypes.CDLL(None).mlock(ctypes.c_void_p(address), ctypes.c_size_t(len(memory))) == 0)


def _tell(kind: type[BaseException] | None) -> None:
    sys.stderr.write(f"the watcher met {kind.__name__ if kind else 'an error'}\n")
