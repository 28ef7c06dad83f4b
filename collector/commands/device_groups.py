# SPDX-License-Identifier: Apache-2.0
"""devices group: which devices belong together, for rules that speak of groups."""

import argparse
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows, with_times

if TYPE_CHECKING:
    from sqlalchemy import Connection


def add_group(actions: Any) -> None:
    """Add `group` to the actions of `devices`, with `list`, `add` and `remove`."""
    text = "groups of devices that rules speak of: list, add, remove"
    group = actions.add_parser("group", help=text, description=text).add_subparsers(required=True, metavar="ACTION")
    listed = add_command(group, "list", _list, "list the groups and the devices in them")
    listed.add_argument("name", nargs="?", default="", metavar="NAME", help="one group only")
    add_format(listed)
    add = add_command(group, "add", _add, "put devices into a group and publish the policy")
    remove = add_command(group, "remove", _remove, "take devices out of a group and publish the policy")
    for parser in (add, remove):
        parser.add_argument("name", metavar="NAME", help="of the group: small letters, digits and hyphens")
        parser.add_argument("devices", nargs="+", metavar="DEVICE", help="a device's id or its host name")
    for parser in (listed, add, remove):
        add_dir(parser)


def _list(options: argparse.Namespace) -> int:
    from collector.device_groups import list_members
    from collector.store.engine import reading

    config, engine = open_folder(options)
    with reading(engine) as connection:
        rows = [with_times(asdict(each)) for each in list_members(connection, config.school_id, options.name)]
    print_rows(rows, options.format, "there is no such group" if options.name else "there is no group of devices")
    return 0


def _add(options: argparse.Namespace) -> int:
    from collector.device_groups import add_to_group

    return _publish(options, add_to_group, f"devices into the group {options.name}")


def _remove(options: argparse.Namespace) -> int:
    from collector.device_groups import list_members, remove_from_group
    from collector.store.engine import reading

    code = _publish(options, remove_from_group, f"devices out of the group {options.name}")
    config, engine = open_folder(options)
    with reading(engine) as connection:
        if not list_members(connection, config.school_id, options.name):
            sys.stderr.write(f"Nobody is left in {options.name}: a rule for this group now counts on every device.\n")
    return code


def _publish(options: argparse.Namespace, change: Any, reason: str) -> int:
    from collector.policies import publish_change
    from proto.keys import load_signer

    config, engine = open_folder(options)
    now_ns = time.time_ns()

    def carry_out(connection: "Connection") -> None:
        change(connection, config.school_id, options.name, options.devices, actor=COMMAND_LINE, now_ns=now_ns)

    signer = load_signer(config.signing_key)
    version = publish_change(
        engine, config.school_id, signer, carry_out, actor=COMMAND_LINE, reason=reason, now_ns=now_ns
    )
    sys.stderr.write(f"Policy version {version} is published; connected devices get it within seconds.\n")
    return 0
