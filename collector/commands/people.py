# SPDX-License-Identifier: Apache-2.0
"""user: who may sign in."""

import argparse
import sys
import time
from typing import Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows
from collector.errors import UsageError
from collector.roles import Role


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
