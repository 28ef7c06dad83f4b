# SPDX-License-Identifier: Apache-2.0
"""Steps 3 and 4 of verify: the chain of each device, from its first event to its last, and what stands beside it.

Whose key it is, and which tombstones are good, comes from `keys` and `graves`.
"""

from collections.abc import Container
from typing import Any

from sqlalchemy import Connection, func, select

from collector.store.schema import devices, envelopes, events, heads, payloads
from collector.tombstones import Tombstone
from collector.verify.ends import Ends
from collector.verify.graves import Place
from collector.verify.report import FAULTS, Report, in_words
from proto.chain import GENESIS
from proto.envelope import Opened, open_envelope
from proto.errors import SchoolwardenError
from proto.events import ChainRestarted, Missing
from proto.keys import Verifier
from proto.wire import Envelope, PayloadMessage, decode_header, decode_header_block


def verify_nothing_beside(connection: Connection, school_id: str, report: Report) -> None:
    """Step 3, for what no envelope of a known device accounts for."""
    known = select(devices.c.device_id).where(devices.c.school_id == school_id)
    strangers = select(envelopes.c.device_id).distinct().where(envelopes.c.school_id == school_id)
    for device_id in connection.execute(strangers.where(envelopes.c.device_id.not_in(known))).scalars():
        report.problems.append(f"device {device_id}: has sent envelopes and never enrolled")
    size = func.coalesce(func.sum(envelopes.c.last_seq - envelopes.c.first_seq + 1), 0)
    signed = int(connection.execute(select(size).where(envelopes.c.school_id == school_id)).scalar_one())
    for table in (events, payloads):
        rows = connection.execute(select(func.count()).where(table.c.school_id == school_id)).scalar_one()
        if rows > signed:
            report.problems.append(f"{rows - signed} rows of {table.name} belong to no envelope")


class DeviceCheck:
    """Steps 3 and 4 for one device."""

    def __init__(
        self,
        connection: Connection,
        school_id: str,
        device_id: str,
        verifier: Verifier,
        report: Report,
        graves: dict[Place, Tombstone],
        wanted: Container[Place],
        ends: Ends,
    ) -> None:
        self._connection = connection
        self._school_id = school_id
        self._device_id = device_id
        self._verifier = verifier
        self._report = report
        self._graves = graves
        self._wanted = wanted
        self._ends = ends
        self._epoch, self._seq, self._hash = 0, 0, GENESIS

    def run(self) -> None:
        """Go through the device's envelopes in the order of its chain."""
        rows = self._connection.execute(
            select(envelopes)
            .where(envelopes.c.school_id == self._school_id, envelopes.c.device_id == self._device_id)
            .order_by(envelopes.c.epoch, envelopes.c.first_seq)
        )
        for row in rows:
            self._report.envelopes += 1
            try:
                self._verify_envelope(row)
            except FAULTS as error:
                self._problem(f"epoch {row.epoch}, events {row.first_seq} to {row.last_seq}: {in_words(error)}")
                # Go on as if it were good, so that one changed row is one problem.
                self._epoch, self._seq, self._hash = row.epoch, row.last_seq, self._hash_after(row)
        self._verify_head()

    def _verify_envelope(self, row: Any) -> None:
        if row.epoch != self._epoch:
            if row.epoch < self._epoch or row.first_seq != 1:
                self._problem(f"epoch {row.epoch} begins with event {row.first_seq}")
            self._epoch, self._seq, self._hash = row.epoch, 0, GENESIS
        if row.first_seq != self._seq + 1:
            self._problem(f"epoch {row.epoch}: events {self._seq + 1} to {row.first_seq - 1} are missing")
        contents = self._load_contents(row)
        graves = self._take_graves(row)
        erased = self._compare_erased(row, contents, graves)
        envelope = _to_envelope(row, contents)
        opened = open_envelope(envelope, self._verifier, self._hash, missing=row.missing, erased=erased)
        self._verify_graves(row, opened, graves)
        if row.epoch > 1 and row.first_seq == 1 and opened.headers[0].kind != ChainRestarted.kind:
            self._problem(f"epoch {row.epoch} does not begin with {ChainRestarted.kind}")
        self._verify_index(row, opened)
        self._report.events += len(opened.headers)
        self._report.without_content += sum(int(each.missing) not in (Missing.NO, Missing.ERASED) for each in contents)
        self._report.erased += len(erased)
        self._epoch, self._seq, self._hash = row.epoch, row.last_seq, opened.hashes[-1]
        self._note_positions(row, opened)

    def _load_contents(self, row: Any) -> list[PayloadMessage]:
        count = row.last_seq - row.first_seq + 1
        found = self._connection.execute(
            select(payloads)
            .where(payloads.c.event_id >= row.first_event_id, payloads.c.event_id < row.first_event_id + count)
            .order_by(payloads.c.event_id)
        ).all()
        if len(found) != count:
            raise SchoolwardenError(f"the content of {count - len(found)} events was removed")
        return [PayloadMessage(salt=each.salt, body=each.body, missing=each.missing) for each in found]

    def _take_graves(self, row: Any) -> dict[int, Tombstone]:
        places = ((self._device_id, row.epoch, seq) for seq in range(row.first_seq, row.last_seq + 1))
        return {place[2]: self._graves.pop(place) for place in places if place in self._graves}

    def _compare_erased(self, row: Any, contents: list[PayloadMessage], graves: Container[int]) -> set[int]:
        """Return what is erased, and tell where the tombstones say something else."""
        erased = {seq for seq, each in enumerate(contents, row.first_seq) if int(each.missing) == Missing.ERASED}
        for seq in range(row.first_seq, row.last_seq + 1):
            if seq in erased and seq not in graves:
                self._problem(f"epoch {row.epoch}: the content of event {seq} is gone, and no tombstone says so")
            if seq in graves and seq not in erased:
                self._problem(f"epoch {row.epoch}: the content of event {seq} is there, and a tombstone says it is not")
        return erased

    def _verify_graves(self, row: Any, opened: Opened, graves: dict[int, Tombstone]) -> None:
        for seq, each in graves.items():
            place = seq - row.first_seq
            if (each.event_hash, each.event_id) != (opened.hashes[place], row.first_event_id + place):
                self._problem(f"epoch {row.epoch}: tombstone {each.number} is of another event than event {seq}")

    def _verify_index(self, row: Any, opened: Opened) -> None:
        count = len(opened.headers)
        found = self._connection.execute(
            select(events)
            .where(events.c.event_id >= row.first_event_id, events.c.event_id < row.first_event_id + count)
            .order_by(events.c.event_id)
        ).all()
        indexed = [(each.device_id, each.seq, each.kind, each.severity, each.device_time_ns) for each in found]
        signed = [(each.device_id, each.seq, each.kind, each.severity, each.wall_clock_ns) for each in opened.headers]
        if indexed != signed:
            self._problem(f"epoch {row.epoch}, events {row.first_seq} to {row.last_seq}: the index says something else")

    def _note_positions(self, row: Any, opened: Opened) -> None:
        """Keep the hashes that a checkpoint refers to."""
        for seq, digest in enumerate(opened.hashes, row.first_seq):
            if (self._device_id, row.epoch, seq) in self._wanted:
                self._ends[self._device_id, row.epoch, seq] = digest.hex()

    def _hash_after(self, row: Any) -> bytes:
        """Return the hash that the next envelope names, or our own if there is none."""
        following = self._connection.execute(
            select(envelopes.c.header_block).where(
                envelopes.c.device_id == self._device_id,
                envelopes.c.epoch == row.epoch,
                envelopes.c.first_seq == row.last_seq + 1,
            )
        ).scalar()
        if following is None:
            return self._hash
        try:
            return decode_header(decode_header_block(following)[0]).previous_hash
        except (*FAULTS, IndexError):
            return self._hash

    def _verify_head(self) -> None:
        head = self._connection.execute(select(heads).where(heads.c.device_id == self._device_id)).first()
        recorded = (head.epoch, head.seq, head.hash) if head else (0, 0, GENESIS)
        if recorded != (self._epoch, self._seq, self._hash):
            self._problem(
                f"its chain ends at epoch {self._epoch}, event {self._seq}; "
                f"the record says epoch {recorded[0]}, event {recorded[1]}"
            )

    def _problem(self, text: str) -> None:
        self._report.problems.append(f"device {self._device_id}: {text}")


def _to_envelope(row: Any, contents: list[PayloadMessage]) -> Envelope:
    return Envelope(
        version=row.version,
        school_id=row.school_id,
        device_id=row.device_id,
        epoch=row.epoch,
        first_seq=row.first_seq,
        last_seq=row.last_seq,
        header_block=row.header_block,
        algorithm=row.algorithm,
        signature=row.signature,
        payloads=contents,
    )
