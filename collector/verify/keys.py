# SPDX-License-Identifier: Apache-2.0
"""Step 1 of verify: whose key it is that a device's envelopes are checked with.

It holds proofs against keys. Whether somebody was right to let a device in, nobody signed.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from collector.store.schema import device_keys, devices
from collector.verify.report import FAULTS, Report, in_words
from proto.enrolment import proof_bytes, succession_bytes
from proto.errors import SchoolwardenError, SignatureError
from proto.keys import Verifier, to_verifier


def list_verifiers(connection: Connection, school_id: str, report: Report) -> Iterator[tuple[str, Verifier]]:
    """Yield the devices whose key is good.

    1. The key signed its own enrolment.
    2. A token let the device in, or the former device's key signed that this one goes on for it.
    """
    rows = connection.execute(
        select(devices.c.device_id, devices.c.former_device_id, devices.c.succession, device_keys)
        .join_from(devices, device_keys, device_keys.c.device_id == devices.c.device_id, isouter=True)
        .where(devices.c.school_id == school_id)
        .order_by(devices.c.device_id)
    ).all()
    for row in rows:
        report.devices += 1
        # 1
        try:
            verifier = _verify_own_proof(school_id, row)
        except FAULTS as error:
            report.problems.append(f"device {row.device_id}: its key is not proven: {in_words(error)}")
            continue
        # 2
        try:
            _verify_succession(school_id, row, rows)
        except FAULTS as error:
            # Its chain is looked at all the same: that nobody vouches for it is one problem, not many.
            report.problems.append(f"device {row.device_id}: {in_words(error)}")
        yield row.device_id, verifier


def _verify_own_proof(school_id: str, row: Row[Any]) -> Verifier:
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
    return verifier


def _verify_succession(school_id: str, row: Row[Any], rows: Sequence[Row[Any]]) -> None:
    if row.former_device_id is None:
        if row.former_proof:
            raise SchoolwardenError("it has another device's word that it goes on for it, and names none")
        if not row.token_sha256:
            raise SchoolwardenError("neither a token nor a former device let it in")
        return
    former = [each for each in rows if each.device_id == row.former_device_id and each.public_key is not None]
    if not former:
        raise SchoolwardenError(f"it goes on for device {row.former_device_id}, which is not known")
    said = succession_bytes(
        school_id=school_id,
        former_device_id=row.former_device_id,
        reason=row.succession,
        algorithm=row.algorithm,
        public_key=row.public_key,
    )
    if not any(_is_signed(each, row.former_proof, said) for each in former):
        raise SchoolwardenError(f"device {row.former_device_id} did not sign that it goes on for it")


def _is_signed(former: Row[Any], signature: bytes, said: bytes) -> bool:
    try:
        to_verifier(former.algorithm, former.public_key).verify(signature, said)
    except SignatureError:
        return False
    return True
