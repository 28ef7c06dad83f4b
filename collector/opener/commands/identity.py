# SPDX-License-Identifier: Apache-2.0
"""identity: a reader's own key: make, show, export, import, change-passphrase."""

import argparse
from pathlib import Path
from typing import Any

from collector.opener.commands.arguments import (
    add_noun,
    add_passphrase,
    add_replace,
    add_verb,
    add_yes,
    folder_of,
    print_json,
    print_lines,
    say,
)
from collector.opener.documents import load_text, verify_free, write_document
from collector.opener.identity import (
    Identity,
    load_identity,
    make_secret,
    parse_identity,
    unwrap,
    wrap,
    write_identity,
)
from collector.opener.prompt import read_passphrase, verify_written_down
from collector.opener.text import frame, in_groups
from collector.opener.words import make_passphrase


def add_identity(nouns: Any) -> None:
    """Add `identity` and its verbs."""
    verbs = add_noun(nouns, "identity", "your own key: make, show, export, import, change its passphrase")
    make = add_verb(verbs, "make", _make, "make your key and its passphrase of six words, shown once", "identity make")
    add_replace(make)
    add_yes(make)
    add_verb(verbs, "show", _show, "show your public key, to compare and to give to others", "identity show")
    export = add_verb(
        verbs,
        "export",
        _export,
        "write the file that you upload at the console: public key, and the secret under your passphrase",
        "identity export -o identity-for-console.json",
    )
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write it (default: stdout)")
    add_replace(export)
    taken = add_verb(
        verbs,
        "import",
        _import,
        "keep here the key that you made in the console's page",
        "identity import identity-from-console.json",
    )
    taken.add_argument("file", type=Path, metavar="FILE", help="the file, as the console gave it")
    add_passphrase(taken)
    add_replace(taken)
    change = add_verb(
        verbs,
        "change-passphrase",
        _change,
        "draw new words for the same key, shown once",
        "identity change-passphrase",
    )
    add_passphrase(change)
    add_yes(change)


def _make(options: argparse.Namespace) -> int:
    path = folder_of(options).identity
    verify_free(path, replace=options.replace)
    _keep_under_new_words(path, make_secret(), options, replace=options.replace)
    say("Upload it at the console: schoolwarden-open identity export -o FILE")
    return 0


def _show(options: argparse.Namespace) -> int:
    path = folder_of(options).identity
    identity = load_identity(path)
    if options.format == "json":
        print_json({"age_key": identity.age_key, "file": str(path)})
    else:
        print_lines(identity.age_key, f"to read aloud: {in_groups(identity.age_key)}")
    return 0


def _export(options: argparse.Namespace) -> int:
    identity = load_identity(folder_of(options).identity)
    if options.output is None:
        print_lines(identity.to_document().rstrip("\n"))
        return 0
    write_document(options.output, identity.to_document(), replace=options.replace)
    _print_kept(identity, options.output, options.format)
    return 0


def _import(options: argparse.Namespace) -> int:
    path = folder_of(options).identity
    verify_free(path, replace=options.replace)
    identity = parse_identity(load_text(options.file), str(options.file))
    unwrap(identity, read_passphrase(options.passphrase_file))
    write_identity(path, identity, replace=options.replace)
    _print_kept(identity, path, options.format)
    return 0


def _change(options: argparse.Namespace) -> int:
    path = folder_of(options).identity
    secret = unwrap(load_identity(path), read_passphrase(options.passphrase_file))
    _keep_under_new_words(path, secret, options, replace=True)
    say(
        "Copies of the old file, the console's among them, still open with the old words: upload it again.",
        "If somebody has seen the old words and has such a copy, make a new key instead: identity make --replace",
    )
    return 0


def _keep_under_new_words(path: Path, secret: str, options: argparse.Namespace, *, replace: bool) -> None:
    passphrase = make_passphrase()
    identity = wrap(secret, passphrase)
    if options.format == "json":
        print_json({"age_key": identity.age_key, "passphrase": passphrase, "file": str(path)})
    else:
        advice = "Keep the paper where you keep your keys. It is shown this once and cannot be found again."
        print_lines(frame("WRITE THIS DOWN ON PAPER: the passphrase of your key", ["", passphrase, "", advice]))
    verify_written_down(passphrase, is_agreed=options.yes)
    write_identity(path, identity, replace=replace)
    if options.format != "json":
        print_lines(f"your public key: {identity.age_key}")


def _print_kept(identity: Identity, path: Path, format: str) -> None:
    if format == "json":
        print_json({"age_key": identity.age_key, "file": str(path)})
    else:
        print_lines(identity.age_key)
        say(f"Kept in {path}")
