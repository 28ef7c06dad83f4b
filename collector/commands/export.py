# SPDX-License-Identifier: Apache-2.0
"""export-evidence and fingerprints: what somebody outside needs to check what a device signed, without us."""

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows
from collector.errors import UsageError


def add_export_evidence(commands: Any) -> None:
    """Add `export-evidence`."""
    parser = add_command(
        commands, "export-evidence", _export, "write the evidence of one security incident, for schoolwarden-verify"
    )
    parser.add_argument("incident", metavar="INCIDENT", help="its id, as `incidents` lists it")
    add_dir(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="F.zip", help="the file to write")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    parser.add_argument(
        "--with-sealed-headers",
        action="store_true",
        help="give headers of safeguarding events that stand between the others: the file tells of them",
    )


def _export(options: argparse.Namespace) -> int:
    from collector.evidence.case import load_incident
    from collector.evidence.dossier import export_evidence
    from collector.verifier.schoolwarden_verify import verify

    config, engine = open_folder(options)
    case = load_incident(
        engine,
        config.school_id,
        options.incident,
        is_operator=True,
        with_sealed_headers=options.with_sealed_headers,
    )
    # Before the export goes into the audit log, not after.
    _verify_target(options.output, is_forced=options.force)
    if options.with_sealed_headers:
        sys.stderr.write(
            "Warning: safeguarding flags that a device raised in that time show in this file: when, on which device, "
            "how\ngrave and for whom, not what they say. Give it to nobody who may not know that there were any.\n"
        )
    content = export_evidence(engine, config, case, actor=COMMAND_LINE, now_ns=time.time_ns())
    _write(options.output, content, is_forced=options.force)
    sys.stderr.write(f"{options.output}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}\n")
    problems = verify(content)["problems"]
    if problems:
        sys.stdout.writelines(f"{problem}\n" for problem in problems)
        sys.stderr.write("This evidence does not verify: run schoolwarden-collector verify.\n")
        return 1
    sys.stderr.write(
        "It holds the headers of all that its devices signed in that time, and the contents that the incident rests "
        "on.\nIt verifies. Whoever gets it checks it with schoolwarden-verify, a printed checkpoint and fingerprints.\n"
    )
    return 0


def _verify_target(path: Path, *, is_forced: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint="-o FILE.zip")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", hint="make it first, or choose another place")
    if path.exists() and not is_forced:
        raise UsageError(f"{path} is there already", hint="choose another name, or write over it: --force")


def _write(path: Path, content: bytes, *, is_forced: bool) -> None:
    """Write a file that only we can read, whole or not at all."""
    if path.exists() and not is_forced:
        raise UsageError(f"{path} is there already", hint="choose another name, or write over it: --force")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def add_fingerprints(commands: Any) -> None:
    """Add `fingerprints`."""
    parser = add_command(
        commands, "fingerprints", _fingerprints, "list the keys that evidence rests on, to be kept on paper elsewhere"
    )
    add_dir(parser)
    add_format(parser)


def _fingerprints(options: argparse.Namespace) -> int:
    from collector.evidence.fingerprints import list_fingerprints

    config, engine = open_folder(options)
    rows = [
        {"of": each.of, "id": each.id, "hostname": each.hostname, "fingerprint": each.fingerprint}
        for each in list_fingerprints(engine, config)
    ]
    print_rows(rows, options.format, "there are no keys")
    return 0
