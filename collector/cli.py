# SPDX-License-Identifier: Apache-2.0
"""The command `schoolwarden-collector`: its verbs are in `commands`; `main` decides how each ends.

stdout is data, stderr is talk. Exit codes: 0 good, 1 a finding, 2 a wrong call, 3 an environment that does not work,
130 ended from the keyboard before it was done.
It runs as the operator and shows no incident of another audience than security.
"""

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from collector.commands import (
    audit,
    authority,
    coverage,
    device,
    devices,
    erasure,
    evidence,
    exceptions,
    export,
    incident_log,
    inventory,
    media,
    people,
    policy,
    register,
    rules,
    safeguarding,
    serving,
    tokens,
)
from proto.errors import SchoolwardenError

VERSION = "0.1.0"
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's alphabet cannot write must not end the command.
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        code: int = options.command(options)
        sys.stdout.flush()
        return code
    except SchoolwardenError as error:
        sys.stderr.write(f"schoolwarden-collector: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"  {error.hint}\n")
        if options.verbose:
            logging.exception("in full")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has enough.
        _abandon_output()
        return 0
    except OSError as error:
        sys.stderr.write(f"schoolwarden-collector: {error}\n")
        _abandon_output()
        return 3
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="schoolwarden-collector",
        description="Receives what the school's machines report, keeps it as evidence, and raises incidents.",
    )
    parser.add_argument("--version", action="version", version=f"schoolwarden-collector {VERSION}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        serving.add_init,
        serving.add_serve,
        serving.add_migrate,
        tokens.add_token,
        tokens.add_tokens,
        authority.add_authority,
        device.add_device,
        devices.add_devices,
        people.add_user,
        register.add_people,
        register.add_absence,
        evidence.add_lists,
        incident_log.add_incident_log,
        inventory.add_inventory,
        media.add_media,
        evidence.add_verify,
        evidence.add_checkpoint,
        export.add_export_evidence,
        export.add_fingerprints,
        erasure.add_erase,
        audit.add_audit,
        safeguarding.add_readers,
        safeguarding.add_drill,
        policy.add_policy,
        rules.add_rules,
        rules.add_allowed,
        exceptions.add_exceptions,
        coverage.add_packs,
        coverage.add_coverage,
    ):
        add(commands)
    return parser


def _abandon_output() -> None:
    """Let go what could not be written; Python would try again at its end, and complain."""
    with suppress(io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
