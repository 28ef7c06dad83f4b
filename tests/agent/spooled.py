# SPDX-License-Identifier: Apache-2.0
"""Events as they lie in a queue, for tests: a chain of any length, the same each time, and a process that writes one.

python -m tests.agent.spooled write PATH     appends and acknowledges until it is killed, and says so line by line
python -m tests.agent.spooled hold PATH      opens the queue, says so, and keeps it until its standard input ends
python -m tests.agent.spooled fill PATH      appends until the disk is full, then reports as JSON what is left
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.errors import SpoolError
from agent.spool import Spool, SpooledEvent
from proto.events import Missing
from tests.proto.device import FixedDevice

KEY = bytes(range(32))
KIND = "kind.unheard"


class Chain:
    """Makes events that follow one another."""

    def __init__(self, spool: Spool | None = None) -> None:
        """Begin a chain, or go on where that of a queue ends."""
        head = spool.head(1) if spool else None
        self._device = FixedDevice(seq=head.seq, previous_hash=head.hash) if head else FixedDevice()

    def make(
        self, body: bytes = b"content", *, rank: int = 1, kind: str = KIND, missing: Missing = Missing.NO
    ) -> SpooledEvent:
        """Return the next event."""
        made = self._device.make_raw(kind, body, missing=missing, severity=min(rank, 5))
        return SpooledEvent(made.fields.seq, kind, rank, made.header, made.hash, made.payload)

    def make_many(self, count: int, body: bytes = b"content", *, rank: int = 1) -> list[SpooledEvent]:
        """Return the next events."""
        return [self.make(body, rank=rank) for _ in range(count)]


def body_of(seq: int) -> bytes:
    """Return the content that the writing process gives to an event."""
    return f"content of event {seq}".encode() * (1 + seq % 7)


def peek_all(spool: Spool) -> list[SpooledEvent]:
    """Return everything that waits."""
    return spool.peek(0, max_events=10**6, max_bytes=10**9)


@contextmanager
def failing_disk(spool: Spool) -> Iterator[None]:
    """Let the disk take nothing for a while; reading still works."""
    spool._db.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        spool._db.execute("PRAGMA query_only = OFF")


def _say(line: str) -> None:
    # Straight to the descriptor: what stands in a buffer dies with the process.
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def _write(path: Path) -> None:
    spool = Spool(path, KEY, max_bytes=10**9)
    chain = Chain(spool)
    while True:
        seq = spool.head(1).seq
        events = [chain.make(body_of(seq + number)) for number in range(1, 2 + seq % 3)]
        spool.append(1, events)
        _say(f"appended {events[-1].seq}")
        if seq % 5 == 0:
            _say(f"acknowledging {seq // 2}")
            spool.acknowledge(seq // 2)


def _hold(path: Path) -> None:
    spool = Spool(path, KEY)
    _say("open")
    sys.stdin.read()
    spool.close()


def _fill(path: Path, limit_bytes: int) -> None:
    if limit_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))
    spool = Spool(path, KEY, max_bytes=10**9)
    chain = Chain(spool)
    appended = 0
    problem = ""
    event = chain.make(bytes(3000))
    while not problem and appended < 10_000:
        try:
            spool.append(1, [event])
        except SpoolError as error:
            problem = error.message
        else:
            appended, event = event.seq, chain.make(bytes(3000))
    report = {"appended": appended, "problem": problem, "head": spool.head(1).seq, "count": spool.count()}
    try:
        spool.append(1, [event])
    except SpoolError as error:
        report["again"] = error.message
    _say(json.dumps(report))
    sys.stdin.readline()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    spool.append(1, [event])
    _say(json.dumps({"head": spool.head(1).seq, "count": spool.count()}))
    spool.close()


def main(arguments: Sequence[str]) -> None:
    """Run one of the processes."""
    mode, path = arguments[0], Path(arguments[1])
    if mode == "write":
        _write(path)
    elif mode == "hold":
        _hold(path)
    else:
        _fill(path, int(arguments[2]))


if __name__ == "__main__":
    main(sys.argv[1:])
