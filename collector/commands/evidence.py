# SPDX-License-Identifier: Apache-2.0
"""incidents, refused, verify and checkpoint: what the collector holds, and whether it stands."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from collector.commands.arguments import add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows, with_times


def add_lists(commands: Any) -> None:
    """Add `incidents` and `refused`."""
    incidents = add_command(commands, "incidents", _incidents, "list the security incidents")
    refused = add_command(commands, "refused", _refused, "list what devices sent and was refused, without its bytes")
    for parser in (incidents, refused):
        add_dir(parser)
        add_format(parser)


def _incidents(options: argparse.Namespace) -> int:
    from collector.incidents import list_incidents
    from proto.events import Audience

    config, engine = open_folder(options)
    incidents = list_incidents(engine, config.school_id, audiences=[Audience.SECURITY], limit=100_000)
    rows = [with_times(asdict(incident)) | {"clauses": list(incident.clauses)} for incident in incidents]
    shown = ("id", "severity", "state", "count", "hostname", "last_seen_at", "summary")
    print_rows(rows, options.format, "no incidents", shown)
    return 0


def _refused(options: argparse.Namespace) -> int:
    from collector.ledger import list_refused

    config, engine = open_folder(options)
    rows = [with_times(asdict(each)) for each in list_refused(engine, config.school_id)]
    shown = ("device", "reason", "count", "size", "first_at", "last_at", "detail", "sha256")
    print_rows(rows, options.format, "nothing was refused", shown)
    return 0


def add_verify(commands: Any) -> None:
    """Add `verify`."""
    parser = add_command(
        commands, "verify", _verify, "check all evidence; 0 if everything verifies, 1 if something does not"
    )
    add_dir(parser)
    add_format(parser)
    parser.add_argument("--checkpoint", default="", metavar="HASH", help="a printed one that must be among ours")


def _verify(options: argparse.Namespace) -> int:
    from collector.verify import NOT_COVERED, verify

    config, engine = open_folder(options)
    report = verify(engine, config, printed=options.checkpoint)
    beside = sorted(set(NOT_COVERED.values()))
    if options.format == "json":
        sys.stdout.write(json.dumps(report.to_json() | {"not_covered": beside}, indent=1) + "\n")
    else:
        sys.stdout.writelines(f"{problem}\n" for problem in report.problems)
        sys.stdout.write(
            f"{'Something does not verify' if report.problems else 'Everything verifies'}: {report.devices} devices, "
            f"{report.envelopes} envelopes, {report.events} events ({report.without_content} came without content, "
            f"of {report.erased} it was erased), {report.tombstones} tombstones, {report.checkpoints} checkpoints, "
            f"{report.bundles} policies, {report.recipient_sets} sets of readers, {report.trusts} statements of trust, "
            f"{report.disposals} disposals, {report.audit_entries} audit entries.\n"
            f"Signed by nobody and not checked: {'; '.join(beside)}.\n"
            "Who typed, what a device never sent, and whether it was let in by right, no signature says.\n"
        )
    return 1 if report.problems else 0


def add_checkpoint(commands: Any) -> None:
    """Add `checkpoint`."""
    parser = add_command(
        commands, "checkpoint", _checkpoint, "make a checkpoint now and print the newest, to be kept on paper"
    )
    add_dir(parser)
    add_format(parser)


def _checkpoint(options: argparse.Namespace) -> int:
    from collector.checkpoints import find_newest, make_checkpoint
    from collector.store.engine import reading
    from proto.keys import load_signer

    config, engine = open_folder(options)
    made = make_checkpoint(engine, config.school_id, load_signer(config.signing_key), time.time_ns())
    if made is None:
        with reading(engine) as connection:
            made = find_newest(connection, config.school_id)
    if made is None:
        sys.stderr.write("there is nothing yet to make a checkpoint of\n")
        return 0
    row = with_times({"number": made.number, "made_at_ns": made.made_at_ns, "hash": made.hash.hex()})
    if options.format == "json":
        sys.stdout.write(json.dumps(row | {"school": config.school_id}, indent=1) + "\n")
        return 0
    groups = [row["hash"][start : start + 4] for start in range(0, 64, 4)]
    lines = [" ".join(groups[start : start + 8]) for start in (0, 8)]
    sys.stdout.write(f"Checkpoint {row['number']} of school {config.school_id}, made {row['made_at']}\n\n")
    sys.stdout.writelines(f"    {line}\n" for line in lines)
    sys.stdout.write("\nNothing that was recorded before it can be cut off or changed unseen by whoever holds this.\n")
    return 0
