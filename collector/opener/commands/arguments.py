# SPDX-License-Identifier: Apache-2.0
"""What the verbs have in common: how one is added, whose folder and passphrase, to whom, and how they print."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collector.opener.folder import DEFAULT, Folder, open_folder
from proto.errors import SealError
from proto.sealed import verify_age_key

Verb = Callable[[argparse.Namespace], int]


def add_noun(nouns: Any, name: str, help: str) -> Any:
    """Add a noun and return where its verbs are added."""
    parser = nouns.add_parser(name, help=help, description=help)
    return parser.add_subparsers(required=True, metavar="VERB")


def add_verb(verbs: Any, name: str, run: Verb, help: str, example: str) -> argparse.ArgumentParser:
    """Add a verb that runs a function, with an example of its use."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=help,
        description=help,
        epilog=f"example:\n  schoolwarden-open {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "--folder",
        type=Path,
        default=DEFAULT,
        metavar="D",
        help=f"where the opener keeps its files (default: {DEFAULT})",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")
    return parser


def add_passphrase(parser: argparse.ArgumentParser) -> None:
    """Let a script give the passphrase that a person types."""
    parser.add_argument(
        "--passphrase-file",
        metavar="FILE",
        help="read the passphrase from the first line of a file, - for the standard input (default: ask)",
    )


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Let a script answer what a person is asked."""
    parser.add_argument("--yes", action="store_true", help="answer every question with yes, for scripts")


def add_replace(parser: argparse.ArgumentParser) -> None:
    """Let a verb write over what is there."""
    parser.add_argument("--replace", action="store_true", help="write over what is there already")


def add_root(parser: argparse.ArgumentParser) -> None:
    """Let a verb name the root's file."""
    parser.add_argument(
        "--root", type=Path, metavar="FILE", help="the file of the safeguarding root (default: root.json in the folder)"
    )


def add_to(parser: argparse.ArgumentParser, help: str, *, required: bool) -> None:
    """Let a verb name public keys."""
    parser.add_argument("--to", type=age_key, action="append", default=[], required=required, metavar="KEY", help=help)


def add_recovery(parser: argparse.ArgumentParser, help: str) -> None:
    """Let a verb name the public part of the recovery keys."""
    parser.add_argument("--recovery", type=Path, metavar="FILE", help=f"{help} (default: recovery.json in the folder)")


def age_key(text: str) -> str:
    """Return a public key of age, for argparse."""
    try:
        verify_age_key(text)
    except SealError as error:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is no age key (age1...)") from error
    return text


def folder_of(options: argparse.Namespace) -> Folder:
    """Return the opener's folder.

    Raises:
        UnsafeFolderError: others can write to it.
        OSError: it cannot be made.
    """
    return open_folder(options.folder)


def print_json(value: Any) -> None:
    """Print data on stdout."""
    sys.stdout.write(json.dumps(value, indent=1) + "\n")


def print_lines(*lines: str) -> None:
    """Print data on stdout, for people."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def say(*lines: str) -> None:
    """Talk on stderr."""
    sys.stderr.writelines(f"{line}\n" for line in lines)
