# SPDX-License-Identifier: Apache-2.0
"""What the verbs have in common: how one is added, its folder, its format."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.config import Config, load_config

if TYPE_CHECKING:
    from sqlalchemy import Engine

COMMAND_LINE = "command line"
"""The actor of what is done here: whoever runs the command, whom we do not know."""
MAX_NUMBER = 2**63 - 1
"""What a database counts to."""


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], help: str
) -> argparse.ArgumentParser:
    """Add a verb that runs a function, and return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    parser.set_defaults(command=run)
    return parser


def add_dir(parser: argparse.ArgumentParser) -> None:
    """Let a verb name the collector's folder."""
    parser.add_argument("--dir", type=Path, required=True, metavar="D", help="the collector's folder")


def add_format(parser: argparse.ArgumentParser) -> None:
    """Let a verb choose between text and JSON."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")


def to_number(text: str) -> int:
    """Read the number of an event or a row, as the `type` of an argument.

    Raises:
        argparse.ArgumentTypeError: it is none, or beyond what a database counts to.
    """
    try:
        number = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("this is not a number") from error
    if not 0 <= number <= MAX_NUMBER:
        raise argparse.ArgumentTypeError(f"numbers go from 0 to {MAX_NUMBER}")
    return number


def open_folder(options: argparse.Namespace) -> "tuple[Config, Engine]":
    """Return config and engine of the folder that a verb names.

    Raises:
        UsageError: it is not a collector's folder.
        StoreError: its database cannot be used.
    """
    # Loaded here, so that --help does not wait for a database library.
    from collector.store.engine import open_checked_engine

    config = load_config(options.dir)
    return config, open_checked_engine(config)
