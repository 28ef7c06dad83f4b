# SPDX-License-Identifier: Apache-2.0
"""inventory: what the school's devices are made of and what is installed on them, for people and for other programs."""

import argparse
import sys
from dataclasses import asdict, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import add_command, add_dir, open_folder
from collector.commands.output import print_csv, print_rows, with_times
from collector.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

FIRST_YEAR, LAST_YEAR = 1970, 2200
NOTHING_LISTED = "no device has listed its software: the policy may not ask for it"


def add_inventory(commands: Any) -> None:
    """Add `inventory`, with `software`, `hardware`, `changes` and `export`."""
    text = "what the devices are made of and what is installed on them"
    actions = commands.add_parser("inventory", help=text, description=text).add_subparsers(
        required=True, metavar="ACTION"
    )
    software = add_command(actions, "software", _software, "list the installed software of the school, or of a device")
    hardware = add_command(
        actions, "hardware", _hardware, "list what the devices are made of; of one device, how it changed as well"
    )
    changes = add_command(actions, "changes", _changes, "list what was installed, updated and removed since a day")
    changes.add_argument("--since", required=True, metavar="DAY", help="2026-11-01: from the beginning of that day")
    for parser in (software, hardware, changes):
        parser.add_argument(
            "--format", choices=("text", "json", "csv"), default="text", help="how to print (default: text)"
        )
    export = add_command(actions, "export", _export, "write the inventory as a bill of materials")
    export.add_argument("--format", choices=("cyclonedx",), default="cyclonedx", help="CycloneDX 1.6 in JSON")
    export.add_argument("-o", dest="file", type=Path, metavar="FILE", help="where to (default: stdout)")
    for parser in (software, hardware, changes, export):
        parser.add_argument("--device", metavar="ID", help="of one device only")
        add_dir(parser)


def _software(options: argparse.Namespace) -> int:
    from collector.inventory import Installed, SchoolProgram, list_installed, list_programs, list_states

    config, engine = open_folder(options)
    if options.device:
        _verify_device(engine, config.school_id, options.device)
        found = list_installed(engine, config.school_id, options.device)
        rows = [with_times(asdict(each)) for each in found]
    else:
        programs = [asdict(each) for each in list_programs(engine, config.school_id)]
        rows = programs if options.format == "json" else [_flatten(each) for each in programs]
    states = [each for each in list_states(engine, config.school_id) if options.device in (None, each.device)]
    unknown = [each.hostname or each.device for each in states if each.listed_at_ns is None]
    if unknown:
        sys.stderr.write(f"Not known of {len(unknown)} of {len(states)} devices, which have sent no list.\n")
    left_out = sum(each.left_out for each in states)
    if left_out:
        sys.stderr.write(f"{left_out} programs are left out: a device listed more than is kept.\n")
    _print(rows, options.format, NOTHING_LISTED, _name_columns(Installed if options.device else SchoolProgram))
    return 0


def _flatten(program: dict[str, Any]) -> dict[str, Any]:
    versions = ", ".join(f"{version or 'no version'} ({count})" for version, count in program["versions"].items())
    return {**program, "versions": versions}


def _hardware(options: argparse.Namespace) -> int:
    from collector.hardware import Hardware, list_hardware, list_versions

    config, engine = open_folder(options)
    if options.device:
        _verify_device(engine, config.school_id, options.device)
        found = list_versions(engine, config.school_id, options.device)
    else:
        found = list_hardware(engine, config.school_id)
    rows = []
    for each in found:
        row = _with_since(asdict(each))
        if options.format != "json":
            row["disks"] = "; ".join(_name_disk(disk) for disk in row["disks"])
        rows.append(row)
    shown = ("hostname", "manufacturer", "product", "serial", "processor", "memory_bytes", "disks", "since_at")
    _print(
        rows,
        options.format,
        "no device has said what it is made of: the policy may not ask for it",
        _name_columns(Hardware),
        shown,
    )
    return 0


def _with_since(row: dict[str, Any]) -> dict[str, Any]:
    return with_times({"since_at_ns" if name == "since_ns" else name: value for name, value in row.items()})


def _name_disk(disk: dict[str, Any]) -> str:
    from collector.summaries import show_bytes

    named = (disk["model"], disk["technology"], show_bytes(disk["size_bytes"]), disk["serial"])
    return " ".join(each for each in named if each)


def _changes(options: argparse.Namespace) -> int:
    from collector.inventory import Change, list_changes

    since_ns = _read_day(options.since)
    config, engine = open_folder(options)
    if options.device:
        _verify_device(engine, config.school_id, options.device)
    found = list_changes(engine, config.school_id, since_ns=since_ns, device_id=options.device)
    rows = [with_times(asdict(each) | {"what": each.what.value}) for each in found]
    shown = ("heard_at", "hostname", "what", "source", "name", "before", "after")
    _print(rows, options.format, "nothing changed, as far as devices told", _name_columns(Change), shown)
    return 0


def _read_day(text: str) -> int:
    from collector.console.clock import find_zone

    try:
        day = date.fromisoformat(text)
        if day.isoformat() != text or not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError(text)
        at = datetime(day.year, day.month, day.day, tzinfo=find_zone())
        return int(at.astimezone(UTC).timestamp()) * 10**9
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{text!r:.80} is not a day", hint="year, month and day, from 1970 to 2200: 2026-11-01"
        ) from error


def _verify_device(engine: "Engine", school_id: str, device_id: str) -> None:
    from collector.devices import find_device

    if find_device(engine, school_id, device_id) is None:
        raise UsageError(f"there is no device {device_id!r:.80}", hint="list them: schoolwarden-collector devices")


def _name_columns(kind: type) -> tuple[str, ...]:
    """Return what the columns of such rows are called, also when there are none."""
    return tuple(_with_since({each.name: 0 for each in fields(kind)}))


def _print(
    rows: list[dict[str, Any]], format: str, empty: str, columns: tuple[str, ...], shown: tuple[str, ...] = ()
) -> None:
    """Print rows; a table for people has the columns `shown`, a file has all."""
    if format == "csv":
        print_csv(rows, empty, columns)
    else:
        print_rows(rows, format, empty, shown)


def _export(options: argparse.Namespace) -> int:
    from collector.bill_of_materials import make_bill
    from collector.console.rendering import find_version
    from proto.files import write_private

    if options.file is not None and not options.file.parent.is_dir():
        raise UsageError(f"there is no folder {options.file.parent}", hint="make it first")
    if options.file is not None and options.file.is_dir():
        raise UsageError(f"{options.file} is a folder", hint=f"name a file: -o {options.file / 'inventory.json'}")
    config, engine = open_folder(options)
    text = make_bill(engine, config.school_id, config.school_name, version=find_version(), device_id=options.device)
    if options.file is None:
        sys.stdout.write(text)
    else:
        write_private(options.file, text.encode())
        sys.stderr.write(f"The bill of materials is in {options.file}.\n")
    return 0
