# SPDX-License-Identifier: Apache-2.0
"""erase: the content of events goes for ever, once the operator has seen what would go.

It never shows what an event says, and takes none that is for readers of flags: one of them annuls it in the console.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from collector.commands.arguments import add_command, add_dir, add_format, open_folder, to_number
from collector.commands.output import print_rows, with_times

REASONS = ("retention", "request", "mistake")
STAYS = """Stays: that each event was, signed; what the collector knows of the machines today; what people wrote about
incidents; the audit log. Backups and copies elsewhere hold what they hold: let them go too.
"""


def add_erase(commands: Any) -> None:
    """Add `erase`."""
    parser = add_command(
        commands, "erase", _erase, "erase the content of events; says what would go, and does it only with --yes"
    )
    add_dir(parser)
    add_format(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--event", type=to_number, nargs="+", metavar="N", help="the numbers of events")
    which.add_argument("--incident", metavar="ID", help="all events that a security incident is known to rest on")
    parser.add_argument("--reason", choices=REASONS, required=True, help="why; stays in a signed tombstone")
    parser.add_argument(
        "--note", required=True, metavar="TEXT", help="on whose word; stays too, so put no name into it"
    )
    parser.add_argument("--yes", action="store_true", help="do it: it cannot be undone")


def _erase(options: argparse.Namespace) -> int:
    from collector.erasure import erase_events, list_events_of, plan_erasure, truncate_log
    from collector.tombstones import Reason, verify_note
    from proto.keys import load_signer

    verify_note(options.note)
    config, engine = open_folder(options)
    if options.incident is not None:
        wanted = list_events_of(engine, config.school_id, options.incident)
    else:
        wanted = options.event
    doomed = [each for each in plan_erasure(engine, config.school_id, wanted) if each.has_content]
    if not options.yes:
        rows = [_to_row(asdict(each)) for each in doomed]
        print_rows(rows, options.format, "none of these events has content: nothing would go")
        if doomed:
            sys.stderr.write(f"Nothing was erased yet. {len(doomed)} of {len(set(wanted))} events would lose what they")
            sys.stderr.write(f" say, and incidents the words made of it.\n{STAYS}To do it, add --yes\n")
        return 0
    try:
        count = erase_events(
            engine,
            config.school_id,
            load_signer(config.signing_key),
            wanted,
            reason=Reason(options.reason),
            note=options.note,
            now_ns=time.time_ns(),
        )
    finally:
        # What went before it ended half way stands in there, too.
        is_log_empty = truncate_log(engine)
    if options.format == "json":
        sys.stdout.write(json.dumps({"erased": count}) + "\n")
    else:
        sys.stdout.write(f"The content of {count} events is erased\n")
    sys.stderr.write(STAYS)
    if not is_log_empty:
        sys.stderr.write("The log of the database could not be emptied, because somebody was reading or writing: it")
        sys.stderr.write(" may hold what was erased. A running collector tries again within the hour.\n")
    if engine.dialect.name == "postgresql":
        sys.stderr.write("PostgreSQL keeps the old rows until VACUUM, and longer in its archived log.\n")
    return 0


def _to_row(doomed: dict[str, Any]) -> dict[str, Any]:
    names = {"event_id": "event", "device_time_ns": "device_at_ns"}
    row = {names.get(name, name): value for name, value in doomed.items() if name != "has_content"}
    return with_times(row)
