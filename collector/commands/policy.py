# SPDX-License-Identifier: Apache-2.0
"""policy: what is in force, what waits for a second person, pauses and history. A second word is given at the console.

Rule files are changed by `rules`; roll-outs by a share of devices are in `rollout`.
"""

import argparse
import re
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder, to_number
from collector.commands.output import print_rows, with_times
from collector.commands.rollout import add_rollout
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.changes import Amendment, Change, School

_LENGTH = re.compile(r"([1-9]\d{0,4})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}


def add_policy(commands: Any) -> None:
    """Add `policy` with its actions."""
    text = "the policy in force: what is in it, how it changes, what is paused"
    actions = commands.add_parser("policy", help=text, description=text).add_subparsers(required=True, metavar="ACTION")
    show = add_command(actions, "show", _show, "show what is in force, what is paused and what waits")
    rules = add_command(actions, "rules", _rules, "list every rule in force, by the id that other commands ask for")
    history = add_command(actions, "history", _history, "list every version, who published it and why")
    difference = add_command(
        actions, "difference", _difference, "print what a version changed, as a unified difference"
    )
    difference.add_argument("version", type=to_number, metavar="N", help="as `policy history` lists it")
    changes = add_command(actions, "changes", _changes, "list who asked for which change, and what became of it")
    changes.add_argument("--waiting", action="store_true", help="those only that wait for a second person")
    pack = add_command(actions, "pack", _pack, "let the school work under another pack of rules")
    pack.add_argument("name", metavar="NAME", help="as `packs` lists them")
    pause = add_command(actions, "pause", _pause, "ask to switch a safeguard off for a while; a second person agrees")
    pause.add_argument("what", metavar="WHAT", help="keywords, check:NAME or rule:ID, as `policy rules` lists it")
    pause.add_argument("--for", type=_length, required=True, metavar="2h", dest="length", help="m, h or d; up to 7d")
    resume = add_command(actions, "resume", _resume, "end a pause before its time")
    resume.add_argument("what", metavar="WHAT", help="as `policy show` lists it")
    withdraw = add_command(actions, "withdraw", _withdraw, "take a change back that waits for a second person")
    withdraw.add_argument("change", metavar="ID", help="as `policy changes` lists it")
    back = add_command(actions, "back", _back, "let pack and own rule files be again as they were in an older version")
    back.add_argument("--to", type=to_number, metavar="N", help="the version (default: the newest with other rules)")
    for parser in (pack, pause, back):
        parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for whoever looks back")
    for parser in (show, rules, history, changes):
        add_format(parser)
    for parser in (show, rules, history, difference, changes, pack, pause, resume, withdraw, back):
        add_dir(parser)
    add_rollout(actions)


def request(school: "School", amendment: "Amendment", reason: str) -> int:
    """Ask for a change from the command line, say what became of it, and return the exit code.

    Raises:
        UsageError: it cannot be done.
    """
    from collector.changes import request_change

    tell(school, request_change(school, amendment, author=COMMAND_LINE, reason=reason, now_ns=time.time_ns()))
    return 0


def tell(school: "School", change: "Change") -> None:
    """Say what became of a change that was asked for; the id of one that waits is data."""
    if change.version is not None:
        announce(school, change.version)
        return
    sys.stderr.write("This takes something away from a safeguard, so nothing is changed yet:\n")
    sys.stderr.writelines(f"  {each}\n" for each in change.weakens)
    sys.stderr.write("A second person has to agree, at the console on the page Policy. The change:\n")
    sys.stdout.write(f"{change.id}\n")


def announce(school: "School", version: int) -> None:
    """Say that a version is published, and who gets it."""
    from collector.rollouts import load_rollout

    rollout = load_rollout(school.engine, school.id)
    whom = f"{rollout.share} % of the devices get it" if rollout else "connected devices get it within seconds"
    sys.stderr.write(f"Policy version {version} is published; {whom}.\n")


def open_school(options: argparse.Namespace) -> "School":
    """Return the school of the folder that a verb names.

    Raises:
        UsageError: it is not a collector's folder.
        StoreError: its database cannot be used.
    """
    from collector.changes import School
    from proto.keys import load_signer

    config, engine = open_folder(options)
    return School(engine, config.school_id, load_signer(config.signing_key))


def _show(options: argparse.Namespace) -> int:
    from collector.changes import list_waiting
    from collector.own_rules import list_own_files
    from collector.pauses import load_pauses
    from collector.policies import load_policy
    from collector.rollouts import load_rollout
    from collector.store.engine import reading
    from rules.timetable import Calendar

    config, engine = open_folder(options)
    policy, rollout, now_ns = load_policy(engine, config), load_rollout(engine, config.school_id), time.time_ns()
    with reading(engine) as connection:
        own = list_own_files(connection, config.school_id)
    paused = [each for each in load_pauses(engine, config.school_id) if each.is_on(now_ns)]
    waiting = list_waiting(engine, config.school_id)
    timetable = policy.arrangements.timetable
    terms_end = Calendar(timetable).explain_end(now_ns) if timetable else ""
    rows = [
        ("version", str(policy.version)),
        ("pack", f"{policy.pack} ({policy.title})"),
        ("extends", ", ".join(policy.parents) or "nothing"),
        ("rules", str(len(policy.rules))),
        ("own rule files", ", ".join(own) or "none"),
        ("keywords", "watched for" if policy.keywords.enabled else "not watched for"),
        *([("terms", terms_end)] if terms_end else []),
        *(("paused", f"{each.what} until {_show_time(each.last_ns)}, asked by {each.asked_by}") for each in paused),
        *(("waits", f"{each.subject} ({each.id})") for each in waiting),
    ]
    if rollout is not None:
        what = "the next version" if rollout.is_waiting else f"versions {rollout.first_version} and newer"
        rows.append(("roll-out", f"{what} for {rollout.share} % of the devices"))
    print_rows([{"what": what, "is": value} for what, value in rows], options.format, "")
    return 0


def _rules(options: argparse.Namespace) -> int:
    from collector.policies import load_policy

    config, engine = open_folder(options)
    policy = load_policy(engine, config)
    is_text = options.format == "text"
    rows = [
        {
            "id": rule.id,
            "title": rule.title,
            "class": rule.action_class.value,
            "severity": rule.severity,
            "audience": rule.audience.name.lower(),
            "clauses": ", ".join(rule.clauses) if is_text else list(rule.clauses),
            # The pack's own files are in no folder.
            "layer": rule.file.rpartition("/")[0] or policy.pack,
        }
        for rule in sorted(policy.rules, key=lambda rule: rule.id)
    ]
    print_rows(rows, options.format, "the policy in force has no rules")
    return 0


def _history(options: argparse.Namespace) -> int:
    from collector.policies import list_publications

    config, engine = open_folder(options)
    rows = [with_times(asdict(each)) for each in list_publications(engine, config.school_id)]
    print_rows(rows, options.format, "no policy was ever published")
    return 0


def _difference(options: argparse.Namespace) -> int:
    from collector.composition import read_files, write_difference
    from collector.publications import find_version
    from collector.store.engine import reading

    config, engine = open_folder(options)
    with reading(engine) as connection:
        newer = find_version(connection, config.school_id, options.version)
        older = find_version(connection, config.school_id, options.version - 1)
    if newer is None:
        raise UsageError(f"there was no version {options.version}", hint="see: schoolwarden-collector policy history")
    text = write_difference(read_files(older) if older else {}, read_files(newer), whole=True)
    if text:
        sys.stdout.write(text + "\n")
    else:
        sys.stderr.write(
            f"Version {options.version} has the rule files of the one before; the allow list may differ.\n"
        )
    return 0


def _changes(options: argparse.Namespace) -> int:
    from collector.changes import list_changes, list_waiting

    config, engine = open_folder(options)
    found = (list_waiting if options.waiting else list_changes)(engine, config.school_id)
    rows = [with_times(asdict(each)) for each in found]
    columns = ("id", "state", "subject", "author", "made_at", "decided_by", "version", "reason")
    if options.format == "text":
        rows = [{name: "" if value is None else value for name, value in row.items()} for row in rows]
    print_rows(rows, options.format, "no change waits" if options.waiting else "nothing was changed", columns)
    return 0


def _pack(options: argparse.Namespace) -> int:
    from collector.changes import PackChosen

    return request(open_school(options), PackChosen(options.name), options.reason)


def _pause(options: argparse.Namespace) -> int:
    from collector.changes import PauseBegun
    from collector.pauses import verify_duration, verify_what
    from collector.policies import load_policy

    verify_duration(options.length)
    config, engine = open_folder(options)
    verify_what(options.what, load_policy(engine, config))
    return request(open_school(options), PauseBegun(options.what, options.length), options.reason)


def _resume(options: argparse.Namespace) -> int:
    from collector.changes import end_pause

    school = open_school(options)
    version = end_pause(school, options.what, actor=COMMAND_LINE, now_ns=time.time_ns())
    # Whatever share of the devices a roll-out is for.
    sys.stderr.write(
        f"Policy version {version} is published; every connected device is without the pause in seconds.\n"
    )
    return 0


def _withdraw(options: argparse.Namespace) -> int:
    from collector.changes import withdraw

    config, engine = open_folder(options)
    withdraw(engine, config.school_id, options.change, actor=COMMAND_LINE, now_ns=time.time_ns())
    sys.stderr.write(f"The change {options.change} is withdrawn; the policy is as it was.\n")
    return 0


def _back(options: argparse.Namespace) -> int:
    from collector.changes import WentBack, go_back

    school = open_school(options)
    if options.to is not None:
        return request(school, WentBack(options.to), options.reason)
    change = go_back(school, author=COMMAND_LINE, reason=options.reason, now_ns=time.time_ns())
    if change is None:
        sys.stderr.write("The roll-out is over before it began; what is published next goes to every device.\n")
    else:
        tell(school, change)
    return 0


def _length(text: str) -> int:
    """Read a length of time, as the `type` of an argument.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    found = _LENGTH.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time: 30m, 2h, 3d")
    return int(found[1]) * _SECONDS[found[2]]


def _show_time(at_ns: int) -> str:
    from collector.console.clock import show_time

    return show_time(at_ns)
