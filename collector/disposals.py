# SPDX-License-Identifier: Apache-2.0
"""What became of a device that the school gave away: the record, signed by the collector, and a receipt to print.

A retired device may not speak; what it said stays. The receiver's own receipt is paper or a file that the school
keeps: here stands its number. Whether a disk was really wiped nobody can know from here: the record says who said so.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, Row, insert, select

from collector.audit import record
from collector.devices import DeviceState, find_device, retire
from collector.errors import UsageError
from collector.expected_devices import find_expected
from collector.store.engine import reading, writing
from collector.store.schema import devices, disposals
from proto.errors import SignatureError
from proto.keys import Signer, Verifier

DOMAIN = b"schoolwarden disposal v1\x00"
RECEIPT_DOMAIN = b"schoolwarden disposal receipt v1\x00"
MAX_CHARACTERS = 300


class Method(StrEnum):
    """How a device left the school."""

    RECYCLED = "recycled"
    SOLD = "sold"
    DONATED = "donated"
    RETURNED = "returned"
    DESTROYED = "destroyed"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a person says became of a device."""

    method: Method
    receiver: str
    """Who has it now; may be empty for a lost one."""
    receipt: str
    """The receiver's number, or the crime reference; may be empty for a lost one."""
    is_wiped: bool
    wiped_how: str
    """Or why it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposal:
    """The record of it. Every field but the signature is signed."""

    id: str
    school: str
    device: str
    at_ns: int
    recorded_by: str
    method: str
    receiver: str
    receipt: str
    is_wiped: bool
    wiped_how: str
    signature: bytes


def retire_device(
    engine: Engine, school_id: str, device_id: str, account: Account, *, signer: Signer, actor: str, now_ns: int
) -> Disposal:
    """Record what became of a device and take its right to speak; a stream that it has open ends within seconds.

    Raises:
        UsageError: there is no such device, it waits to be confirmed or is retired already, or the account has a gap.
    """
    account = _read(account)
    with writing(engine) as connection:
        state = connection.execute(
            select(devices.c.state)
            .where(devices.c.school_id == school_id, devices.c.device_id == device_id)
            .with_for_update()
        ).scalar()
        if state == DeviceState.PENDING:
            raise UsageError(
                f"nobody confirmed yet that device {device_id} is the school’s", hint="confirm it first, or revoke it"
            )
        retire(connection, school_id, device_id)
        content = {
            "id": secrets.token_hex(8),
            "school": school_id,
            "device": device_id,
            "at_ns": now_ns,
            "recorded_by": actor,
            **asdict(account),
            "method": account.method.value,
        }
        made = Disposal(**content, signature=signer.sign(DOMAIN + _to_json(content)))
        connection.execute(insert(disposals).values(_to_columns(made)))
        detail = f"{made.method}, {made.receiver or 'nobody'}, receipt {made.receipt or 'none'}"
        subject = f"device/{device_id}"
        record(
            connection, school_id, actor=actor, action="device.retired", subject=subject, detail=detail, now_ns=now_ns
        )
    return made


def find_disposal(engine: Engine, school_id: str, device_id: str) -> Disposal | None:
    """Return the record of a device that was retired, or None."""
    query = select(disposals).where(disposals.c.school_id == school_id, disposals.c.device_id == device_id)
    with reading(engine) as connection:
        row = connection.execute(query).first()
        return _to_disposal(row) if row else None


def make_receipt(
    engine: Engine, school_id: str, school_name: str, device_id: str, *, signer: Signer
) -> dict[str, Any] | None:
    """Return the whole receipt of a retired device, signed, as JSON can hold it; None for one that is not retired.

    The machine's facts are what it said of itself, and the school's list of it.
    """
    disposal, device = find_disposal(engine, school_id, device_id), find_device(engine, school_id, device_id)
    if disposal is None or device is None:
        return None
    listed = find_expected(engine, school_id, device_id)
    receipt: dict[str, Any] = {
        "format": "schoolwarden disposal receipt v1",
        "school_name": school_name,
        "disposal": asdict(disposal) | {"signature": disposal.signature.hex()},
        "machine": {
            "hostname": device.hostname,
            "manufacturer": device.manufacturer,
            "product": device.product,
            "serial": device.serial,
            "asset": listed.asset if listed else "",
            "enrolled_at_ns": device.enrolled_at_ns,
            "last_seen_at_ns": device.last_seen_at_ns,
        },
        "signed_by": {"algorithm": signer.algorithm, "public_key": signer.public_key.hex()},
    }
    return receipt | {"signature": signer.sign(RECEIPT_DOMAIN + _to_json(receipt)).hex()}


def verify_receipt(receipt: dict[str, Any], verifier: Verifier) -> None:
    """Check that a receipt is as the collector with this key signed it.

    Raises:
        SignatureError: it is not.
    """
    try:
        signature = bytes.fromhex(receipt["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise SignatureError("the receipt carries no signature") from error
    content = {name: value for name, value in receipt.items() if name != "signature"}
    verifier.verify(signature, RECEIPT_DOMAIN + _to_json(content))


def verify_disposals(engine: Engine, school_id: str, verifier: Verifier) -> Iterator[str]:
    """Say of each record whose signature does not hold that it does not."""
    query = select(disposals).where(disposals.c.school_id == school_id).order_by(disposals.c.at_ns)
    with reading(engine) as connection:
        kept = [_to_disposal(row) for row in connection.execute(query)]
    for each in kept:
        content = {name: value for name, value in asdict(each).items() if name != "signature"}
        try:
            verifier.verify(each.signature, DOMAIN + _to_json(content))
        except SignatureError:
            yield f"the disposal record of device {each.device} was changed or is not the collector’s"


def _read(account: Account) -> Account:
    """Return an account without blanks around its words."""
    texts = {name: getattr(account, name).strip() for name in ("receiver", "receipt", "wiped_how")}
    if not texts["receiver"] and account.method is not Method.LOST:
        raise UsageError("say who has the device now", hint="the name of the firm or person that took it")
    if not texts["receipt"] and account.method is not Method.LOST:
        raise UsageError("give the number of the receipt", hint="what the receiver wrote on its own receipt")
    if not texts["wiped_how"]:
        raise UsageError("say how the disks were wiped, or why they were not")
    if max(map(len, texts.values())) > MAX_CHARACTERS:
        raise UsageError(f"that is longer than {MAX_CHARACTERS} characters")
    return Account(method=account.method, is_wiped=account.is_wiped, **texts)


def _to_json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


_COLUMNS = {"id": "disposal_id", "school": "school_id", "device": "device_id"}
"""Of fields that are named otherwise."""


def _to_columns(disposal: Disposal) -> dict[str, Any]:
    return {_COLUMNS.get(name, name): value for name, value in asdict(disposal).items()}


def _to_disposal(row: Row[Any]) -> Disposal:
    return Disposal(**{name: getattr(row, _COLUMNS.get(name, name)) for name in Disposal.__dataclass_fields__})
