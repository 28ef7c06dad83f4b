# SPDX-License-Identifier: Apache-2.0
"""rules and allowed: lint and test rule files, add and remove the school's own; the allow list and its undo."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows, with_times
from collector.commands.policy import open_school, request
from collector.commands.rule_trial import add_try
from collector.errors import UsageError


def add_rules(commands: Any) -> None:
    """Add `rules`, with `check`, `add` and `remove`."""
    text = "rule files: check, try, add, remove"
    actions = commands.add_parser("rules", help=text, description=text).add_subparsers(required=True, metavar="ACTION")
    check = add_command(actions, "check", _rules_check, "lint rule files and run the tests inside them; 1 if one fails")
    check.add_argument("path", type=Path, metavar="PATH", help="a rule file or a folder of them")
    check.add_argument(
        "--pack", metavar="NAME", help="hold them beside this pack, as a file that changes its rules needs"
    )
    add_format(check)
    add = add_command(actions, "add", _rules_add, "add a rule file of the school's own, or replace it")
    add.add_argument("path", type=Path, metavar="FILE", help="one rule file")
    remove = add_command(actions, "remove", _rules_remove, "take a rule file of the school's own away")
    remove.add_argument("name", metavar="NAME", help="the file's name, as `policy show` has it: own.toml")
    add_try(actions)
    for parser in (add, remove):
        parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for whoever looks back")
        add_dir(parser)


def _rules_check(options: argparse.Namespace) -> int:
    from rules.check import check_files
    from rules.load import load_folder_or_file, load_pack

    files = load_folder_or_file(options.path)
    count = len(files)
    if options.pack:
        files = load_pack(options.pack) | {f"school/{name}": text for name, text in files.items()}
    problems = check_files(files)
    if options.format == "json":
        sys.stdout.write(json.dumps([problem.to_json() for problem in problems], indent=1) + "\n")
    else:
        for problem in problems:
            sys.stdout.write(f"{problem.message}\n" + (f"  {problem.hint}\n" if problem.hint else ""))
        sys.stdout.write(f"{count} files, {len(problems)} problems\n")
    return 1 if problems else 0


def _rules_add(options: argparse.Namespace) -> int:
    from collector.changes import FileAdded
    from rules.load import load_folder_or_file

    school = open_school(options)
    files = load_folder_or_file(options.path)
    if len(files) != 1:
        raise UsageError(f"{options.path} is not one rule file", hint="add files one by one")
    ((name, text),) = files.items()
    return request(school, FileAdded(name, text), options.reason)


def _rules_remove(options: argparse.Namespace) -> int:
    from collector.changes import FileRemoved

    return request(open_school(options), FileRemoved(options.name), options.reason)


def add_allowed(commands: Any) -> None:
    """Add `allowed`, with `list` and `remove`."""
    parser = commands.add_parser("allowed", help="the allow list", description="the allow list")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listed = add_command(actions, "list", _allowed_list, "list the programs that are allowed, and who allowed them")
    add_dir(listed)
    add_format(listed)
    remove = add_command(actions, "remove", _allowed_remove, "take a program off the list and publish the policy")
    remove.add_argument("name", metavar="NAME", help="the program's name, as `allowed list` shows it")
    add_dir(remove)


def _allowed_list(options: argparse.Namespace) -> int:
    from collector.proposals import list_allowed

    config, engine = open_folder(options)
    rows = [with_times(asdict(program)) for program in list_allowed(engine, config.school_id)]
    print_rows(rows, options.format, "nothing is on the allow list")
    return 0


def _allowed_remove(options: argparse.Namespace) -> int:
    from collector.policies import remove_allowed
    from proto.keys import load_signer

    config, engine = open_folder(options)
    version = remove_allowed(
        engine,
        config.school_id,
        load_signer(config.signing_key),
        name=options.name,
        actor=COMMAND_LINE,
        now_ns=time.time_ns(),
    )
    sys.stderr.write(f"Policy version {version} is published; connected devices get it within seconds.\n")
    return 0
