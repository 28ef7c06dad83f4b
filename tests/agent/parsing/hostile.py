# SPDX-License-Identifier: Apache-2.0
"""A child as `agent.parsing.process` makes it, with parsers that are in the hands of a hostile file.

Started as a script with options and the number of its socket: `user` to begin as an ordinary user, `unfiltered` to
leave out the filter of system calls, so that the walls behind it show, `hurried` to end after a second without work.
"""

import ctypes
import mmap
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from agent.parsing import jail, process
from agent.parsing.launch import ParsingChild

ORDINARY_USER = 1234


class HostileChild(ParsingChild):
    """Starts this module in place of the real process."""

    def __init__(self, *options: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.command = (sys.executable, "-I", __file__, *options)


def attempt(act: Callable[[BinaryIO], object]) -> Callable[[BinaryIO], dict[str, Any]]:
    """Return a parser that tells the number of the error it got, or 0 when it was let."""

    def parse(stream: BinaryIO) -> dict[str, Any]:
        try:
            act(stream)
        except OSError as error:
            return {"errno": error.errno}
        return {"errno": 0}

    return parse


def connect(stream: BinaryIO) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.connect(("127.0.0.1", 9))


def read_others(stream: BinaryIO) -> dict[str, Any]:
    """Read from every descriptor there is, and tell which gave something."""
    found = {}
    for descriptor in range(64):
        if descriptor != stream.fileno():
            try:
                if os.pread(descriptor, 1, 0):
                    found[str(descriptor)] = True
            except OSError:
                pass
    return found


def trace_parent(stream: BinaryIO) -> None:
    if ctypes.CDLL(None, use_errno=True).ptrace(16, os.getppid(), 0, 0) < 0:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")


def loop(stream: BinaryIO) -> dict[str, Any]:
    while True:
        pass


def hang(stream: BinaryIO) -> dict[str, Any]:
    """Wait for ever, without using the processor."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
    return {}


def eat(stream: BinaryIO) -> dict[str, Any]:
    return {"eaten": len(b"x" * (1 << 40))}


def eat_slowly(stream: BinaryIO) -> dict[str, Any]:
    eaten = []
    while True:
        eaten.append(mmap.mmap(-1, 1 << 20))


def nest(stream: BinaryIO) -> dict[str, Any]:
    return nest(stream)


def crash(stream: BinaryIO) -> dict[str, Any]:
    ctypes.string_at(0)
    return {}


def leave(stream: BinaryIO) -> dict[str, Any]:
    """End as if there were nothing to do."""
    os._exit(0)


def hang_up(stream: BinaryIO) -> dict[str, Any]:
    """Close the socket and live on."""
    os.closerange(3, 64)
    return hang(stream)


def say(*datagrams: bytes) -> Callable[[BinaryIO], dict[str, Any]]:
    """Return a parser that sends these as answers, past the code that makes answers."""

    def parse(stream: BinaryIO) -> dict[str, Any]:
        for datagram in datagrams:
            END.send(datagram)
        return {}

    return parse


HOSTILE: dict[str, Callable[[BinaryIO], dict[str, Any]]] = {
    "read": lambda stream: {"content": stream.read().decode()},
    "identity": lambda stream: {"uid": os.getuid()},
    "half_a_character": lambda stream: {"text": "\ud800"},
    "too_much": lambda stream: {"text": "x" * 1_000_000},
    "open": attempt(lambda stream: open("/etc/passwd").close()),
    "list": attempt(lambda stream: os.listdir("/etc")),
    "connect": attempt(connect),
    "fork": attempt(lambda stream: os.fork()),
    "kill_parent": attempt(lambda stream: os.kill(os.getppid(), 0)),
    "trace_parent": attempt(trace_parent),
    "write": attempt(lambda stream: os.write(stream.fileno(), b"changed")),
    "become_root": attempt(lambda stream: os.setuid(0)),
    "execute": attempt(lambda stream: os.execv("/bin/true", ["/bin/true"])),
    "read_others": read_others,
    "loop": loop,
    "hang": hang,
    "eat": eat,
    "eat_slowly": eat_slowly,
    "nest": nest,
    "crash": crash,
    "leave": leave,
    "hang_up": hang_up,
    "say_nonsense": say(b"\xff{"),
    "say_other": say(b'{"found": [1]}'),
    "say_more": say(b'{"found": {}, "fault": "x"}'),
    "say_half": say(b'{"found": {"x": "\\ud800"}}'),
    "say_deep": say(b"[" * 100_000),
    "say_too_much": say(b'{"found": {"x": "%s"}}' % (b"x" * 140_000)),
    "say_colours": say(b'{"fault": "\\u001b[31mred"}'),
}

if __name__ == "__main__":
    if "user" in sys.argv and os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER)
        os.setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER)
    if "unfiltered" in sys.argv:
        jail.close_filter = lambda: False  # type: ignore[attr-defined]
    if "hurried" in sys.argv:
        process.IDLE_S = 1
    END = socket.socket(fileno=int(sys.argv[-1]))
    os._exit(process.run(END, HOSTILE))
