# SPDX-License-Identifier: Apache-2.0
"""Takes a list of machines into the school's own list, reports what became of each line, and matches who waits.

What is listed stays when a new file does not name it; it can be removed, unless a device was matched to it. A line
goes on for the row with the same host name and serial number, or for the one row that knew only one of the two.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, insert, update

from collector.audit import record
from collector.expected_devices.listing import ExpectedDevice, load_expected
from collector.expected_devices.matching import match_all
from collector.expected_devices.sheet import Entry, Refusal, Sheet, fold_hostname, read_sheet
from collector.store.engine import reading, writing
from collector.store.schema import expected_devices


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of a file."""

    taken: tuple[str, ...]
    """Host names, or else serial numbers, of machines that are new."""
    changed: tuple[str, ...]
    unchanged: int
    missing: tuple[str, ...]
    """Machines that are listed and not in the file."""
    removed: tuple[str, ...]
    """Those of them that were removed."""
    refused: tuple[Refusal, ...]
    confirmed: tuple[str, ...]
    """Ids of devices that waited and fit a line in host name and serial number."""
    is_dry_run: bool


def import_expected_devices(
    engine: Engine,
    school_id: str,
    content: bytes,
    *,
    actor: str,
    now_ns: int,
    removes_missing: bool = False,
    is_dry_run: bool = False,
) -> ImportReport:
    """Take the good lines of a file and report the others; a dry run reports only, and confirms nobody.

    Raises:
        UsageError: the file as a whole cannot be read: nothing of it is taken.
    """
    sheet = read_sheet(content)
    if is_dry_run:
        with reading(engine) as connection:
            plan = _plan(load_expected(connection, school_id), sheet, removes_missing)
        return _report(plan, sheet, (), is_dry_run)
    with writing(engine) as connection:
        plan = _plan(load_expected(connection, school_id), sheet, removes_missing)
        _carry_out(connection, school_id, plan, actor, now_ns)
        confirmed = match_all(connection, school_id, now_ns)
        report = _report(plan, sheet, tuple(confirmed), is_dry_run)
        detail = (
            f"{len(report.taken)} new, {len(report.changed)} changed, {report.unchanged} unchanged, "
            f"{len(report.removed)} removed, {len(report.refused)} refused, {len(confirmed)} devices confirmed; "
            f"SHA-256 {hashlib.sha256(content).hexdigest()}"
        )
        record(
            connection,
            school_id,
            actor=actor,
            action="devices.imported",
            subject="expected devices",
            detail=detail,
            now_ns=now_ns,
        )
    return report


@dataclass(frozen=True, slots=True)
class _Plan:
    new: list[Entry]
    changed: list[tuple[ExpectedDevice, Entry]]
    unchanged: int
    missing: list[ExpectedDevice]
    removed: list[ExpectedDevice]


def _plan(known: list[ExpectedDevice], sheet: Sheet, removes_missing: bool) -> _Plan:
    rows = {(fold_hostname(row.hostname), row.serial): row for row in known}
    named = {entry.key for entry in sheet.entries}
    new: list[Entry] = []
    changed: list[tuple[ExpectedDevice, Entry]] = []
    unchanged = 0
    for entry in sheet.entries:
        row = rows.pop(entry.key, None) or _take_lesser(rows, entry, named)
        if row is None:
            new.append(entry)
        elif (row.hostname, row.serial, row.asset, row.place) == _facts(entry):
            unchanged += 1
        else:
            changed.append((row, entry))
    missing = list(rows.values())
    removed = [row for row in missing if row.device_id is None] if removes_missing else []
    return _Plan(new, changed, unchanged, missing, removed)


def _take_lesser(
    rows: dict[tuple[str, str], ExpectedDevice], entry: Entry, named: set[tuple[str, str]]
) -> ExpectedDevice | None:
    """Take out the row of which this line knows more: it had the name only, or the serial number only."""
    hostname, serial = entry.key
    for key in ((hostname, ""), ("", serial)):
        if key in rows and key not in named:
            return rows.pop(key)
    return None


def _report(plan: _Plan, sheet: Sheet, confirmed: tuple[str, ...], is_dry_run: bool) -> ImportReport:
    return ImportReport(
        taken=tuple(entry.hostname or entry.serial for entry in plan.new),
        changed=tuple(entry.hostname or entry.serial for _, entry in plan.changed),
        unchanged=plan.unchanged,
        missing=tuple(row.hostname or row.serial for row in plan.missing),
        removed=tuple(row.hostname or row.serial for row in plan.removed),
        refused=sheet.refused,
        confirmed=confirmed,
        is_dry_run=is_dry_run,
    )


def _carry_out(connection: Connection, school_id: str, plan: _Plan, actor: str, now_ns: int) -> None:
    if plan.removed:
        its = expected_devices.c.expected_id == bindparam("its_id")
        connection.execute(delete(expected_devices).where(its), [{"its_id": row.id} for row in plan.removed])
    if plan.changed:
        its = expected_devices.c.expected_id == bindparam("its_id")
        values = [_to_values(entry) | {"its_id": row.id} for row, entry in plan.changed]
        connection.execute(update(expected_devices).where(its), values)
    if plan.new:
        place = {"school_id": school_id, "added_at_ns": now_ns, "added_by": actor}
        values = [_to_values(entry) | place | {"expected_id": secrets.token_hex(8)} for entry in plan.new]
        connection.execute(insert(expected_devices), values)


def _facts(entry: Entry) -> tuple[str, str, str, str]:
    return entry.hostname, entry.serial, entry.asset, entry.place


def _to_values(entry: Entry) -> dict[str, Any]:
    return {
        "hostname": entry.hostname,
        "folded_hostname": fold_hostname(entry.hostname),
        "serial": entry.serial,
        "asset": entry.asset,
        "place": entry.place,
    }
