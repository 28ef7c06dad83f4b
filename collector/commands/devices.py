# SPDX-License-Identifier: Apache-2.0
"""devices: all of them, the school's own list of its machines, and those that wait to be confirmed. Groups of them are
in `device_groups`."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.device_groups import add_group
from collector.commands.output import print_rows, with_times
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.confirmation import Waiting
    from collector.devices import Device
    from collector.expected_devices import ImportReport


def add_devices(commands: Any) -> None:
    """Add `devices`, which lists them, with `import`, `expected`, `pending`, `confirm` and `group`."""
    devices = add_command(commands, "devices", _list, "list the devices, or see to the school's own list of them")
    # Not required here: each action has its own.
    devices.add_argument("--dir", type=Path, metavar="D", help="the collector's folder")
    devices.set_defaults(refuse=devices.error)
    add_format(devices)
    actions = devices.add_subparsers(metavar="ACTION")
    taken = add_command(
        actions, "import", _import, "take a CSV file of the school's machines; exit code 1 when lines were refused"
    )
    taken.add_argument("file", type=Path, metavar="FILE", help="UTF-8, with the columns hostname, serial, asset, place")
    taken.add_argument("--dry-run", action="store_true", help="report only")
    taken.add_argument(
        "--missing",
        choices=("list", "remove"),
        help="name the machines that are not in the file, or take them off the list unless a device was matched",
    )
    expected = add_command(actions, "expected", _expected, "list the school's own list, with what was matched")
    pending = add_command(actions, "pending", _pending, "list the devices that wait to be confirmed, with what fits")
    confirm = add_command(actions, "confirm", _confirm, "confirm many at once; one: `device confirm ID`")
    confirm.add_argument(
        "--listed", action="store_true", required=True, help="all that fit exactly one free row of the list"
    )
    add_group(actions)
    for parser in (taken, expected, pending, confirm):
        add_dir(parser)
        add_format(parser)


def _list(options: argparse.Namespace) -> int:
    from collector.devices import list_devices

    if options.dir is None:
        options.refuse("the following arguments are required: --dir")
    config, engine = open_folder(options)
    now_ns = time.time_ns()
    rows = [_to_row(device, now_ns) for device in list_devices(engine, config.school_id)]
    shown = ("id", "hostname", "state", "os_version", "last_seen_at", "open_incidents")
    print_rows(rows, options.format, "no device has enrolled yet", shown)
    return 0


def _to_row(device: "Device", now_ns: int) -> dict[str, Any]:
    return with_times(asdict(device)) | {
        "not_watched": list(device.not_watched),
        "is_quiet": device.is_quiet(now_ns),
        "is_unconfirmed": device.is_unconfirmed,
    }


def _import(options: argparse.Namespace) -> int:
    from collector.expected_devices import MAX_BYTES, import_expected_devices

    try:
        with options.file.open("rb") as opened:
            # One more than is taken shows that it is too large.
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{options.file} cannot be read: {error.strerror}") from error
    config, engine = open_folder(options)
    report = import_expected_devices(
        engine,
        config.school_id,
        content,
        actor=COMMAND_LINE,
        now_ns=time.time_ns(),
        removes_missing=options.missing == "remove",
        is_dry_run=options.dry_run,
    )
    _print_report(report, options.format, lists_missing=options.missing is not None)
    return 1 if report.refused else 0


def _print_report(report: "ImportReport", format: str, *, lists_missing: bool) -> None:
    refused = [
        {"line": each.line, "column": each.column, "reason": each.reason, "right": each.hint} for each in report.refused
    ]
    if format == "json":
        sys.stdout.write(json.dumps(asdict(report) | {"refused": refused}, indent=1) + "\n")
        return
    sys.stderr.write(
        f"{len(report.taken)} new, {len(report.changed)} changed, {report.unchanged} unchanged, "
        f"{len(report.refused)} refused; {len(report.missing)} machines are not in the file; "
        f"{len(report.confirmed)} devices confirmed by it\n"
    )
    if report.is_dry_run:
        sys.stderr.write("This was a dry run: nothing is changed.\n")
    if lists_missing:
        print_rows([{"missing": each} for each in report.missing], format, "no machine is missing")
    if refused:
        print_rows(refused, format, "")


def _expected(options: argparse.Namespace) -> int:
    from collector.expected_devices import list_expected

    config, engine = open_folder(options)
    found = list_expected(engine, config.school_id)
    matched = sum(not each.is_free for each in found)
    sys.stderr.write(f"{len(found)} machines are listed, {matched} of them are matched\n")
    rows = [with_times(asdict(each)) | {"device": each.device_id, "is_free": each.is_free} for each in found]
    shown = [{**row, "device": f"{row['device']} ({row['device_state']})" if row["device"] else "-"} for row in rows]
    columns = ("hostname", "serial", "asset", "place", "device")
    print_rows(rows if options.format == "json" else shown, options.format, "no list was imported yet", columns)
    return 0


def _pending(options: argparse.Namespace) -> int:
    from collector.confirmation import list_waiting

    config, engine = open_folder(options)
    now_ns = time.time_ns()
    rows = [_to_waiting(each, now_ns) for each in list_waiting(engine, config.school_id)]
    columns = ("id", "hostname", "serial", "product", "succession", "listed")
    print_rows(rows, options.format, "no device waits to be confirmed", columns)
    return 0


def _to_waiting(waiting: "Waiting", now_ns: int) -> dict[str, Any]:
    fits = [
        {
            "expected": fit.row.id,
            "hostname": fit.row.hostname,
            "serial": fit.row.serial,
            "asset": fit.row.asset,
            "place": fit.row.place,
            "has_hostname": fit.has_hostname,
            "has_serial": fit.has_serial,
            "is_contradicted": fit.is_contradicted,
        }
        for fit in waiting.fits
    ]
    listed = waiting.listed.row.hostname or waiting.listed.row.serial if waiting.listed else ""
    return _to_row(waiting.device, now_ns) | {"fits": fits, "listed": listed}


def _confirm(options: argparse.Namespace) -> int:
    from collector.confirmation import confirm_listed

    config, engine = open_folder(options)
    now_ns = time.time_ns()
    confirmed = confirm_listed(engine, config.school_id, actor=COMMAND_LINE, now_ns=now_ns)
    rows = [{"id": device.id, "hostname": device.hostname} for device in confirmed]
    print_rows(rows, options.format, "no waiting device fits the list; look at them: devices pending")
    return 0
