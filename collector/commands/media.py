# SPDX-License-Identifier: Apache-2.0
"""media: which USB devices were seen, and the register of those that the school approved."""

import argparse
import sys
import time
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows, with_times
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.approved_media import MediumKey
    from collector.media import Medium


def add_media(commands: Any) -> None:
    """Add `media`, with `list`, `approve` and `withdraw`."""
    text = "the USB devices that were seen, and the register of those that are approved"
    actions = commands.add_parser("media", help=text, description=text).add_subparsers(required=True, metavar="ACTION")
    listed = add_command(actions, "list", _list, "list the USB devices that were seen or are approved")
    listed.add_argument("--approved", action="store_true", help="the register only")
    add_format(listed)
    approve = add_command(actions, "approve", _approve, "put a USB device into the register and publish the policy")
    approve.add_argument("--note", required=True, metavar="TEXT", help="whose it is or what it is for")
    approve.add_argument("--until", default="", metavar="DAY", help="the last day: 2027-07-31 (default: no end)")
    withdraw = add_command(
        actions, "withdraw", _withdraw, "take a USB device out of the register and publish the policy"
    )
    for parser in (approve, withdraw):
        parser.add_argument("ids", metavar="VENDOR:PRODUCT", help="as `media list` shows it: 0951:1666")
        parser.add_argument("--serial", required=True, metavar="TEXT", help="its serial number, in any case")
    for parser in (listed, approve, withdraw):
        add_dir(parser)


def _list(options: argparse.Namespace) -> int:
    from collector.console.clock import find_zone
    from collector.media import list_media

    config, engine = open_folder(options)
    found = [each for each in list_media(engine, config.school_id) if each.approval or not options.approved]
    shown = ("ids", "serial", "vendor", "product", "protection", "devices", "last_seen_at", "approved_until", "note")
    today = datetime.now(find_zone()).date()
    rows = [_to_row(each, today) for each in found]
    if options.format == "text":
        rows = [row | {"devices": len(row["devices"]), "approved_until": _name_end(row)} for row in rows]
    print_rows(rows, options.format, "no USB device was seen or approved", shown)
    return 0


def _name_end(row: dict[str, Any]) -> str:
    return f"{row['approved_until']}, ended" if row["has_ended"] else str(row["approved_until"])


def _to_row(medium: "Medium", today: date) -> dict[str, Any]:
    approval = medium.approval
    row = {
        "ids": f"{medium.key.vendor_id}:{medium.key.product_id}",
        "serial": medium.key.serial,
        "vendor": medium.vendor,
        "product": medium.product,
        "form": medium.form,
        "protection": medium.protection,
        "protection_by": medium.protection_by,
        "devices": list(medium.hostnames),
        "last_seen_at_ns": medium.last_seen_at_ns,
        "written_at_ns": medium.written_at_ns,
        "is_approved": approval is not None,
        "approved_until": "" if approval is None else approval.until or "no end",
        "has_ended": approval is not None and approval.is_over(today),
        "note": approval.note if approval else "",
        "approved_by": approval.approved_by if approval else "",
    }
    known = {name: value for name, value in row.items() if not (name.endswith("_at_ns") and value is None)}
    never = {name.removesuffix("_ns"): "" for name in row if name not in known}
    return with_times(known) | never


def _approve(options: argparse.Namespace) -> int:
    from collector.policies import approve_medium
    from proto.keys import load_signer

    key = _read_key(options)
    config, engine = open_folder(options)
    version = approve_medium(
        engine,
        config.school_id,
        load_signer(config.signing_key),
        key,
        note=options.note,
        until=options.until,
        actor=COMMAND_LINE,
        now_ns=time.time_ns(),
    )
    _announce(version)
    return 0


def _withdraw(options: argparse.Namespace) -> int:
    from collector.policies import withdraw_medium
    from proto.keys import load_signer

    key = _read_key(options)
    config, engine = open_folder(options)
    signer = load_signer(config.signing_key)
    _announce(withdraw_medium(engine, config.school_id, signer, key, actor=COMMAND_LINE, now_ns=time.time_ns()))
    return 0


def _announce(version: int) -> None:
    sys.stderr.write(f"Policy version {version} is published; connected devices get it within seconds.\n")


def _read_key(options: argparse.Namespace) -> "MediumKey":
    from collector.approved_media import find_key

    vendor_id, _, product_id = options.ids.lower().partition(":")
    key = find_key(vendor_id, product_id, options.serial)
    if key is None:
        raise UsageError(f"{options.ids!r:.80} does not name a USB device", hint="vendor and product: 0951:1666")
    return key
