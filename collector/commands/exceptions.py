# SPDX-License-Identifier: Apache-2.0
"""exceptions: ask for one, look through the register, withdraw one. They are decided and reviewed at the console,
where it is known who does it."""

import argparse
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, open_folder
from collector.commands.output import print_rows
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.exceptions import ExceptionRequest

_SHOWN = ("id", "status", "what", "for", "until", "review_on", "asked_by", "decided_by", "reason")


def add_exceptions(commands: Any) -> None:
    """Add `exceptions`, with `ask`, `list` and `withdraw`."""
    text = "exceptions from rules: ask, list, withdraw. They are decided and reviewed at the console"
    actions = commands.add_parser("exceptions", help=text, description=text).add_subparsers(
        required=True, metavar="ACTION"
    )
    _add_ask(actions)
    listed = add_command(actions, "list", _list, "list the register: what was asked, by whom, and what became of it")
    listed.add_argument(
        "--only", choices=("waiting", "open", "due", "ending"), help="to be decided, in force or to come, "
        "due for review, or ending within two weeks (default: everything)",
    )  # fmt: skip
    listed.add_argument(
        "--format", choices=("text", "json", "csv"), default="text", help="how to print (default: text)"
    )
    withdraw = add_command(actions, "withdraw", _withdraw, "end an exception before its time, or take back a request")
    withdraw.add_argument("id", metavar="ID", help="as `exceptions list` shows it")
    withdraw.add_argument("--note", default="", metavar="TEXT", help="why")
    add_dir(listed)
    add_dir(withdraw)


def _add_ask(actions: Any) -> None:
    parser = add_command(
        actions, "ask", _ask, "ask for an exception; prints its id. Somebody else decides it at the console"
    )
    rule_help = "the rule that it is from, as `policy rules` lists it; repeatable"
    parser.add_argument("--rule", action="append", default=[], metavar="ID", help=rule_help)
    stick_help = "or a USB device to be approved for everybody, as `media list` shows it: 0951:1666"
    parser.add_argument("--stick", metavar="VENDOR:PRODUCT", help=stick_help)
    parser.add_argument("--serial", default="", metavar="TEXT", help="the USB device's serial number")
    narrower = parser.add_argument_group("narrower, each repeatable; without any it is for everybody and everything")
    for name, text in (
        ("program", "as the rule names it"),
        ("person", "the id in the school's list of people"),
        ("device", "its id or host name"),
        ("during", "a kind of period of the timetable: lesson, club, ..."),
    ):
        narrower.add_argument(f"--{name}", action="append", default=[], metavar="TEXT", help=text)
    first_help = "a day or a minute (default: now); a USB device is approved from the day on which that is granted"
    parser.add_argument("--from", dest="first", default="", metavar="WHEN", help=first_help)
    parser.add_argument(
        "--until", required=True, metavar="WHEN", help="the last day, 2026-12-18, or a minute, 2026-12-18T12:00"
    )
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; whoever decides reads it")
    parser.add_argument(
        "--review", default="", metavar="DAY", help="when somebody looks at it again (default: after 90 days)"
    )
    add_dir(parser)


def _ask(options: argparse.Namespace) -> int:
    from collector.console.clock import find_zone
    from collector.exceptions import Scope, ask, read_asked, read_stick
    from collector.policies import load_policy

    config, engine = open_folder(options)
    policy = load_policy(engine, config)
    if options.serial and not options.stick:
        raise UsageError("--serial is for a USB device", hint="name it: --stick 0951:1666")
    scope = Scope(
        rules=tuple(options.rule),
        programs=tuple(options.program),
        people=tuple(options.person),
        devices=tuple(options.device),
        during=tuple(options.during),
        stick=read_stick(options.stick, options.serial) if options.stick else None,
    )
    zone, now_ns = find_zone(), time.time_ns()
    asked = read_asked(
        scope,
        first=options.first,
        last=options.until,
        review=options.review,
        reason=options.reason,
        zone=zone,
        now_ns=now_ns,
    )
    id_ = ask(engine, config.school_id, policy, asked, zone=zone, actor=COMMAND_LINE, now_ns=now_ns)
    sys.stdout.write(id_ + "\n")
    everybody = " It is for everybody, everywhere." if scope.is_for_everybody or scope.stick else ""
    sys.stderr.write(f"Asked.{everybody} Somebody decides it at the console, under Exceptions.\n")
    return 0


def _list(options: argparse.Namespace) -> int:
    from collector.console.clock import find_zone
    from collector.exceptions import Status, flatten, list_exceptions, to_csv, to_row

    config, engine = open_folder(options)
    now_ns, zone = time.time_ns(), find_zone()
    found = [
        each
        for each in list_exceptions(engine, config.school_id)
        if options.only is None
        or (options.only == "waiting" and each.find_status(now_ns) is Status.WAITING)
        or (options.only == "open" and each.is_open(now_ns))
        or (options.only == "due" and each.is_due(now_ns, zone))
        or (options.only == "ending" and each.is_ending(now_ns))
    ]
    empty = "no exception is like that" if options.only else "nobody ever asked for an exception"
    if options.format == "csv":
        sys.stdout.write(to_csv(found, now_ns))
    elif options.format == "json":
        print_rows([to_row(each, now_ns) for each in found], "json", empty)
    else:
        print_rows([_shorten(each, flatten(to_row(each, now_ns))) for each in found], "text", empty, _SHOWN)
    return 0


def _shorten(request: "ExceptionRequest", row: dict[str, Any]) -> dict[str, Any]:
    """Return what a line of a terminal has room for."""
    from collector.console.clock import find_zone

    last = datetime.fromtimestamp(request.last_ns // 10**9 - 1, find_zone())
    narrower = [row[name] for name in ("programs", "people", "devices", "during") if row[name]]
    return row | {
        "what": row["stick"] or row["rules"],
        "for": "; ".join(narrower) or ("one USB device" if row["stick"] else "everybody"),
        "until": f"{last:%Y-%m-%d %H:%M}",
    }


def _withdraw(options: argparse.Namespace) -> int:
    from collector.exceptions import Decision, find_exception, withdraw
    from collector.policies import publish_registers
    from collector.store.engine import writing
    from proto.keys import load_signer

    config, engine = open_folder(options)
    now_ns = time.time_ns()
    found = find_exception(engine, config.school_id, options.id)
    decision = Decision(by=COMMAND_LINE, at_ns=now_ns, note=options.note)
    if found is None or not found.is_open(now_ns):
        with writing(engine) as connection:
            withdraw(connection, config.school_id, options.id, decision)
        sys.stderr.write("The request is taken back.\n")
        return 0
    version = publish_registers(
        engine,
        config.school_id,
        load_signer(config.signing_key),
        lambda connection: withdraw(connection, config.school_id, options.id, decision),
        actor=COMMAND_LINE,
        reason=f"exception {options.id} withdrawn",
        now_ns=now_ns,
    )
    sys.stderr.write(f"Policy version {version} is published; connected devices get it within seconds.\n")
    return 0
