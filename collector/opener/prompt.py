# SPDX-License-Identifier: Apache-2.0
"""Asks the person at the keyboard, or reads what a script gives instead. A secret never comes from the command line,
where other users of the computer could read it."""

import getpass
import sys
from pathlib import Path

from collector.opener.documents import load_text
from collector.opener.errors import UsageError
from collector.opener.words import tidy_passphrase


def read_passphrase(source: str | None) -> str:
    """Return the passphrase: the first line of a file or, for `-`, of the standard input; asked for if there is none.

    Raises:
        UsageError: nobody is there to ask, or nothing was given.
        OSError: the file cannot be read.
    """
    if source == "-":
        typed = sys.stdin.readline()
    elif source is not None:
        typed = load_text(Path(source)).partition("\n")[0]
    elif sys.stdin.isatty():
        typed = getpass.getpass("Passphrase of your identity (six words): ")
    else:
        raise UsageError("nobody is here to type the passphrase", hint="give it with --passphrase-file, - for stdin")
    if not typed.strip():
        raise UsageError("no passphrase was given")
    return tidy_passphrase(typed)


def confirm(question: str, *, is_agreed: bool) -> bool:
    """Ask a question that is answered with yes or no; `is_agreed` is --yes.

    Raises:
        UsageError: nobody is there to answer.
    """
    if is_agreed:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"nobody is here to answer: {question}", hint="a script says --yes")
    while True:
        line = _ask(f"{question} [yes/no] ")
        if line.strip().lower() in ("yes", "no"):
            return line.strip().lower() == "yes"
        if not line:
            raise UsageError("no answer was given")


def verify_written_down(passphrase: str, *, is_agreed: bool) -> None:
    """Return when whoever was shown a passphrase has typed it from his paper. A script is not asked.

    Raises:
        UsageError: he typed something else, three times.
    """
    if is_agreed or not sys.stdin.isatty():
        return
    for _ in range(3):
        if tidy_passphrase(getpass.getpass("Type the six words from your paper: ")) == passphrase:
            return
        sys.stderr.write("These are other words.\n")
    raise UsageError("the words were not written down; nothing was kept", hint="start again")


def read_sheets(count: int) -> list[str]:
    """Return the words of so many recovery sheets, a line each.

    Raises:
        UsageError: there are fewer.
    """
    lines: list[str] = []
    while len(lines) < count:
        line = _ask(f"The words of sheet {len(lines) + 1} of {count}, in one line:\n")
        if not line:
            raise UsageError(f"{len(lines)} of {count} sheets were given", hint="one line with all its words each")
        if line.strip():
            lines.append(line)
    return lines


def _ask(question: str) -> str:
    """Return a line of the standard input, empty at its end; the question is talk and goes to stderr."""
    if sys.stdin.isatty():
        sys.stderr.write(question)
        sys.stderr.flush()
    return sys.stdin.readline()
