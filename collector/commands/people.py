# SPDX-License-Identifier: Apache-2.0
"""token, device and user: who may enrol a device, which may speak no more, who may sign in."""

import argparse
import re
import sys
import time
from typing import Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows
from collector.config import Addresses, load_addresses
from collector.errors import UsageError
from collector.roles import Role

_UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def add_token(commands: Any) -> None:
    """Add `token`."""
    parser = add_command(commands, "token", _token, "make an enrolment token; prints it and nothing else on stdout")
    add_dir(parser)
    parser.add_argument("--uses", type=int, required=True, metavar="N", help="for how many devices")
    parser.add_argument("--valid-for", type=_duration, required=True, metavar="7d", help="m, h, d or w; up to 90 days")
    parser.add_argument("--address", metavar="HOST", help="the name or address that devices reach this collector under")


def _token(options: argparse.Namespace) -> int:
    from collector.addresses import is_any, join_address, split_address, to_host
    from collector.authority import load_authority
    from collector.enrolment import make_token

    config, engine = open_folder(options)
    served = load_addresses(options.dir)
    if served is None:
        raise UsageError("this collector was never served, so it has no address", hint="serve it once first")
    hosts = [split_address(address)[0] for address in (served.grpc, served.enrol)]
    if options.address is not None:
        hosts = [to_host(options.address)] * 2
    elif any(is_any(host) for host in hosts):
        raise UsageError(f"devices cannot reach {hosts[0]}", hint="--address HOST: this machine's name or address")
    addresses = Addresses(
        grpc=join_address(hosts[0], split_address(served.grpc)[1]),
        enrol=join_address(hosts[1], split_address(served.enrol)[1]),
    )
    authority = load_authority(config.authority_folder)
    text = make_token(
        engine,
        config,
        authority,
        addresses,
        uses=options.uses,
        valid_for_ns=options.valid_for * 10**9,
        now_ns=time.time_ns(),
        actor=COMMAND_LINE,
    )
    sys.stdout.write(text + "\n")
    return 0


def _duration(text: str) -> int:
    """Return seconds."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: write 30m, 12h, 7d or 2w")
    return int(found[1]) * _UNITS_S[found[2]]


def add_device(commands: Any) -> None:
    """Add `device`, with `revoke`."""
    parser = commands.add_parser("device", help="one device: revoke it", description="one device: revoke it")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    revoke = add_command(actions, "revoke", _device_revoke, "take a device's right to speak away; what it said stays")
    revoke.add_argument("id", metavar="ID", help="its id, as `devices` lists it")
    add_dir(revoke)


def _device_revoke(options: argparse.Namespace) -> int:
    from collector.enrolment import revoke_device

    config, engine = open_folder(options)
    revoke_device(engine, config.school_id, options.id, now_ns=time.time_ns(), actor=COMMAND_LINE)
    sys.stderr.write(f"Device {options.id} is revoked; if it is connected, it is cut off within seconds.\n")
    return 0


def add_user(commands: Any) -> None:
    """Add `user`, with `add`, `roles`, `reset`, `reset-second-factor` and `list`."""
    parser = commands.add_parser("user", help="the people who may sign in", description="the people who may sign in")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add = add_command(actions, "add", _user_add, "add a user; prints the one-time password")
    add.add_argument("name", metavar="NAME", help="2 to 64 of a-z, 0-9, dot, dash and underscore")
    add.add_argument("--role", action="append", required=True, metavar="ROLE", help="one of: " + ", ".join(Role))
    add_dir(add)
    roles = add_command(actions, "roles", _user_roles, "give a user these roles instead of the ones held before")
    roles.add_argument("name", metavar="NAME", help="a user")
    roles.add_argument("--role", action="append", required=True, metavar="ROLE", help="one of: " + ", ".join(Role))
    add_dir(roles)
    reset = add_command(actions, "reset", _user_reset, "give a user a new one-time password and print it")
    reset.add_argument("name", metavar="NAME", help="2 to 64 of a-z, 0-9, dot, dash and underscore")
    add_dir(reset)
    code = add_command(actions, "reset-second-factor", _user_reset_second_factor, "let a user set up a new telephone")
    code.add_argument("name", metavar="NAME", help="a user who has lost the old one; make sure who asks")
    add_dir(code)
    listed = add_command(actions, "list", _user_list, "list the users")
    add_dir(listed)
    add_format(listed)


def _user_add(options: argparse.Namespace) -> int:
    from collector.users import add_user

    roles = _read_roles(options.role)
    config, engine = open_folder(options)
    password = add_user(engine, config.school_id, options.name, roles, time.time_ns(), actor=COMMAND_LINE)
    sys.stderr.write(f"{options.name} may sign in as {' and '.join(sorted(roles))}, with this one-time password:\n")
    sys.stdout.write(password + "\n")
    return 0


def _user_roles(options: argparse.Namespace) -> int:
    from collector.users import change_roles

    roles = _read_roles(options.role)
    config, engine = open_folder(options)
    change_roles(engine, config.school_id, options.name, roles, time.time_ns(), actor=COMMAND_LINE)
    sys.stderr.write(f"{options.name} is now {' and '.join(sorted(roles))}, and signed out.\n")
    return 0


def _read_roles(names: list[str]) -> set[Role]:
    for unknown in sorted(set(names) - set(Role)):
        raise UsageError(f"there is no role {unknown!r}", hint=f"roles: {', '.join(Role)}")
    return {Role(name) for name in names}


def _user_reset(options: argparse.Namespace) -> int:
    from collector.users import reset_password

    config, engine = open_folder(options)
    sys.stdout.write(reset_password(engine, config.school_id, options.name, time.time_ns(), actor=COMMAND_LINE) + "\n")
    return 0


def _user_reset_second_factor(options: argparse.Namespace) -> int:
    from collector.users import reset_second_factor

    config, engine = open_folder(options)
    reset_second_factor(engine, config.school_id, options.name, time.time_ns(), actor=COMMAND_LINE)
    sys.stderr.write(f"{options.name} is signed out and sets up a new second factor at the next sign-in.\n")
    return 0


def _user_list(options: argparse.Namespace) -> int:
    from collector.users import list_users

    config, engine = open_folder(options)
    users = [
        {
            "name": user.name,
            "roles": sorted(user.roles),
            "must_change_password": user.must_change_password,
            "disabled": user.is_disabled,
            "second_factor": user.has_second_factor,
        }
        for user in list_users(engine, config.school_id)
    ]
    print_rows(users, options.format, "nobody")
    return 0
