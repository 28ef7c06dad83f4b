# SPDX-License-Identifier: Apache-2.0
"""flag: open flags that were downloaded from the console, and seal them to a deputy."""

import argparse
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from collector.opener.commands.arguments import (
    add_noun,
    add_passphrase,
    add_replace,
    add_to,
    add_verb,
    add_yes,
    folder_of,
    print_json,
    print_lines,
    say,
)
from collector.opener.documents import verify_free, write_document
from collector.opener.errors import UsageError
from collector.opener.flag import FlagFile, Opened, Opening, describe, load_flag, open_flag, rewrap, to_text
from collector.opener.identity import load_identity, unwrap
from collector.opener.prompt import confirm, read_passphrase
from collector.opener.text import show
from proto.errors import UntrustedInputError
from proto.sealed import open_sealed


def add_flag(nouns: Any) -> None:
    """Add `flag` and its verbs."""
    verbs = add_noun(nouns, "flag", "safeguarding flags, downloaded from the console: open, rewrap")
    opened = add_verb(
        verbs,
        "open",
        _open,
        "print what is sealed in flags, held against what the collector says of them; 1 if that differs",
        "flag open flag-3f2a.json",
    )
    add_files(opened)
    add_passphrase(opened)
    wrapped = add_verb(
        verbs,
        "rewrap",
        _rewrap,
        "seal flags to somebody else, such as a deputy who came later",
        "flag rewrap flag-3f2a.json --to age1... -o for-the-deputy.json",
    )
    add_files(wrapped)
    add_rewrap(wrapped)
    add_passphrase(wrapped)


def add_files(parser: argparse.ArgumentParser) -> None:
    """Let a verb name flags."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a flag, as the console gave it")


def add_rewrap(parser: argparse.ArgumentParser) -> None:
    """Let a verb seal flags to others."""
    add_to(parser, "the public key of whoever shall read them; can be given several times", required=True)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="a file, or for several flags a folder"
    )
    add_replace(parser)
    add_yes(parser)


def print_flags(flags: list[FlagFile], opening: Opening, format: str) -> int:
    """Open flags and print them; 1 if one does not open or differs from what is said of it."""
    opened: list[Opened | None] = []
    rows: list[dict[str, Any]] = []
    for flag in flags:
        try:
            found = open_flag(flag, opening)
        except UntrustedInputError as error:
            say(f"flag {show(flag.flag_id)}: {error.message}")
            opened.append(None)
            rows.append({"flag": flag.flag_id, "opened": False, "reason": error.message})
            continue
        opened.append(found)
        rows.append(
            {
                "flag": flag.flag_id,
                "opened": True,
                "content": asdict(found.content),
                "sealed_again": {"by": found.copy.by, "at_ns": found.copy.at_ns} if found.copy else None,
                "notes": [asdict(note) for note in found.notes],
                "differences": list(found.differences),
            }
        )
    if format == "json":
        print_json(rows)
    else:
        for each in opened:
            _print_flag(each)
    return 1 if any(each is None or each.differences for each in opened) else 0


def write_rewrapped(flags: list[FlagFile], opening: Opening, options: argparse.Namespace) -> int:
    """Seal flags to others, write them and print which.

    Raises:
        UsageError: something is there already.
        SealError: one does not open.
        MalformedError: one is no flag.
        OSError: one cannot be written.
    """
    targets = [options.output] if len(flags) == 1 else [options.output / file.name for file in options.files]
    if len(set(targets)) != len(targets):
        raise UsageError("two of the files have the same name", hint="rewrap them one by one")
    for target in targets:
        verify_free(target, replace=options.replace)
    question = "No rule is applied here: is nobody of those who shall read it somebody whom it may be about?"
    if not confirm(question, is_agreed=options.yes):
        raise UsageError("nothing was written")
    rewrapped = [rewrap(flag, opening, options.to) for flag in flags]
    for target, (flag, left) in zip(targets, rewrapped, strict=True):
        write_document(target, flag.to_document(), replace=options.replace)
        if left:
            say(f"{target}: {left} notes are not sealed to this key and were left out")
    if options.format == "json":
        print_json([{"flag": flag.flag_id, "file": str(target)} for target, flag in zip(targets, flags, strict=True)])
    else:
        print_lines(*(str(target) for target in targets))
    return 0


def _open(options: argparse.Namespace) -> int:
    flags = [load_flag(path) for path in options.files]
    return print_flags(flags, _load_opening(options), options.format)


def _rewrap(options: argparse.Namespace) -> int:
    flags = [load_flag(path) for path in options.files]
    return write_rewrapped(flags, _load_opening(options), options)


def _load_opening(options: argparse.Namespace) -> Opening:
    identity = load_identity(folder_of(options).identity)
    return partial(open_sealed, identity=unwrap(identity, read_passphrase(options.passphrase_file)))


def _print_flag(opened: Opened | None) -> None:
    if opened is None:
        return
    print_lines(*describe(opened))
    if opened.copy:
        print_lines(
            "  !!! YOUR KEY DOES NOT OPEN WHAT THE DEVICE SEALED. What you read here was",
            f"  !!! sealed again by {show(opened.copy.by)} on {to_text(opened.copy.at_ns)}, not by the device.",
        )
    if opened.differences:
        print_lines(
            "  !!! THE FILE SAYS SOMETHING ELSE THAN WHAT THE DEVICE SEALED. Believe the sealed text, keep the file,",
            "  !!! and ask who changed it:",
            *(f"  !!!  {difference}" for difference in opened.differences),
        )
    print_lines("")
