# SPDX-License-Identifier: Apache-2.0
"""How much each program sends and receives, from the kernel's own counters of its TCP connections.

The kernel is asked with one netlink message for every connection's bytes (`INET_DIAG_INFO`, see sock_diag(7)). Whose
connection it is, is looked up only for those that moved a lot, in the processes of the same user. What has no such
counter (UDP, and with it HTTP/3; connections that began and ended between two questions) is in the total alone, which
comes from the counters of the network cards.
"""

import ipaddress
import os
import socket
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.system.linux.files import to_text
from agent.system.traffic import TrafficMeter, TrafficSample, Volume

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_DONE, _ERROR = 3, 2
_INFO = 2
"""INET_DIAG_INFO; it is asked for by bit number `_INFO - 1`."""
_ALL_STATES = 0xFFF
_HEADER = struct.Struct("=IHHII")
_MESSAGE = struct.Struct("=4BHH16s16sIQ5I")
"""`struct inet_diag_msg`: family (and three more bytes), ports, our address, the other, interface, cookie, three
counts, user, inode."""
_ATTRIBUTE = struct.Struct("=HH")
_BYTES_AT = 120
"""Offset of `tcpi_bytes_acked` in `struct tcp_info`; `tcpi_bytes_received` follows (linux/tcp.h, since 4.1)."""
_BYTES = struct.Struct("=QQ")
_RECEIVE_BYTES = 256 * 1024
_TIMEOUT_S = 1.0

LOOKED_UP_FROM_BYTES = 256 * 1024
"""A connection that moved less than this between two questions counts in the total only."""
MAX_CONNECTIONS = 20_000
MAX_NAME_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Connection:
    """One TCP connection to another machine."""

    cookie: int
    """The kernel's number of it, never used twice."""
    inode: int
    uid: int
    received_bytes: int
    sent_bytes: int


class LinuxTraffic(TrafficMeter):
    """Counts over one netlink socket."""

    def __init__(self, *, proc: Path = Path("/proc"), interfaces: Path = Path("/sys/class/net")) -> None:
        self._proc = proc
        self._interfaces = interfaces
        self._socket: socket.socket | None = None
        self._before: dict[int, Connection] | None = None
        self._total_before: Volume | None = None
        self._names: dict[int, str] = {}

    def sample(self) -> TrafficSample:
        """Return what went over the network since the last call; the first is all zeros."""
        unread: list[str] = []
        try:
            now = {each.cookie: each for each in self._list_connections()}
        except OSError as error:
            self.close()
            now = {}
            unread.append(f"the kernel does not count connections: {os.strerror(error.errno or 0).lower()}")
        programs = self._attribute(now) if self._before is not None and not unread else {}
        self._before = now if not unread else None
        return TrafficSample(programs, self._count_total(), tuple(unread))

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _attribute(self, now: dict[int, Connection]) -> dict[str, Volume]:
        moved: list[tuple[Connection, Volume]] = []
        for cookie, each in now.items():
            before = (self._before or {}).get(cookie)
            volume = Volume(
                each.received_bytes - (before.received_bytes if before else 0),
                each.sent_bytes - (before.sent_bytes if before else 0),
            )
            if volume.received_bytes + volume.sent_bytes >= LOOKED_UP_FROM_BYTES:
                moved.append((each, volume))
        self._names = {cookie: name for cookie, name in self._names.items() if cookie in now}
        self._look_up([each for each, _ in moved if each.cookie not in self._names])
        programs: dict[str, Volume] = defaultdict(lambda: Volume(0, 0))
        for each, volume in moved:
            name = self._names.get(each.cookie)
            if name is not None:
                so_far = programs[name]
                programs[name] = Volume(
                    so_far.received_bytes + volume.received_bytes, so_far.sent_bytes + volume.sent_bytes
                )
        return dict(programs)

    def _look_up(self, connections: list[Connection]) -> None:
        """Find which program has each connection open, among the processes of its user."""
        wanted = {each.inode: each.cookie for each in connections if each.inode}
        uids = {each.uid for each in connections}
        if not wanted:
            return
        for pid in (name for name in os.listdir(self._proc) if name.isdigit()):
            try:
                if os.stat(self._proc / pid).st_uid not in uids:
                    continue
                found = wanted.keys() & set(_list_sockets(self._proc / pid / "fd"))
                if not found:
                    continue
                name = os.path.basename(os.readlink(self._proc / pid / "exe")).removesuffix(" (deleted)")
            except OSError:
                # It has ended, or is not ours to look at: then the total alone tells of it.
                continue
            for inode in found:
                self._names[wanted.pop(inode)] = to_text(name)[:MAX_NAME_CHARACTERS]
            if not wanted:
                return

    def _list_connections(self) -> Iterator[Connection]:
        for family in (socket.AF_INET, socket.AF_INET6):
            yield from self._dump(family)

    def _dump(self, family: int) -> Iterator[Connection]:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG)
            self._socket.settimeout(_TIMEOUT_S)
        wanted = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 1 << (_INFO - 1), _ALL_STATES) + bytes(48)
        self._socket.send(
            _HEADER.pack(_HEADER.size + len(wanted), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, family, 0) + wanted
        )
        count = 0
        while True:
            datagram = self._socket.recv(_RECEIVE_BYTES)
            at = 0
            while at + _HEADER.size <= len(datagram):
                length, type_, _, sequence, _ = _HEADER.unpack_from(datagram, at)
                if type_ == _ERROR:
                    raise OSError(-struct.unpack_from("=i", datagram, at + _HEADER.size)[0], "sock_diag")
                if sequence == family and type_ == _DONE:
                    return
                if sequence == family and count < MAX_CONNECTIONS:
                    count += 1
                    connection = parse_connection(datagram[at + _HEADER.size : at + length])
                    if connection is not None:
                        yield connection
                at += max((length + 3) & ~3, _HEADER.size)

    def _count_total(self) -> Volume:
        now = Volume(0, 0)
        for name in self._list_cards():
            try:
                received, sent = (
                    int((self._interfaces / name / "statistics" / counter).read_text())
                    for counter in ("rx_bytes", "tx_bytes")
                )
            except (OSError, ValueError):
                continue
            now = Volume(now.received_bytes + received, now.sent_bytes + sent)
        before, self._total_before = self._total_before, now
        if before is None:
            return Volume(0, 0)
        # A card that was unplugged takes its counters along.
        return Volume(max(0, now.received_bytes - before.received_bytes), max(0, now.sent_bytes - before.sent_bytes))

    def _list_cards(self) -> list[str]:
        """Return the network cards: a bridge or a tunnel would count the same bytes again."""
        try:
            names = [name for name in os.listdir(self._interfaces) if name != "lo"]
        except OSError:
            return []
        return [name for name in names if (self._interfaces / name / "device").exists()] or names


def parse_connection(message: bytes) -> Connection | None:
    """Return the connection that one answer of the kernel tells of; None for one without counters or to this machine
    itself."""
    if len(message) < _MESSAGE.size:
        return None
    values = _MESSAGE.unpack_from(message)
    family, other, cookie, uid, inode = values[0], values[7], values[9], values[13], values[14]
    address = ipaddress.ip_address(other[:4] if family == socket.AF_INET else other)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if (mapped or address).is_loopback or (mapped or address).is_unspecified:
        return None
    at = _MESSAGE.size
    while at + _ATTRIBUTE.size <= len(message):
        length, type_ = _ATTRIBUTE.unpack_from(message, at)
        info = message[at + _ATTRIBUTE.size : at + length]
        if type_ == _INFO and len(info) >= _BYTES_AT + _BYTES.size:
            sent, received = _BYTES.unpack_from(info, _BYTES_AT)
            return Connection(cookie, inode, uid, received, sent)
        at += max((length + 3) & ~3, _ATTRIBUTE.size)
    return None


def _list_sockets(folder: Path) -> Iterator[int]:
    """Yield the inodes of the sockets that a process has open.

    Raises:
        OSError: it has ended, or may not be looked at.
    """
    for descriptor in os.listdir(folder):
        try:
            target = os.readlink(folder / descriptor)
        except OSError:
            continue
        if target.startswith("socket:["):
            yield int(target[8:-1])
