# SPDX-License-Identifier: Apache-2.0
"""The command `schoolwarden-open`: its verbs are in `commands`; `main` decides how each ends.

stdout is data, stderr is talk. Exit codes: 0 good, 1 something does not hold (a flag that differs, another root, keys
that do not belong together), 2 a wrong call, passphrase or file, 3 a computer that does not work, 130 ended from the
keyboard before it was done.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from collector.opener.commands import flag, identity, readers, recovery, root
from proto.errors import SchoolwardenError, UntrustedInputError

VERSION = "0.1.0"
FINDING = 1
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A sentence that the terminal's alphabet cannot write must not end the command.
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
        sys.stdout.flush()
        return code
    except SchoolwardenError as error:
        sys.stderr.write(f"schoolwarden-open: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"  {error.hint}\n")
        # What others wrote and does not hold is a finding, not a fault of this computer.
        return FINDING if isinstance(error, UntrustedInputError) else error.exit_code
    except BrokenPipeError:
        # Whoever read our output has enough.
        _abandon_output()
        return 0
    except OSError as error:
        sys.stderr.write(f"schoolwarden-open: {error}\n")
        _abandon_output()
        return 3
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="schoolwarden-open",
        description="For those who read safeguarding flags, on their own computer: it opens no connection and does "
        "not trust the collector.",
    )
    parser.add_argument("--version", action="version", version=f"schoolwarden-open {VERSION}")
    nouns = parser.add_subparsers(required=True, metavar="NOUN")
    for add in (
        identity.add_identity,
        flag.add_flag,
        root.add_root_noun,
        readers.add_readers,
        recovery.add_recovery_noun,
    ):
        add(nouns)
    return parser


def _abandon_output() -> None:
    """Let go what could not be written; Python would try again at its end, and complain."""
    with suppress(io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
