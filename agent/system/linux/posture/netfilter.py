# SPDX-License-Identifier: Apache-2.0
"""The rules of the kernel's packet filter (nf_tables), asked over netlink: chains, and what is sure in their rules.

ufw, firewalld, nftables and today's iptables all keep their rules there. Nothing is changed and nothing is started:
the kernel is asked only if nf_tables is loaded, for the question would load it. What rules mean is
`firewall`'s business. The kernel answers root only. Numbers and names are those of the kernel's headers
`linux/netfilter/nf_tables.h` and `nfnetlink.h`.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from agent.system.posture import NotKnownError

_NETLINK_NETFILTER = 12
_NF_TABLES = 10 << 8
_GET_CHAIN, _GET_RULE = _NF_TABLES | 4, _NF_TABLES | 7
_REQUEST_AND_DUMP = 0x301
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_TYPE_MASK = 0x3FFF

_ANSWER_WITHIN_S = 2.0
_BUFFER_BYTES = 64 * 1024
_MAX_BYTES = 16 * 1024 * 1024

_DROP, _ACCEPT, _JUMP, _GOTO, _RETURN = 0, 1, -3, -4, -5
# A rule of nothing else applies to every packet that comes to it.
_ALWAYS = frozenset(("counter", "log", "immediate", "reject", "notrack", "comment"))


class Family(Enum):
    """Which packets a table is about."""

    BOTH = 1
    IPV4 = 2
    IPV6 = 10


class Verdict(Enum):
    """What a rule does with every packet, whatever is in it."""

    DROP = "drop"
    ACCEPT = "accept"
    RETURN = "return"
    JUMP = "jump"
    GOTO = "goto"


@dataclass(frozen=True, slots=True)
class Step:
    """A rule that applies to every packet."""

    verdict: Verdict
    chain: str = ""
    """Where to, of a jump."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain of rules."""

    family: Family
    table: str
    name: str
    hook: int | None = None
    """1 is what comes in for this machine; None: only other chains lead here."""
    is_drop_policy: bool = False
    """What happens at the end of a chain with a hook."""
    steps: tuple[Step, ...] = ()
    """Rules that depend on the packet are left out."""


def open_line() -> socket.socket:
    """Open a line to the kernel's packet filter.

    Raises:
        OSError: there is none.
    """
    line = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    line.bind((0, 0))
    return line


def list_chains(open_line: Callable[[], socket.socket] = open_line) -> tuple[Chain, ...]:
    """Return the chains of this machine that are about IP.

    Raises:
        NotKnownError: the kernel does not tell.
    """
    try:
        with open_line() as line:
            line.settimeout(_ANSWER_WITHIN_S)
            chains = [each for each in map(_to_chain, _ask(line, _GET_CHAIN)) if each]
            steps: dict[tuple[int, str, str], list[Step]] = {}
            for message in _ask(line, _GET_RULE):
                for place, step in _list_steps(message):
                    steps.setdefault(place, []).append(step)
    except PermissionError as error:
        raise NotKnownError("the kernel tells the rules of its packet filter to root only") from error
    except OSError as error:
        words = os.strerror(error.errno).lower() if error.errno else "no answer in time"
        raise NotKnownError(f"the kernel does not tell the rules of its packet filter: {words}") from error
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise NotKnownError("the kernel's packet filter answers in another form than is known") from error
    return tuple(
        replace(chain, steps=tuple(steps.get((chain.family.value, chain.table, chain.name), ()))) for chain in chains
    )


def _ask(line: socket.socket, question: int) -> Iterator[bytes]:
    """Yield the kernel's answers to a question for all there is.

    Raises:
        OSError: it refuses, or does not answer in time.
    """
    line.send(_HEADER.pack(_HEADER.size + 4, question, _REQUEST_AND_DUMP, question, 0) + bytes(4))
    left_bytes = _MAX_BYTES
    while True:
        content = line.recv(_BUFFER_BYTES)
        left_bytes -= len(content)
        if left_bytes < 0:
            raise ValueError("too many rules")
        while content:
            length, kind, _, sequence, _ = _HEADER.unpack_from(content)
            body, content = content[_HEADER.size : length], content[max((length + 3) & ~3, _HEADER.size) :]
            if sequence != question:
                continue  # of something that we did not ask
            if kind == _DONE:
                return
            if kind == _ERROR:
                (code,) = struct.unpack_from("=i", body)
                if -code in (errno.EINVAL, errno.EOPNOTSUPP):
                    return  # this kernel has no nf_tables, so no rules of it
                raise OSError(-code, os.strerror(-code))
            yield body


def _to_chain(message: bytes) -> Chain | None:
    """Return the chain that a message tells of, or None if it is not about IP."""
    family = _find_family(message)
    parts = _read_attributes(message[4:])
    if family is None:
        return None
    hook: int | None = None
    if 4 in parts and _to_text(parts.get(7)) == "filter":
        hook = _to_number(_read_attributes(parts[4])[1])
    # Without a policy of its own a chain accepts.
    is_drop = 5 in parts and _to_number(parts[5]) == _DROP
    return Chain(family, _to_text(parts.get(1)), _to_text(parts.get(3)), hook, is_drop)


def _list_steps(message: bytes) -> Iterator[tuple[tuple[int, str, str], Step]]:
    """Yield what the rule in a message does with every packet, with its chain; nothing if it depends on the packet."""
    family = _find_family(message)
    parts = _read_attributes(message[4:])
    if family is None or 4 not in parts:
        return
    place = family.value, _to_text(parts.get(1)), _to_text(parts.get(2))
    expressions = [_read_attributes(each) for each in _list_attributes(parts[4])]
    for expression in expressions:
        name, told = _to_text(expression.get(1)), _read_attributes(expression.get(2, b""))
        if name == "target":
            # iptables calls its extensions so.
            name = _to_text(told.get(1)).lower()
        if name not in _ALWAYS:
            return
        if name == "reject":
            yield place, Step(Verdict.DROP)
            return
        step = _find_step(told) if name == "immediate" else None
        if step is not None:
            yield place, step
            return


def _find_step(immediate: dict[int, bytes]) -> Step | None:
    """Return the verdict that an expression gives at once, or None if it only stores a value."""
    data = _read_attributes(immediate.get(2, b""))
    if 2 not in data:
        return None
    verdict = _read_attributes(data[2])
    (code,) = struct.unpack(">i", verdict[1])
    found = {
        _DROP: Verdict.DROP,
        _ACCEPT: Verdict.ACCEPT,
        _RETURN: Verdict.RETURN,
        _JUMP: Verdict.JUMP,
        _GOTO: Verdict.GOTO,
    }.get(code)
    return Step(found, _to_text(verdict.get(2))) if found else None


def _find_family(message: bytes) -> Family | None:
    return next((family for family in Family if family.value == message[0]), None)


def _read_attributes(content: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while len(content) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(content)
        found[kind & _TYPE_MASK] = content[_ATTRIBUTE.size : length]
        content = content[max((length + 3) & ~3, _ATTRIBUTE.size) :]
    return found


def _list_attributes(content: bytes) -> Iterator[bytes]:
    while len(content) >= _ATTRIBUTE.size:
        length, _ = _ATTRIBUTE.unpack_from(content)
        yield content[_ATTRIBUTE.size : length]
        content = content[max((length + 3) & ~3, _ATTRIBUTE.size) :]


def _to_number(value: bytes) -> int:
    (number,) = struct.unpack(">I", value)
    return int(number)


def _to_text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode("utf-8", "replace")
