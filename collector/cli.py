# SPDX-License-Identifier: Apache-2.0
"""The command `schoolwarden-collector`. Only `main` prints and decides how a command ends.

stdout is data, stderr is talk. Exit codes: 0 good, 1 a finding, 2 a wrong call, 3 an environment that does not work.
It runs as the operator and shows no incident of another audience than security.
"""

import argparse
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collector.config import DEFAULT_ENROL, DEFAULT_GRPC, DEFAULT_HTTP, Addresses, load_addresses, load_config
from collector.errors import UsageError
from proto.errors import SchoolwardenError

VERSION = "0.1.0"
COMMAND_LINE = "command line"
_UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        code: int = options.command(options)
        return code
    except SchoolwardenError as error:
        sys.stderr.write(f"schoolwarden-collector: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"  {error.hint}\n")
        if options.verbose:
            logging.exception("in full")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has enough; the descriptor must go or the interpreter complains at exit.
        sys.stderr.close()
        return 0
    except OSError as error:
        sys.stderr.write(f"schoolwarden-collector: {error}\n")
        return 3
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="schoolwarden-collector",
        description="Receives what the school's machines report, keeps it as evidence, and raises incidents.",
    )
    parser.add_argument("--version", action="version", version=f"schoolwarden-collector {VERSION}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_init, _add_serve, _add_token, _add_user, _add_lists, _add_verify, _add_rules, _add_migrate):
        add(commands)
    return parser


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    parser.set_defaults(command=run)
    return parser


def _add_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", type=Path, required=True, metavar="D", help="the collector's folder")


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")


def _open(options: argparse.Namespace) -> tuple[Any, Any]:
    """Return config and engine of the folder that a command names."""
    from collector.store.engine import open_checked_engine

    config = load_config(options.dir)
    return config, open_checked_engine(config)


# init, serve, migrate


def _add_init(commands: Any) -> None:
    parser = _command(
        commands, "init", _init, "make a new collector; prints the first administrator's one-time password"
    )
    _add_dir(parser)
    parser.add_argument(
        "--school", default="Our school", metavar="NAME", help="the school's name (default: Our school)"
    )
    parser.add_argument(
        "--database", default="", metavar="URL", help="postgresql+psycopg://... (default: an encrypted file in D)"
    )


def _init(options: argparse.Namespace) -> int:
    from collector.setup import FIRST_ADMINISTRATOR, initialise

    password = initialise(options.dir, database=options.database, school_name=options.school)
    sys.stderr.write(
        f"A collector for {options.school} is in {options.dir}. First administrator: {FIRST_ADMINISTRATOR}, "
        "with this one-time password:\n"
    )
    sys.stdout.write(password + "\n")
    sys.stdout.flush()
    sys.stderr.write(f"Next: schoolwarden-collector serve --dir {options.dir}\n")
    return 0


def _add_serve(commands: Any) -> None:
    parser = _command(commands, "serve", _serve, "serve devices and the console until told to stop")
    _add_dir(parser)
    parser.add_argument(
        "--grpc", metavar="HOST:PORT", help=f"where devices send events (default: as last, or {DEFAULT_GRPC})"
    )
    parser.add_argument(
        "--enrol", metavar="HOST:PORT", help=f"where devices enrol (default: as last, or {DEFAULT_ENROL})"
    )
    parser.add_argument(
        "--http",
        metavar="HOST:PORT",
        help=f"the console (default: as last, or {DEFAULT_HTTP}); with TLS unless on loopback",
    )


def _serve(options: argparse.Namespace) -> int:
    from collector.addresses import split_address
    from collector.app import serve, to_json

    config = load_config(options.dir)
    last = load_addresses(options.dir) or Addresses()
    addresses = Addresses(options.grpc or last.grpc, options.enrol or last.enrol, options.http or last.http)
    for address in (addresses.grpc, addresses.enrol, addresses.http):
        split_address(address)

    def announce(served: Addresses) -> None:
        sys.stdout.write(to_json(served) + "\n")
        sys.stdout.flush()
        sys.stderr.write(f"Serving {config.school_name}. Stop with Ctrl-C.\n")

    serve(config, addresses, announce)
    return 0


def _add_migrate(commands: Any) -> None:
    parser = _command(commands, "migrate", _migrate, "bring the database to this version's schema; back it up first")
    _add_dir(parser)


def _migrate(options: argparse.Namespace) -> int:
    from collector.store.engine import find_schema_version, migrate, open_engine

    engine = open_engine(load_config(options.dir))
    migrate(engine)
    sys.stderr.write(f"The database has schema {find_schema_version(engine)}.\n")
    return 0


# token, user


def _add_token(commands: Any) -> None:
    parser = _command(commands, "token", _token, "make an enrolment token; prints it and nothing else on stdout")
    _add_dir(parser)
    parser.add_argument("--uses", type=int, required=True, metavar="N", help="for how many devices")
    parser.add_argument("--valid-for", type=_duration, required=True, metavar="7d", help="m, h, d or w; up to 90 days")
    parser.add_argument("--address", metavar="HOST", help="the name or address that devices reach this collector under")


def _token(options: argparse.Namespace) -> int:
    from collector.addresses import is_any, join_address, split_address
    from collector.authority import load_authority
    from collector.enrolment import make_token

    config, engine = _open(options)
    served = load_addresses(options.dir)
    if served is None:
        raise UsageError("this collector was never served, so it has no address", hint="serve it once first")
    hosts = [split_address(address)[0] for address in (served.grpc, served.enrol)]
    if options.address is None and any(is_any(host) for host in hosts):
        raise UsageError(f"devices cannot reach {hosts[0]}", hint="--address HOST: this machine's name or address")
    host = options.address
    addresses = Addresses(
        grpc=join_address(host or hosts[0], split_address(served.grpc)[1]),
        enrol=join_address(host or hosts[1], split_address(served.enrol)[1]),
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
    )
    sys.stdout.write(text + "\n")
    return 0


def _duration(text: str) -> int:
    """Return seconds."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: write 30m, 12h, 7d or 2w")
    return int(found[1]) * _UNITS_S[found[2]]


def _add_user(commands: Any) -> None:
    parser = commands.add_parser("user", help="the people who may sign in", description="the people who may sign in")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add = _command(actions, "add", _user_add, "add a user; prints the one-time password")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", required=True, metavar="ROLE", help="technician or administrator")
    _add_dir(add)
    reset = _command(actions, "reset", _user_reset, "give a user a new one-time password and print it")
    reset.add_argument("name", metavar="NAME")
    _add_dir(reset)
    listed = _command(actions, "list", _user_list, "list the users")
    _add_dir(listed)
    _add_format(listed)


def _user_add(options: argparse.Namespace) -> int:
    from collector.people import add_user
    from collector.roles import Role

    roles = [role.value for role in Role]
    if options.role not in roles:
        raise UsageError(f"there is no role {options.role!r}", hint=f"roles: {', '.join(roles)}")
    config, engine = _open(options)
    password = add_user(engine, config.school_id, options.name, Role(options.role), time.time_ns(), actor=COMMAND_LINE)
    sys.stderr.write(f"{options.name} may sign in as {options.role}, with this one-time password:\n")
    sys.stdout.write(password + "\n")
    return 0


def _user_reset(options: argparse.Namespace) -> int:
    from collector.people import reset_password

    config, engine = _open(options)
    sys.stdout.write(reset_password(engine, config.school_id, options.name, time.time_ns(), actor=COMMAND_LINE) + "\n")
    return 0


def _user_list(options: argparse.Namespace) -> int:
    from collector.people import list_users

    config, engine = _open(options)
    users = [
        {"name": user.name, "role": str(user.role), "disabled": user.is_disabled}
        for user in list_users(engine, config.school_id)
    ]
    _print_rows(users, options.format, "nobody")
    return 0


# devices, incidents


def _add_lists(commands: Any) -> None:
    devices = _command(commands, "devices", _devices, "list the devices")
    incidents = _command(commands, "incidents", _incidents, "list the security incidents")
    for parser in (devices, incidents):
        _add_dir(parser)
        _add_format(parser)


def _devices(options: argparse.Namespace) -> int:
    from collector.devices import list_devices

    config, engine = _open(options)
    now_ns = time.time_ns()
    rows = []
    for device in list_devices(engine, config.school_id):
        row = _with_times(asdict(device))
        rows.append(row | {"not_watched": list(device.not_watched), "is_quiet": device.is_quiet(now_ns)})
    shown = ("id", "hostname", "state", "os_version", "last_seen_at", "open_incidents")
    _print_rows(rows, options.format, "no device has enrolled yet", shown)
    return 0


def _incidents(options: argparse.Namespace) -> int:
    from collector.incidents import list_incidents
    from proto.events import Audience

    config, engine = _open(options)
    incidents = list_incidents(engine, config.school_id, audiences=[Audience.SECURITY], limit=100_000)
    rows = [_with_times(asdict(incident)) | {"clauses": list(incident.clauses)} for incident in incidents]
    shown = ("id", "severity", "state", "count", "hostname", "last_seen_at", "summary")
    _print_rows(rows, options.format, "no incidents", shown)
    return 0


# verify, rules


def _add_verify(commands: Any) -> None:
    parser = _command(
        commands, "verify", _verify, "check all evidence; 0 if everything verifies, 1 if something does not"
    )
    _add_dir(parser)
    _add_format(parser)


def _verify(options: argparse.Namespace) -> int:
    from collector.verify import verify

    config, engine = _open(options)
    report = verify(engine, config)
    if options.format == "json":
        sys.stdout.write(json.dumps(report.to_json(), indent=1) + "\n")
    else:
        sys.stdout.writelines(f"{problem}\n" for problem in report.problems)
        sys.stdout.write(
            f"{'Something does not verify' if report.problems else 'Everything verifies'}: {report.devices} devices, "
            f"{report.envelopes} envelopes, {report.events} events ({report.without_content} without content), "
            f"{report.checkpoints} checkpoints, {report.bundles} policies, {report.audit_entries} audit entries.\n"
        )
    return 1 if report.problems else 0


def _add_rules(commands: Any) -> None:
    parser = commands.add_parser("rules", help="rule files: check, add", description="rule files: check, add")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    check = _command(actions, "check", _rules_check, "lint rule files and run the tests inside them; 1 if one fails")
    check.add_argument("path", type=Path, metavar="PATH", help="a rule file or a folder of them")
    _add_format(check)
    add = _command(actions, "add", _rules_add, "add a rule file of the school's own and publish the policy")
    add.add_argument("path", type=Path, metavar="FILE")
    _add_dir(add)


def _rules_check(options: argparse.Namespace) -> int:
    from rules.check import check_files
    from rules.load import load_folder_or_file

    files = load_folder_or_file(options.path)
    problems = check_files(files)
    if options.format == "json":
        sys.stdout.write(json.dumps([problem.to_json() for problem in problems], indent=1) + "\n")
    else:
        for problem in problems:
            sys.stdout.write(f"{problem.what}\n" + (f"  {problem.hint}\n" if problem.hint else ""))
        sys.stdout.write(f"{len(files)} files, {len(problems)} problems\n")
    return 1 if problems else 0


def _rules_add(options: argparse.Namespace) -> int:
    from collector.policies import add_rule_file
    from proto.keys import load_signer
    from rules.load import load_folder_or_file

    config, engine = _open(options)
    files = load_folder_or_file(options.path)
    if len(files) != 1:
        raise UsageError(f"{options.path} is not one rule file", hint="add files one by one")
    ((name, text),) = files.items()
    version = add_rule_file(
        engine,
        config.school_id,
        load_signer(config.signing_key),
        name=name,
        text=text,
        actor=COMMAND_LINE,
        now_ns=time.time_ns(),
    )
    sys.stderr.write(f"Policy version {version} is published; connected devices get it within seconds.\n")
    return 0


def _with_times(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose `..._at_ns` became `..._at`, RFC 3339 in UTC."""
    return {
        (name.removesuffix("_ns") if name.endswith("_at_ns") else name): (
            _to_rfc3339(value) if name.endswith("_at_ns") else value
        )
        for name, value in row.items()
    }


def _to_rfc3339(at_ns: int) -> str:
    at = datetime.fromtimestamp(at_ns // 10**9, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ns % 10**9 // 10**6:03d}Z"


def _print_rows(rows: list[dict[str, Any]], format: str, empty: str, columns: Iterable[str] = ()) -> None:
    if format == "json":
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
        return
    if not rows:
        sys.stderr.write(empty + "\n")
        return
    names = list(columns) or list(rows[0])
    table = [names, *([_visible(str(row[name])) for name in names] for row in rows)]
    widths = [max(len(line[index]) for line in table) for index in range(len(names))]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _visible(text: str) -> str:
    """Return what a device said without characters that move a terminal's cursor or its reader's eye."""
    from collector.sightings import quote

    return quote(text)
