# SPDX-License-Identifier: Apache-2.0
"""Checks everything that the database claims to be evidence, trusting only keys and signatures.

    1 keys         every device proved that it holds the key that its envelopes are checked with
    2 envelopes    signatures, chains without gaps, contents as committed to, index rows as the headers say, and
                   nothing beside them
    3 heads        the table of chain ends agrees with the chains
    4 checkpoints  signed, linked, and every end written down in one is still in the ledger
    5 policies     every bundle carries our signature, versions follow one another
    6 readers      every set of readers is signed by the root of the one before, or by one that it vouches for
    7 audit        the log of what people did is whole

It changes nothing and goes on after a problem. What it cannot know: who typed, what a device never sent, and whether
somebody with the collector's own keys made everything anew; a checkpoint kept outside shows that.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from collector.audit import verify_audit
from collector.checkpoints import FIRST_PREVIOUS_HASH, Checkpoint, hash_checkpoint, list_checkpoints
from collector.config import Config
from collector.policies import open_own_bundle
from collector.recipients import find_problems
from collector.store.engine import reading
from collector.store.schema import bundles, device_keys, devices, envelopes, events, heads, payloads
from proto.chain import GENESIS
from proto.enrolment import proof_bytes
from proto.envelope import Opened, open_envelope
from proto.errors import SchoolwardenError
from proto.events import ChainRestarted, Missing
from proto.keys import Verifier, load_signer, to_verifier
from proto.wire import Bundle, Envelope, PayloadMessage, decode_header, decode_header_block

FAULTS = (SchoolwardenError, AttributeError, OverflowError, TypeError, ValueError)
"""What a row can end with. Not only our own errors: SQLite lets somebody write a text where bytes or a number were."""


@dataclass(slots=True)
class Report:
    """What was found."""

    problems: list[str] = field(default_factory=list)
    devices: int = 0
    envelopes: int = 0
    events: int = 0
    without_content: int = 0
    """Events whose content the device itself could not send any more."""
    checkpoints: int = 0
    bundles: int = 0
    recipient_sets: int = 0
    audit_entries: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def verify(engine: Engine, config: Config) -> Report:
    """Check the whole of a school's evidence.

    Raises:
        StoreError: the database does not answer.
        SignatureError: the collector's own key cannot be loaded.
    """
    report = Report()
    signer = load_signer(config.signing_key)
    own = to_verifier(signer.algorithm, signer.public_key)
    positions: dict[tuple[str, int, int], str] = {}
    # Read once and first: a checkpoint that is made while we work may name events that we do not see.
    made = list_checkpoints(engine, config.school_id)
    wanted = {(device_id, epoch, seq) for each in made for device_id, epoch, seq, _ in _read_heads(each.heads)}
    with reading(engine) as connection:
        _verify_nothing_beside(connection, config.school_id, report)
        for device_id, verifier in _verify_keys(connection, config.school_id, report):
            _DeviceCheck(connection, config.school_id, device_id, verifier, report, wanted, positions).run()
    _verify_checkpoints(made, config.school_id, own, positions, report)
    _verify_bundles(engine, config, report)
    report.recipient_sets, problems = find_problems(engine, config.school_id)
    report.problems.extend(problems)
    try:
        report.audit_entries = verify_audit(engine, config.school_id)
    except FAULTS as error:
        report.problems.append(f"audit log: {_in_words(error)}")
    return report


def _verify_keys(connection: Connection, school_id: str, report: Report) -> Iterator[tuple[str, Verifier]]:
    """Step 1. Yield the devices whose key is good."""
    rows = connection.execute(
        select(devices.c.device_id, device_keys)
        .join_from(devices, device_keys, device_keys.c.device_id == devices.c.device_id, isouter=True)
        .where(devices.c.school_id == school_id)
        .order_by(devices.c.device_id)
    ).all()
    for row in rows:
        report.devices += 1
        try:
            if row.public_key is None:
                raise SchoolwardenError("has no key")
            verifier = to_verifier(row.algorithm, row.public_key)
            proof = proof_bytes(
                school_id=school_id,
                token_secret_sha256=row.token_sha256,
                certificate_request=row.certificate_request,
                algorithm=row.algorithm,
                public_key=row.public_key,
            )
            verifier.verify(row.proof, proof)
        except FAULTS as error:
            report.problems.append(f"device {row.device_id}: its key is not proven: {_in_words(error)}")
            continue
        yield row.device_id, verifier


def _verify_nothing_beside(connection: Connection, school_id: str, report: Report) -> None:
    """Step 2, for what no envelope of a known device accounts for."""
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


class _DeviceCheck:
    """Steps 2 and 3 for one device."""

    def __init__(
        self,
        connection: Connection,
        school_id: str,
        device_id: str,
        verifier: Verifier,
        report: Report,
        wanted: set[tuple[str, int, int]],
        positions: dict[tuple[str, int, int], str],
    ) -> None:
        self._connection = connection
        self._school_id = school_id
        self._device_id = device_id
        self._verifier = verifier
        self._report = report
        self._wanted = wanted
        self._positions = positions
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
                self._problem(f"epoch {row.epoch}, events {row.first_seq} to {row.last_seq}: {_in_words(error)}")
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
        opened = open_envelope(_to_envelope(row, contents), self._verifier, self._hash, missing=row.missing)
        if row.epoch > 1 and row.first_seq == 1 and opened.headers[0].kind != ChainRestarted.kind:
            self._problem(f"epoch {row.epoch} does not begin with {ChainRestarted.kind}")
        self._verify_index(row, opened)
        self._report.events += len(opened.headers)
        self._report.without_content += sum(int(content.missing) != Missing.NO for content in contents)
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
                self._positions[self._device_id, row.epoch, seq] = digest.hex()

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


def _read_heads(text: str) -> list[tuple[str, int, int, str]]:
    try:
        return [(str(each[0]), int(each[1]), int(each[2]), str(each[3])) for each in json.loads(text)]
    except (ValueError, TypeError, IndexError, KeyError):
        return []


def _verify_checkpoints(
    made: Sequence[Checkpoint],
    school_id: str,
    own: Verifier,
    positions: dict[tuple[str, int, int], str],
    report: Report,
) -> None:
    """Step 4."""
    previous, number = FIRST_PREVIOUS_HASH, 0
    for checkpoint in made:
        report.checkpoints += 1
        number += 1
        digest = b""
        try:
            digest = hash_checkpoint(
                school_id, checkpoint.number, checkpoint.made_at_ns, checkpoint.heads, checkpoint.previous_hash
            )
            own.verify(checkpoint.signature, digest)
        except FAULTS as error:
            report.problems.append(f"checkpoint {checkpoint.number}: {_in_words(error)}")
        if checkpoint.number != number or checkpoint.previous_hash != previous or checkpoint.hash != digest:
            report.problems.append(f"checkpoint {checkpoint.number} does not follow the one before it")
        for device_id, epoch, seq, expected in _read_heads(checkpoint.heads):
            if positions.get((device_id, epoch, seq)) != expected:
                report.problems.append(
                    f"device {device_id}: checkpoint {checkpoint.number} saw event {seq} of epoch {epoch}, "
                    "and the ledger does not hold it any more"
                )
        previous, number = checkpoint.hash, checkpoint.number


def _verify_bundles(engine: Engine, config: Config, report: Report) -> None:
    """Step 5."""
    query = select(bundles).where(bundles.c.school_id == config.school_id).order_by(bundles.c.version)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    for expected, row in enumerate(rows, 1):
        report.bundles += 1
        if row.version != expected:
            report.problems.append(f"policy version {expected} is missing")
        try:
            bundle = Bundle(version=row.version, body=row.body, algorithm=row.algorithm, signature=row.signature)
            open_own_bundle(bundle, config)
        except FAULTS as error:
            report.problems.append(f"policy version {row.version}: {_in_words(error)}")


def _in_words(error: Exception) -> str:
    return error.message if isinstance(error, SchoolwardenError) else "it holds a value that it cannot hold"


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
