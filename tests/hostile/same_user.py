# SPDX-License-Identifier: Apache-2.0
"""A watcher's process and an attacker's of the same user: `python -m tests.hostile.same_user` prints what he gets.

Started by root, both become `nobody`; by anybody else, both are his own. The watcher keeps itself secret as it is
shipped, waits at its channel, and has a secret in its memory; another process beside it does not keep itself, so that
it shows that the attacks work where nothing stops them.
"""

import contextlib
import ctypes
import json
import os
import pwd
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.errors import ChannelError
from agent.session.channel import Channel, open_pair
from agent.session.secrecy import keep_secret

SECRET = b"what was typed just now"
_LIBC = ctypes.CDLL(None, use_errno=True)
_PIDFD_OPEN, _PIDFD_GETFD, _PTRACE_SEIZE, _PTRACE_DETACH = 434, 438, 0x4206, 17
_PR_SET_DUMPABLE = 4


def become_user() -> None:
    """Give up root for good, as a watcher that the service started has."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setresgid(*[nobody.pw_gid] * 3)
        os.setresuid(*[nobody.pw_uid] * 3)
    # A program that is started anew can be looked into until it says otherwise.
    _LIBC.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def start(*, is_kept: bool) -> tuple[int, Channel, int]:
    """Start a process that waits at a channel; return it, the service's end, and the number of its own."""
    service, end = open_pair()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            service.close()
            become_user()
            if is_kept:
                keep_secret()
            typed = bytearray(SECRET)
            channel = Channel(end)
            end.send(b"ready")
            channel.receive()
            typed.clear()
        os._exit(0)
    number = end.fileno()
    end.close()
    assert service.recv(16) == b"ready"
    return pid, Channel(service), number


def attack(pid: int, number: int) -> dict[str, bool]:
    """Try everything that a process of the same user has; return what worked."""
    return {
        "list its files": works(lambda: os.listdir(f"/proc/{pid}/fd")),
        "read its memory": works(lambda: Path(f"/proc/{pid}/mem").open("rb")),
        "read its environment": works(lambda: Path(f"/proc/{pid}/environ").read_bytes()),
        "open its channel": works(lambda: os.open(f"/proc/{pid}/fd/{number}", os.O_RDWR)),
        "take its channel": works(lambda: take_channel(pid, number)),
        "trace it": works(lambda: trace(pid)),
        "connect to it": works(lambda: connect(pid, number)),
    }


def works(attempt: Callable[[], Any]) -> bool:
    """Return whether the system let it happen."""
    try:
        attempt()
    except OSError:
        return False
    return True


def take_channel(pid: int, number: int) -> None:
    """Copy a file out of another process, as a debugger does."""
    checked(_LIBC.syscall(_PIDFD_GETFD, checked(_LIBC.syscall(_PIDFD_OPEN, pid, 0)), number, 0))


def trace(pid: int) -> None:
    """Become its debugger."""
    checked(_LIBC.ptrace(_PTRACE_SEIZE, pid, None, None))


def connect(pid: int, number: int) -> None:
    """Connect to whatever name its socket has."""
    target = os.readlink(f"/proc/{pid}/fd/{number}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as own:
        own.connect(target)


def checked(result: int) -> int:
    """Return a system call's result.

    Raises:
        OSError: it failed.
    """
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def run_attack(pid: int, number: int, *, and_end_it: bool) -> dict[str, bool]:
    """Attack from a process of the user's own."""
    reading, writing = os.pipe()
    attacker = os.fork()
    if attacker == 0:
        with contextlib.suppress(BaseException):
            become_user()
            found = attack(pid, number)
            if and_end_it:
                found["stop it"] = works(lambda: os.kill(pid, signal.SIGSTOP))
                found["end it"] = works(lambda: os.kill(pid, signal.SIGKILL))
            os.write(writing, json.dumps(found).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(attacker, 0)
    with os.fdopen(reading, "rb") as answer:
        found = json.loads(answer.read())
    return dict(found)


def is_silent(channel: Channel) -> bool:
    """Return whether the service hears nothing of the other end's end."""
    try:
        channel.receive()
    except ChannelError:
        return False
    return True


def main() -> None:
    """Attack both, and print what worked."""
    told: dict[str, Any] = {}
    for name, is_kept in (("kept", True), ("not kept", False)):
        pid, channel, number = start(is_kept=is_kept)
        told[name] = run_attack(pid, number, and_end_it=is_kept)
        if not is_kept:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        told[name]["go on unnoticed"] = is_silent(channel)
        channel.close()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
