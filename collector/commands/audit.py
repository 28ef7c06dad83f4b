# SPDX-License-Identifier: Apache-2.0
"""audit: the log of what people did, and how much of it nobody else has looked at. Reviews are made at the console."""

import argparse
import sys
from dataclasses import asdict
from typing import Any

from collector.commands.arguments import add_command, add_dir, add_format, open_folder, to_number
from collector.commands.output import print_rows, with_times
from collector.errors import UsageError


def add_audit(commands: Any) -> None:
    """Add `audit`."""
    parser = add_command(
        commands, "audit", _audit, "list what people did here, newest first; 1 if the log does not verify"
    )
    add_dir(parser)
    parser.add_argument("--actor", default="", metavar="NAME", help="only what this user did")
    parser.add_argument("--waiting", action="store_true", help="only what nobody else has looked at")
    parser.add_argument("--before", type=to_number, default=0, metavar="N", help="only rows before this number")
    parser.add_argument("--limit", type=to_number, default=100, metavar="N", help="so many rows (default: 100)")
    add_format(parser)


def _audit(options: argparse.Namespace) -> int:
    from collector.audit import verify_audit
    from collector.audit_reviews import count_waiting, list_log
    from proto.errors import ChainError

    if options.limit < 1:
        raise UsageError("rows are counted from 1", hint="--limit 100 --before 5000")
    config, engine = open_folder(options)
    found = list_log(
        engine,
        config.school_id,
        actor=options.actor,
        waiting=options.waiting,
        before=options.before,
        limit=options.limit,
    )
    rows = [
        with_times({"number": each.number, "done_at_ns": each.at_ns} | _without_time(asdict(each)))
        | {"reviewers": list(each.reviewers)}
        for each in found
    ]
    if options.format == "text":
        rows = [row | {"reviewers": ", ".join(row["reviewers"])} for row in rows]
    shown = ("number", "done_at", "actor", "action", "subject", "detail", "reviewers")
    print_rows(rows, options.format, "nobody has done anything like that", shown)
    try:
        length = verify_audit(engine, config.school_id)
    except ChainError as error:
        sys.stderr.write(f"The log does not verify: {error.message}.\n")
        return 1
    waiting = count_waiting(engine, config.school_id)
    sys.stderr.write(f"{length} rows, and they verify; {waiting.rows} wait for somebody else to look at them.\n")
    return 0


def _without_time(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("number", "at_ns")}
