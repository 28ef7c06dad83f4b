# SPDX-License-Identifier: Apache-2.0
"""Makes events of the chain out of what happened: encodes, numbers, links, and puts them into the queue.

Used by one thread, the pipeline's: the order in which it is called is the order of the chain.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agent.identity import Identity
from agent.spool import RANK_SAFEGUARDING, Head, Spool, SpooledEvent
from proto import chain
from proto.envelope import MAX_BODY_BYTES
from proto.events import Audience, Header, Kind, Missing, Payload, Tier
from proto.wire import decode_header, encode_body, encode_header


@dataclass(frozen=True, slots=True)
class Record:
    """An event that may leave, with what its header says beside the event itself."""

    event: Kind
    severity: int
    tier: Tier = Tier.UNSPECIFIED
    route: str = ""
    drill: bool = False

    @property
    def rank(self) -> int:
        """What goes first when there is no room: the lowest. Safeguarding goes last, a call to act the very last."""
        return RANK_SAFEGUARDING + self.tier if self.event.audience is Audience.SAFEGUARDING else self.severity


class Recorder:
    """The end of this machine's chain."""

    def __init__(
        self,
        identity: Identity,
        spool: Spool,
        boot_id: bytes,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._identity = identity
        self._spool = spool
        self._boot_id = boot_id
        self._clock_ns = clock_ns
        self._monotonic_ns = monotonic_ns
        self._head = spool.head(identity.epoch)

    def record(self, records: Sequence[Record], *, bundle_version: int) -> dict[str, int]:
        """Make events durable, in this order; return the payloads that had to go for them, by kind.

        Raises:
            SpoolError: nothing was recorded; the chain stands where it stood.
        """
        seq, previous = self._head.seq, self._head.hash
        spooled: list[SpooledEvent] = []
        for record in records:
            seq += 1
            spooled.append(self._make(record, seq, previous, bundle_version))
            previous = spooled[-1].hash
        trimmed = self._spool.append(self._identity.epoch, spooled)
        self._head = Head(self._identity.epoch, seq, previous)
        return trimmed

    def retell(self, events: Sequence[SpooledEvent]) -> None:
        """Put events of a former chain at the end of this one, durably: what they say stays, their place is new.

        Content, commitment, clocks and boot are those of the day; only who numbers them, the number and the link are
        other ones.

        Raises:
            SpoolError: nothing was recorded; the chain stands where it stood.
        """
        seq, previous = self._head.seq, self._head.hash
        spooled: list[SpooledEvent] = []
        for event in events:
            seq += 1
            header = decode_header(event.header)
            header.device_id, header.epoch = self._identity.device_id, self._identity.epoch
            header.seq, header.previous_hash = seq, previous
            raw = header.SerializeToString(deterministic=True)
            previous = chain.link(raw, previous)
            spooled.append(replace(event, seq=seq, header=raw, hash=previous))
        self._spool.append(self._identity.epoch, spooled)
        self._head = Head(self._identity.epoch, seq, previous)

    def _make(self, record: Record, seq: int, previous_hash: bytes, bundle_version: int) -> SpooledEvent:
        event = record.event
        body, salt = encode_body(event), chain.make_salt()
        is_too_large = len(body) > MAX_BODY_BYTES
        header = encode_header(
            Header(
                school_id=self._identity.school_id,
                device_id=self._identity.device_id,
                epoch=self._identity.epoch,
                seq=seq,
                kind=event.kind,
                schema_version=event.schema_version,
                audience=event.audience,
                severity=record.severity,
                tier=record.tier,
                route=record.route,
                drill=record.drill,
                wall_clock_ns=self._clock_ns(),
                monotonic_ns=self._monotonic_ns(),
                boot_id=self._boot_id,
                bundle_version=bundle_version,
                payload_commitment=chain.commit(salt, body),
                previous_hash=previous_hash,
            )
        )
        return SpooledEvent(
            seq=seq,
            kind=event.kind,
            rank=record.rank,
            header=header,
            hash=chain.link(header, previous_hash),
            payload=Payload(b"", b"", Missing.TOO_LARGE) if is_too_large else Payload(salt, body),
        )
