# SPDX-License-Identifier: Apache-2.0
"""people and absence: whose an account is, and who of the readers of flags is away."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows, with_times
from collector.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from collector.people import ImportReport, Person

PAGE = 500
COLUMNS = "person_id, name, kind, roles, year_group, class, accounts, aliases, user_name, from, until"
"""As `collector.people` has them; written out, so that --help does not wait for a database library."""


def add_people(commands: Any) -> None:
    """Add `people`, with `import`, `list` and `show`."""
    text = "the school's people, from its own records"
    actions = commands.add_parser("people", help=text, description=text).add_subparsers(required=True, metavar="ACTION")
    taken = add_command(
        actions, "import", _people_import, "take a CSV file: the good lines; exit code 1 when lines were refused"
    )
    taken.add_argument("file", type=Path, metavar="FILE", help=f"UTF-8, with the columns {COLUMNS}")
    taken.add_argument("--dry-run", action="store_true", help="report only")
    taken.add_argument(
        "--missing",
        choices=("list", "end"),
        help="name the people who are not in the file, or end their time at the school today; nobody is deleted",
    )
    listed = add_command(actions, "list", _people_list, "list everybody; how many of each kind on stderr")
    shown = add_command(actions, "show", _people_show, "show one person")
    shown.add_argument("id", metavar="ID", help="as `people list` shows it")
    for parser in (taken, listed, shown):
        add_dir(parser)
        add_format(parser)


def add_absence(commands: Any) -> None:
    """Add `absence`, with `add`, `end` and `list`."""
    text = "who of the readers of safeguarding flags is away"
    actions = commands.add_parser("absence", help=text, description=text).add_subparsers(
        required=True, metavar="ACTION"
    )
    add = add_command(actions, "add", _absence_add, "note that a user is away")
    add.add_argument("user", metavar="USER", help="a user who reads safeguarding flags")
    add.add_argument("--from", dest="first_day", required=True, metavar="DAY", help="the first day: 2026-11-23")
    add.add_argument("--until", dest="last_day", required=True, metavar="DAY", help="the last day")
    end = add_command(actions, "end", _absence_end, "end the absence that a user is in, or take back the next")
    end.add_argument("user", metavar="USER", help="the user who is back")
    listed = add_command(actions, "list", _absence_list, "list the absences that are not over")
    for parser in (add, end, listed):
        add_dir(parser)
    add_format(listed)


def _people_import(options: argparse.Namespace) -> int:
    from collector.people import import_people

    content = _load(options.file)
    config, engine = open_folder(options)
    report = import_people(
        engine,
        config.school_id,
        content,
        actor=COMMAND_LINE,
        now_ns=time.time_ns(),
        ends_missing=options.missing == "end",
        is_dry_run=options.dry_run,
    )
    _print_report(report, options.format, lists_missing=options.missing is not None)
    return 1 if report.refused else 0


def _load(file: Path) -> bytes:
    """Return a file, or as much of it as shows that it is too large."""
    from collector.people import MAX_BYTES

    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def _print_report(report: "ImportReport", format: str, *, lists_missing: bool) -> None:
    refused = [
        {"line": each.line, "column": each.column, "reason": each.reason, "right": each.hint} for each in report.refused
    ]
    if format == "json":
        content = {
            "dry_run": report.is_dry_run,
            "taken": report.taken,
            "changed": report.changed,
            "unchanged": report.unchanged,
            "missing": report.missing,
            "ended": report.ended,
            "refused": refused,
        }
        sys.stdout.write(json.dumps(content, indent=1) + "\n")
        return
    sys.stderr.write(
        f"{len(report.taken)} new, {len(report.changed)} changed, {report.unchanged} unchanged, "
        f"{report.refused_lines} refused; {len(report.missing)} people are not in the file\n"
    )
    if report.is_dry_run:
        sys.stderr.write("This was a dry run: nothing is changed.\n")
    if lists_missing:
        print_rows([{"missing": each} for each in report.missing], format, "nobody is missing")
    if refused:
        print_rows(refused, format, "")


def _people_list(options: argparse.Namespace) -> int:
    from collector.people import count_people

    config, engine = open_folder(options)
    rows = [_to_row(person) for person in _list_everybody(engine, config.school_id)]
    counts = count_people(engine, config.school_id)
    sys.stderr.write(", ".join(f"{kind}: {count}" for kind, count in counts.items()) + "\n")
    print_rows(rows, options.format, "nobody was imported yet")
    return 0


def _list_everybody(engine: "Engine", school_id: str) -> "Iterator[Person]":
    from collector.people import list_people

    offset, total = 0, 1
    while offset < total:
        found, total = list_people(engine, school_id, limit=PAGE, offset=offset)
        yield from found
        offset += PAGE


def _people_show(options: argparse.Namespace) -> int:
    from collector.people import find_person_by_id

    config, engine = open_folder(options)
    person = find_person_by_id(engine, config.school_id, options.id)
    if person is None:
        raise UsageError(f"there is no person {options.id}", hint="people list")
    row = _to_row(person)
    if options.format == "json":
        sys.stdout.write(json.dumps(row, indent=1) + "\n")
    else:
        shown = {name: ", ".join(value) if isinstance(value, list) else value for name, value in row.items()}
        print_rows([{"field": name, "value": value} for name, value in shown.items()], options.format, "")
    return 0


def _to_row(person: "Person") -> dict[str, Any]:
    return {
        "person_id": person.person_id,
        "name": person.name,
        "kind": str(person.kind),
        "roles": [str(post) for post in person.roles],
        "year_group": person.year_group,
        "class": person.class_name,
        "accounts": list(person.accounts),
        "aliases": list(person.aliases),
        "user_name": person.user_name,
        "from": person.from_date,
        "until": person.until_date,
    }


def _absence_add(options: argparse.Namespace) -> int:
    from collector.absences import note_absence, read_days
    from collector.console.clock import find_zone

    from_ns, until_ns = read_days(options.first_day, options.last_day, find_zone())
    config, engine = open_folder(options)
    note_absence(
        engine,
        config.school_id,
        user=options.user,
        from_ns=from_ns,
        until_ns=until_ns,
        actor=COMMAND_LINE,
        now_ns=time.time_ns(),
    )
    sys.stderr.write(f"{options.user} is noted as away; flags go to whoever stands in.\n")
    return 0


def _absence_end(options: argparse.Namespace) -> int:
    from collector.absences import end_absence

    config, engine = open_folder(options)
    end_absence(engine, config.school_id, user=options.user, actor=COMMAND_LINE, now_ns=time.time_ns())
    sys.stderr.write(f"{options.user} is noted as back.\n")
    return 0


def _absence_list(options: argparse.Namespace) -> int:
    from collector.absences import list_absences

    config, engine = open_folder(options)
    rows = [
        with_times(
            {
                "user": each.user,
                "from_at_ns": each.from_ns,
                "until_at_ns": each.until_ns,
                "noted_by": each.noted_by,
            }
        )
        for each in list_absences(engine, config.school_id, time.time_ns())
    ]
    print_rows(rows, options.format, "nobody is noted as away")
    return 0
