# SPDX-License-Identifier: Apache-2.0
"""What devices signed, as the ledger holds it: for each device the unbroken run of envelopes from the first event of a
case up to a checkpoint after its last, the contents that the case rests on, and what proves the keys.

It judges nothing: a ledger that was tampered with gives evidence that does not verify.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from collector.checkpoints import hash_heads
from collector.errors import StoreError
from collector.evidence.case import Case
from collector.ledger import SEALED_KINDS
from collector.store.schema import checkpoints, device_keys, devices, envelopes, events, payloads, tombstones
from proto.errors import MalformedError
from proto.events import Missing
from proto.wire import to_json

_ROWS_AT_ONCE = 20
"""Checkpoints of a large school are large: they are read a few at a time."""

Position = tuple[int, int]
"""Epoch and number of an event in its device's chain."""


class UncoveredError(Exception):
    """No checkpoint was made since the last event of a case."""


class UnshownError(Exception):
    """Among the events of a run is one that the asker may not learn of, or the run is too long for him."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The part of a device's chain that a case rests on."""

    device_id: str
    wanted: dict[Position, int]
    """The events that the case rests on, and their numbers in the ledger."""
    rows: Sequence[Row[Any]]
    """Envelopes, in order."""
    end: Position
    covered_by: frozenset[int]
    """The checkpoints that cover it: of each epoch the first."""


def load_chains(connection: Connection, school_id: str, case: Case) -> list[Chain]:
    """Return the chains of all devices of a case.

    Raises:
        UncoveredError: no checkpoint covers one of them yet.
        UnshownError: one holds a sealed event that the asker may not see, or is too long.
        StoreError: the ledger lacks an event.
    """
    found: dict[str, dict[Position, int]] = {}
    first_ids: dict[str, int] = {}
    for event_id in case.event_ids:
        row = _find_envelope(connection, school_id, event_id)
        found.setdefault(row.device_id, {})[row.epoch, row.first_seq + event_id - row.first_event_id] = event_id
        first_ids.setdefault(row.device_id, row.first_event_id)
    chains = []
    for device_id, wanted in sorted(found.items()):
        newest, _ = max(wanted)
        ends = _find_ends(connection, school_id, device_id, dict(sorted(wanted)))
        if newest not in ends:
            raise UncoveredError
        epoch, seq = end = (newest, ends[newest][1])
        rows = connection.execute(
            select(envelopes)
            .where(envelopes.c.school_id == school_id, envelopes.c.device_id == device_id)
            .where(envelopes.c.first_event_id >= first_ids[device_id])
            .where(or_(envelopes.c.epoch < epoch, and_(envelopes.c.epoch == epoch, envelopes.c.first_seq <= seq)))
            .order_by(envelopes.c.epoch, envelopes.c.first_seq)
            .limit(case.max_envelopes + 1)
        ).all()
        if not rows:
            raise StoreError("the ledger lacks envelopes", hint="run: schoolwarden-collector verify")
        _verify_shown(connection, case, rows)
        covered_by = frozenset(number for number, _ in ends.values())
        chains.append(Chain(device_id=device_id, wanted=wanted, rows=rows, end=end, covered_by=covered_by))
    return chains


def list_contents(connection: Connection, chain: Chain) -> Iterator[dict[str, Any]]:
    """Return the contents of the events that the case rests on, as far as there are any."""
    for (epoch, seq), event_id in sorted(chain.wanted.items()):
        row = connection.execute(select(payloads).where(payloads.c.event_id == event_id)).first()
        if row is not None and row.missing == Missing.NO:
            yield {"epoch": epoch, "seq": seq, "salt": row.salt.hex(), "body": row.body.hex()}


def read_content(connection: Connection, event_id: int) -> str:
    """Return what an event says, in the names of its fields, as we read it."""
    row = connection.execute(
        select(events.c.kind, payloads.c.body, payloads.c.missing)
        .join_from(events, payloads, payloads.c.event_id == events.c.event_id)
        .where(events.c.event_id == event_id)
    ).first()
    if row is None or row.missing != Missing.NO or row.kind in SEALED_KINDS:
        return "sealed, or not here"
    try:
        return json.dumps(to_json(row.kind, row.body), sort_keys=True)
    except MalformedError:
        return "it cannot be read"


def describe_envelope(row: Row[Any]) -> dict[str, Any]:
    """Return an envelope as JSON values, without contents."""
    return {
        "version": row.version,
        "epoch": row.epoch,
        "first_seq": row.first_seq,
        "last_seq": row.last_seq,
        "algorithm": row.algorithm,
        "header_block": row.header_block.hex(),
        "signature": row.signature.hex(),
        "missing": row.missing.hex(),
        "received_at_ns": row.received_at_ns,
    }


def load_keys(connection: Connection, school_id: str, device_id: str) -> dict[str, dict[str, Any]]:
    """Return a device's key with what proves it, and the keys of the devices that it goes on for, by device."""
    found: dict[str, dict[str, Any]] = {}
    while device_id and device_id not in found:
        row = connection.execute(
            select(device_keys, devices.c.hostname, devices.c.former_device_id, devices.c.succession)
            .join_from(device_keys, devices, devices.c.device_id == device_keys.c.device_id)
            .where(device_keys.c.school_id == school_id, device_keys.c.device_id == device_id)
        ).first()
        if row is None:
            break
        found[device_id] = {
            "device_id": device_id,
            "hostname": row.hostname,
            "algorithm": row.algorithm,
            "public_key": row.public_key.hex(),
            "certificate_request": row.certificate_request.hex(),
            "token_sha256": row.token_sha256.hex(),
            "proof": row.proof.hex(),
            "former_device_id": row.former_device_id or "",
            "why": row.succession,
            # SQLite gives the default of a column of bytes as a text.
            "former_proof": bytes(row.former_proof or b"").hex(),
            "made_at_ns": row.made_at_ns,
        }
        device_id = row.former_device_id or ""
    return found


def list_tombstones(connection: Connection, school_id: str, chain: Chain) -> Iterator[dict[str, Any]]:
    """Return what was erased of the events that the case rests on, as the collector signed it.

    Who erased another's matter, and why, is not told to whoever gets this file.
    """
    query = (
        select(tombstones)
        .where(tombstones.c.school_id == school_id, tombstones.c.device_id == chain.device_id)
        .order_by(tombstones.c.number)
    )
    names = "number at_ns event_id device_id epoch seq reason actor note".split()
    for row in connection.execute(query):
        if (row.epoch, row.seq) in chain.wanted:
            yield {name: getattr(row, name) for name in names} | {
                "event_hash": row.event_hash.hex(),
                "previous_hash": row.previous_hash.hex(),
                "signature": row.signature.hex(),
            }


def list_checkpoints(connection: Connection, school_id: str, whole: Collection[int]) -> Iterator[dict[str, Any]]:
    """Return the checkpoints from the first that covers on, oldest first: those that cover with their heads.

    Of the others there is what links a checkpoint that somebody printed on any later day: a year of them is small.
    """
    query = (
        select(checkpoints)
        .where(checkpoints.c.school_id == school_id, checkpoints.c.number >= min(whole))
        .order_by(checkpoints.c.number)
    )
    with connection.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE}) as rows:
        for row in rows:
            is_whole = row.number in whole
            yield {
                "number": row.number,
                "made_at_ns": row.made_at_ns,
                **({"heads": row.heads} if is_whole else {"heads_sha256": hash_heads(row.heads)}),
                "previous_hash": row.previous_hash.hex(),
                "signature": row.signature.hex(),
            }


def _find_envelope(connection: Connection, school_id: str, event_id: int) -> Any:
    """Return the envelope that holds an event.

    Raises:
        StoreError: the ledger lacks it.
    """
    row = connection.execute(
        select(envelopes)
        .where(envelopes.c.school_id == school_id, envelopes.c.first_event_id <= event_id)
        .order_by(envelopes.c.first_event_id.desc())
        .limit(1)
    ).first()
    if row is None or event_id - row.first_event_id > row.last_seq - row.first_seq:
        raise StoreError(f"the ledger lacks event {event_id}", hint="run: schoolwarden-collector verify")
    return row


def _find_ends(
    connection: Connection, school_id: str, device_id: str, last: dict[int, int]
) -> dict[int, tuple[int, int]]:
    """Return for each epoch the first checkpoint after its last event, and where the chain ended then.

    Of an epoch in between, on which nothing rests, the first checkpoint that saw it. A chain that began anew before the
    next checkpoint leaves its end in none; the verifier says so.
    """
    ends: dict[int, tuple[int, int]] = {}
    begin = f'["{device_id}",'
    query = (
        select(checkpoints.c.number, checkpoints.c.heads)
        .where(checkpoints.c.school_id == school_id, checkpoints.c.heads.contains(begin, autoescape=True))
        .order_by(checkpoints.c.number)
    )
    with connection.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE}) as rows:
        for row in rows:
            for epoch, seq in re.findall(re.escape(begin) + r"(\d+),(\d+),", row.heads):
                if min(last) <= int(epoch) <= max(last) and int(seq) >= last.get(int(epoch), 0):
                    ends.setdefault(int(epoch), (row.number, int(seq)))
            if max(last) in ends:
                break
    return ends


def _verify_shown(connection: Connection, case: Case, rows: Sequence[Row[Any]]) -> None:
    if len(rows) > case.max_envelopes:
        raise UnshownError
    first, last = rows[0], max(rows, key=lambda row: row.first_event_id)
    sealed = connection.execute(
        select(events.c.event_id, events.c.kind)
        .where(events.c.school_id == first.school_id, events.c.device_id == first.device_id)
        .where(events.c.event_id.between(first.first_event_id, last.first_event_id + last.last_seq - last.first_seq))
        .where(events.c.kind.in_(SEALED_KINDS))
    )
    if not all(case.may_show(each.event_id, each.kind) for each in sealed.all()):
        raise UnshownError
