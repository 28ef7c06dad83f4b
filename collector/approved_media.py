# SPDX-License-Identifier: Apache-2.0
"""The school's register of the USB devices that it approved, and what names such a device.

It reaches devices inside the policy bundle as rule files of its own (`write_rule_files`), without the notes: whose a
device is, is nobody's business there. `policies` changes the register, since whoever changes it publishes the policy;
which USB devices were seen where is in `media`.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Connection, delete, insert, select

from collector import audit
from collector.devices import to_fact
from collector.errors import UsageError
from collector.store.schema import approved_media

MAX_APPROVED = 2_000
"""All of them travel in the policy, to every device."""
MAX_SERIAL_CHARACTERS = 128
MAX_NOTE_CHARACTERS = 200
RULE_FILE = "approved-media"
"""How the rule files of the register are called; a school's own file may not have such a name."""
APPROVED_A_FILE = 400
"""So that a file of the longest serials is not larger than a rule file may be."""

_USB_ID = re.compile(r"[0-9a-f]{4}")


@dataclass(frozen=True, slots=True, order=True)
class MediumKey:
    """What tells one USB device from another."""

    vendor_id: str
    """Four hexadecimal digits in lower case."""
    product_id: str
    serial: str
    """Case folded; empty when it tells none: then it is any device of its make."""

    @property
    def digest(self) -> str:
        """Names it in an address."""
        content = json.dumps([self.vendor_id, self.product_id, self.serial])
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def __str__(self) -> str:
        return f"{self.vendor_id}:{self.product_id}" + (f" {self.serial}" if self.serial else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One row of the register."""

    key: MediumKey
    note: str
    until: str
    """ISO date, the last day; empty: no end."""
    approved_by: str
    approved_at_ns: int

    def is_over(self, today: date) -> bool:
        """Return whether it has ended; the row stays until it is withdrawn."""
        return bool(self.until) and date.fromisoformat(self.until) < today


def find_key(vendor_id: str, product_id: str, serial: str) -> MediumKey | None:
    """Return what names a USB device in the register, or None when these are no ids."""
    if not (_USB_ID.fullmatch(vendor_id) and _USB_ID.fullmatch(product_id)):
        return None
    return MediumKey(
        vendor_id, product_id, to_fact(serial).casefold()[:MAX_SERIAL_CHARACTERS] if serial.strip() else ""
    )


def list_approved_media(connection: Connection, school_id: str) -> list[Approval]:
    """Return the register as it is inside a transaction, by ids."""
    table = approved_media.c
    query = select(approved_media).where(table.school_id == school_id)
    rows = connection.execute(query.order_by(table.vendor_id, table.product_id, table.serial))
    return [
        Approval(
            key=MediumKey(row.vendor_id, row.product_id, row.serial),
            note=row.note,
            until=row.until_date,
            approved_by=row.approved_by,
            approved_at_ns=row.approved_at_ns,
        )
        for row in rows
    ]


def put_in_register(
    connection: Connection, school_id: str, key: MediumKey, *, note: str, until: str, actor: str, now_ns: int
) -> None:
    """Put a USB device into the register, or change what stands there, in the transaction that publishes the policy.

    Raises:
        UsageError: it has no serial, the note or the day is not right, or the register is full.
    """
    note = note.strip()
    # The day in London is never behind this one: no day that is right is refused.
    _verify(key, note, until, today=datetime.fromtimestamp(now_ns // 10**9, UTC).date())
    row = {
        "school_id": school_id,
        "vendor_id": key.vendor_id,
        "product_id": key.product_id,
        "serial": key.serial,
        "note": note,
        "until_date": until,
        "approved_by": actor,
        "approved_at_ns": now_ns,
    }
    _remove(connection, school_id, key)
    if len(list_approved_media(connection, school_id)) >= MAX_APPROVED:
        raise UsageError(f"the register holds {MAX_APPROVED} devices already", hint="withdraw those that have ended")
    connection.execute(insert(approved_media).values(row))
    until_words = f", until {until}" if until else ""
    _record(connection, school_id, key, "medium.approved", f"{note}{until_words}", actor, now_ns)


def take_from_register(connection: Connection, school_id: str, key: MediumKey, *, actor: str, now_ns: int) -> None:
    """Take a USB device out of the register, in the transaction that publishes the policy without it.

    Raises:
        UsageError: it is not there.
    """
    if not _remove(connection, school_id, key):
        raise UsageError(f"{key} is not in the register", hint="list it: schoolwarden-collector media list")
    _record(connection, school_id, key, "medium.withdrawn", "", actor, now_ns)


def write_rule_files(approvals: Sequence[Approval]) -> dict[str, str]:
    """Return the register as rule files, by name: a `[[medium]]` for each device."""
    parts = [approvals[start : start + APPROVED_A_FILE] for start in range(0, len(approvals), APPROVED_A_FILE)]
    names = [f"{RULE_FILE}.toml", *(f"{RULE_FILE}-{number}.toml" for number in range(2, len(parts) + 1))]
    return {name: "\n".join(_to_toml(each) for each in part) for name, part in zip(names, parts, strict=False)}


def _to_toml(approval: Approval) -> str:
    fields = {
        "vendor_id": approval.key.vendor_id,
        "product_id": approval.key.product_id,
        "serial": approval.key.serial,
    } | ({"until": approval.until} if approval.until else {})
    return "[[medium]]\n" + "".join(f"{name} = {to_toml_string(value)}\n" for name, value in fields.items())


def to_toml_string(text: str) -> str:
    """Return text as a basic string of TOML. JSON escapes the same characters, but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _verify(key: MediumKey, note: str, until: str, *, today: date) -> None:
    if not key.serial:
        raise UsageError(
            "it tells no serial number, so it cannot be told from others of its make",
            hint="only a device with a serial number can be approved",
        )
    if not key.serial.isprintable():
        raise UsageError("its serial number has characters that cannot be seen", hint="it cannot be approved")
    if not note:
        raise UsageError("say whose it is or what it is for", hint="a few words, for the register")
    if len(note) > MAX_NOTE_CHARACTERS or not note.isprintable():
        raise UsageError(f"the note is not one line of up to {MAX_NOTE_CHARACTERS} characters")
    if until:
        try:
            is_right = date.fromisoformat(until).isoformat() == until
        except ValueError:
            is_right = False
        if not is_right:
            raise UsageError("the last day is not a day", hint="year, month and day: 2027-07-31")
        if date.fromisoformat(until) < today:
            raise UsageError(f"the last day, {until}, is over already", hint=f"today, {today}, or a later day")


def _remove(connection: Connection, school_id: str, key: MediumKey) -> bool:
    table = approved_media.c
    gone = connection.execute(
        delete(approved_media).where(
            table.school_id == school_id,
            table.vendor_id == key.vendor_id,
            table.product_id == key.product_id,
            table.serial == key.serial,
        )
    )
    return gone.rowcount > 0


def _record(
    connection: Connection, school_id: str, key: MediumKey, action: str, detail: str, actor: str, now_ns: int
) -> None:
    subject = f"medium/{key}"
    audit.record(connection, school_id, actor=actor, action=action, subject=subject, detail=detail, now_ns=now_ns)
