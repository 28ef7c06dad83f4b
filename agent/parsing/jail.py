# SPDX-License-Identifier: Apache-2.0
"""The walls around the child that looks into users' files. It is Linux only; nothing here knows any file format.

The filter of system calls is the strongest wall; the others stand behind it, and in its place on a processor that it
does not know. With neither the child does not work at all.
"""

import ctypes
import os
import resource
import signal

from agent.errors import AgentError
from agent.parsing.filter import close_filter

NOBODY = 65534
"""User and group whom no file belongs to."""
MEMORY_ROOM_BYTES = 96 * 1024 * 1024
"""What a parser may take beside what the child has at its start: enough for the densest kind of xz."""
LIFE_CPU_LIMIT_S = 120
"""The child ends itself long before."""
OPEN_FILES = 16

_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_OWN_WORLD = _CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWNET
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CAPABILITY_VERSION = 0x20080522
_MOUNTED_OVER = b"/tmp"  # any folder that is there; only this process sees that it is empty


class JailError(AgentError):
    """The walls do not stand, so nothing of a user's may be read."""


def close_jail() -> tuple[str, ...]:
    """Put this process, which must have one thread, behind walls for ever; return which of them this machine gave.

    1. A world of its own: no network, an empty root folder that cannot be written to.
    2. Nobody: if root started it, another user without groups; in any case without a capability, and none to come.
    3. Limits of memory, time, files and processes.
    4. No core and no debugger; it dies with the service (after 2, which would undo both).
    5. The filter.

    Raises:
        JailError: too few walls stand.
    """
    is_root = os.geteuid() == 0
    parent = os.getppid()
    memory_bytes = _measure_memory() + MEMORY_ROOM_BYTES
    # 1
    walls = ["world"] if _leave_world(is_root=is_root) else []
    try:
        # 2
        if is_root:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            walls.append("user")
        _call("capset", (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)())
        _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        # 3
        _set_limits(memory_bytes)
        # 4
        _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
        _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except OSError as error:
        raise JailError(f"what reads users' files cannot be shut in: {error.strerror}") from error
    if os.getppid() != parent:
        raise JailError("the service has gone")
    # 5
    if close_filter():
        walls.append("filter")
    elif "world" not in walls:
        raise JailError("this machine offers nothing that what reads users' files can be shut in with")
    return tuple(walls)


def _leave_world(*, is_root: bool) -> bool:
    """Go where there is no network and no file; return False where the machine does not let us, as in containers."""
    try:
        # Who is not root gets the right to it in a world of users of his own.
        _call("unshare", _OWN_WORLD if is_root else _OWN_WORLD | _CLONE_NEWUSER)
        _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
        flags = _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
        _call("mount", b"none", _MOUNTED_OVER, b"tmpfs", flags, b"size=4k")
        os.chroot(_MOUNTED_OVER)
        os.chdir("/")
    except OSError:
        return False
    return True


def _measure_memory() -> int:
    """Return how large this process is in the terms of its limit: all that it has mapped."""
    with open("/proc/self/statm", "rb") as stream:
        return int(stream.read().split()[0]) * resource.getpagesize()


def _set_limits(memory_bytes: int) -> None:
    for limit, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, LIFE_CPU_LIMIT_S),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library.

    Raises:
        OSError: it failed.
    """
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
