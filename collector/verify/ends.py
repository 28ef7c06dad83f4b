# SPDX-License-Identifier: Apache-2.0
"""Step 5 of verify: checkpoints are ours and linked, and what they saw still stands: ends of chains and of both logs.

A checkpoint in the database shows what was cut off since by somebody without our key; a printed one shows it whoever
did it. The hashes of events come from `chains`.
"""

import re
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, select

from collector.checkpoints import (
    AUDIT,
    COLLECTOR,
    FIRST_PREVIOUS_HASH,
    TOMBSTONES,
    Checkpoint,
    hash_checkpoint,
    read_ends,
    read_keys,
    to_digest,
)
from collector.errors import UsageError
from collector.store.schema import audit, device_keys, tombstones
from collector.verify.report import FAULTS, Report, in_words
from proto.keys import Verifier

Ends = dict[tuple[str, int, int], str]
"""The hash in hexadecimal of what stands at a place: device or log, epoch, number."""

_LOGS = {AUDIT: (audit, "audit log", "row"), TOMBSTONES: (tombstones, "tombstones", "number")}


def load_log_ends(connection: Connection, school_id: str, wanted: Collection[tuple[str, int, int]]) -> Ends:
    """Return the hashes of the rows of the logs that checkpoints name; that the rows are sound is checked elsewhere."""
    found: Ends = {}
    for name, (table, _, _) in _LOGS.items():
        numbers = sorted(number for who, _, number in wanted if who == name)
        for start in range(0, len(numbers), 500):
            query = select(table.c.number, table.c.hash).where(
                table.c.school_id == school_id, table.c.number.in_(numbers[start : start + 500])
            )
            for row in connection.execute(query):
                found[name, 0, row.number] = row.hash.hex() if isinstance(row.hash, bytes) else ""
    return found


def load_keys(connection: Connection, school_id: str, own_public_key: bytes) -> dict[str, str]:
    """Return the SHA-256 in hexadecimal of each device's public key, and of the collector's own."""
    rows = connection.execute(
        select(device_keys.c.device_id, device_keys.c.public_key).where(device_keys.c.school_id == school_id)
    )
    found = {row.device_id: to_digest(row.public_key) for row in rows if isinstance(row.public_key, bytes)}
    return found | {COLLECTOR: to_digest(own_public_key)}


def verify_checkpoints(
    made: Sequence[Checkpoint], school_id: str, own: Verifier, ends: Ends, keys: Mapping[str, str], report: Report
) -> None:
    """Check every checkpoint, and what it saw against what stands."""
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
            report.problems.append(f"checkpoint {checkpoint.number}: {in_words(error)}")
        if checkpoint.number != number or checkpoint.previous_hash != previous or checkpoint.hash != digest:
            report.problems.append(f"checkpoint {checkpoint.number} does not follow the one before it")
        for who, epoch, seq, expected in read_ends(checkpoint.heads):
            if ends.get((who, epoch, seq)) != expected:
                report.problems.append(_tell_cut(checkpoint.number, who, epoch, seq))
        for who, expected in read_keys(checkpoint.heads):
            if keys.get(who) != expected:
                report.problems.append(f"checkpoint {checkpoint.number} saw another key of {who}")
        previous, number = checkpoint.hash, checkpoint.number


def verify_printed(made: Sequence[Checkpoint], printed: str, report: Report) -> None:
    """Look for a printed checkpoint among those that are kept: what was cut off with its checkpoint shows so.

    Raises:
        UsageError: that is no hash.
    """
    if not printed:
        return
    digits = re.sub(r"[\s-]", "", printed).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise UsageError("a checkpoint is 64 digits and letters from a to f", hint="as printed, blanks do not matter")
    if digits not in {bytes(each.hash).hex() for each in made}:
        report.problems.append(
            "the printed checkpoint is none that this collector has: something was cut off or changed"
        )


def _tell_cut(number: int, who: str, epoch: int, seq: int) -> str:
    if who in _LOGS:
        _, name, noun = _LOGS[who]
        return f"{name}: checkpoint {number} saw {noun} {seq}, and it does not stand there any more"
    return (
        f"device {who}: checkpoint {number} saw event {seq} of epoch {epoch}, and the ledger does not hold it any more"
    )
