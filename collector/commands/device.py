# SPDX-License-Identifier: Apache-2.0
"""device: what is decided about one of them. The list, and the school's own, are in `devices`."""

import argparse
import json
import sys
import time
from typing import Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows, with_times
from collector.errors import UsageError

METHODS = ("recycled", "sold", "donated", "returned", "destroyed", "lost")
"""As `collector.disposals` has them; written out, so that --help does not wait for a database library."""


def add_device(commands: Any) -> None:
    """Add `device`, with `confirm`, `revoke`, `resets`, `retire` and `receipt`."""
    text = "one device: confirm it, revoke it, retire it"
    actions = commands.add_parser("device", help=text, description=text).add_subparsers(required=True, metavar="ACTION")
    confirm = add_command(actions, "confirm", _confirm, "confirm that a device that waits is one of the school's")
    confirm.add_argument(
        "--same-machine",
        action="store_true",
        help="it is the machine that it goes on for, set back: that one is revoked, and its history linked",
    )
    revoke = add_command(actions, "revoke", _revoke, "take a device's right to speak away; what it said stays")
    resets = add_command(actions, "resets", _resets, "declare that a machine is set back to an image now and then")
    retire = add_command(actions, "retire", _retire, "record that the school gave a device away, and how")
    receipt = add_command(actions, "receipt", _receipt, "print the signed record of a device that was retired")
    for parser in (confirm, revoke, resets, retire, receipt):
        parser.add_argument("id", metavar="ID", help="its id, as `devices` lists it")
        add_dir(parser)
    resets.add_argument("state", choices=("on", "off"), metavar="on|off")
    resets.add_argument("--why", required=True, metavar="TEXT", help="for whoever reads the audit log")
    _add_account(retire)
    add_format(receipt)


def _add_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", required=True, choices=METHODS, metavar="METHOD", help=", ".join(METHODS))
    parser.add_argument("--receiver", default="", metavar="WHO", help="who has it now")
    parser.add_argument("--receipt", default="", metavar="NUMBER", help="of the receiver's receipt, which you keep")
    wiped = parser.add_mutually_exclusive_group(required=True)
    wiped.add_argument("--wiped", metavar="HOW", help="how its disks were wiped")
    wiped.add_argument("--not-wiped", metavar="WHY", help="why they were not")


def _confirm(options: argparse.Namespace) -> int:
    from collector.confirmation import confirm_device, replace_former

    config, engine = open_folder(options)
    decide = replace_former if options.same_machine else confirm_device
    decide(engine, config.school_id, options.id, actor=COMMAND_LINE, now_ns=time.time_ns())
    sys.stderr.write(f"Device {options.id} is confirmed.\n")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    from collector.enrolment import revoke_device

    config, engine = open_folder(options)
    revoke_device(engine, config.school_id, options.id, now_ns=time.time_ns(), actor=COMMAND_LINE)
    sys.stderr.write(f"Device {options.id} is revoked; if it is connected, it is cut off within seconds.\n")
    return 0


def _resets(options: argparse.Namespace) -> int:
    from collector.confirmation import declare_resets

    config, engine = open_folder(options)
    is_on = options.state == "on"
    declare_resets(
        engine,
        config.school_id,
        options.id,
        is_on=is_on,
        why=options.why,
        actor=COMMAND_LINE,
        now_ns=time.time_ns(),
    )
    sys.stderr.write(f"Device {options.id} is {'' if is_on else 'not '}expected to be set back now and then.\n")
    return 0


def _retire(options: argparse.Namespace) -> int:
    from collector.disposals import Account, Method, retire_device
    from proto.keys import load_signer

    config, engine = open_folder(options)
    account = Account(
        method=Method(options.method),
        receiver=options.receiver,
        receipt=options.receipt,
        is_wiped=options.wiped is not None,
        wiped_how=options.wiped if options.wiped is not None else options.not_wiped,
    )
    signer = load_signer(config.signing_key)
    now_ns = time.time_ns()
    retire_device(engine, config.school_id, options.id, account, signer=signer, actor=COMMAND_LINE, now_ns=now_ns)
    sys.stderr.write(f"Device {options.id} is retired. Its record: schoolwarden-collector device receipt\n")
    return 0


def _receipt(options: argparse.Namespace) -> int:
    from collector.disposals import make_receipt
    from proto.keys import load_signer

    config, engine = open_folder(options)
    signer = load_signer(config.signing_key)
    receipt = make_receipt(engine, config.school_id, config.school_name, options.id, signer=signer)
    if receipt is None:
        raise UsageError(f"there is no retired device {options.id}", hint="list them: schoolwarden-collector devices")
    if options.format == "json":
        sys.stdout.write(json.dumps(receipt, indent=1) + "\n")
        return 0
    # The signatures are for programs; what is printed as text is for reading.
    fields = receipt["machine"] | {name: value for name, value in receipt["disposal"].items() if name != "signature"}
    rows = [{"field": name, "value": value} for name, value in with_times(fields).items()]
    print_rows(rows, options.format, "")
    return 0
