# SPDX-License-Identifier: Apache-2.0
"""incident-log: the log of security incidents that policies ask for, with what was done and who recorded it."""

import argparse
import time
from typing import Any

from collector.commands.arguments import add_command, add_dir, open_folder
from collector.commands.output import print_csv, print_rows

MAX_DAYS = 3650


def add_incident_log(commands: Any) -> None:
    """Add `incident-log`."""
    text = "list the security incidents with what was done about them, for the school's incident log"
    parser = add_command(commands, "incident-log", _print_log, text)
    parser.add_argument("--days", type=_to_days, default=90, metavar="N", help="how far back (default: 90)")
    parser.add_argument(
        "--format", choices=("text", "json", "csv"), default="text", help="how to print (default: text)"
    )
    add_dir(parser)


def _print_log(options: argparse.Namespace) -> int:
    from collector.console.log_rows import COLUMNS, to_row
    from collector.incident_log import list_log
    from proto.events import Audience

    config, engine = open_folder(options)
    now_ns = time.time_ns()
    found = list_log(
        engine,
        config.school_id,
        audiences=[Audience.SECURITY],
        since_ns=now_ns - options.days * 86_400 * 10**9,
        until_ns=now_ns + 1,
    )
    rows, empty = [to_row(each) for each in found], "no incident was open or seen in these days"
    if options.format == "csv":
        print_csv(rows, empty, COLUMNS)
    else:
        shown = [name for name in COLUMNS if name != "signature"]
        print_rows(rows, options.format, empty, shown)
    return 0


def _to_days(text: str) -> int:
    days = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not 1 <= days <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"a number of days from 1 to {MAX_DAYS}")
    return days
