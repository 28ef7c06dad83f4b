# SPDX-License-Identifier: Apache-2.0
"""recovery: the spare keys on paper: make, open, rewrap, drill."""

import argparse
import secrets
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from collector.opener.commands.arguments import (
    add_noun,
    add_recovery,
    add_replace,
    add_root,
    add_verb,
    add_yes,
    folder_of,
    print_json,
    print_lines,
    say,
)
from collector.opener.commands.flag import add_files, add_rewrap, print_flags, write_rewrapped
from collector.opener.documents import verify_free, write_document
from collector.opener.errors import FindingError, UsageError
from collector.opener.flag import ROUTES, FlagFile, load_flag
from collector.opener.prompt import confirm, read_sheets
from collector.opener.recovery import (
    NEEDED,
    RecoveryFile,
    find_rung,
    load_recovery,
    make_recovery,
    read_share,
    recover,
    verify_holders,
)
from collector.opener.root import load_root
from collector.opener.sheet import make_checksum, render_sheet
from collector.opener.text import show
from proto.errors import SealError
from proto.sealed import open_sealed, seal


def add_recovery_noun(nouns: Any) -> None:
    """Add `recovery` and its verbs."""
    verbs = add_noun(nouns, "recovery", "spare keys on paper, for when readers lost theirs: make, open, rewrap, drill")
    make = add_verb(
        verbs,
        "make",
        _make,
        "make the spare key of a route and its three sheets to print; any two of them open its flags",
        'recovery make --route dsl --holder headteacher --holder chair --holder "trust safeguarding lead" --sheets S',
    )
    _add_route(make)
    make.add_argument(
        "--holder", action="append", required=True, metavar="WHO", help="a function, not a name; exactly three times"
    )
    make.add_argument("--sheets", type=Path, required=True, metavar="D", help="the folder for the sheets")
    add_recovery(make, "where the public part is kept")
    add_root(make)
    add_replace(make)
    add_yes(make)
    opened = add_verb(
        verbs,
        "open",
        _open,
        "print what is sealed in flags, with two sheets; their words go in by stdin, a line each",
        "recovery open --route dsl flag-3f2a.json",
    )
    _add_route(opened)
    add_files(opened)
    wrapped = add_verb(
        verbs,
        "rewrap",
        _rewrap,
        "seal flags to a reader's new key, with two sheets; their words go in by stdin, a line each",
        "recovery rewrap --route dsl flag-3f2a.json --to age1... -o rewrapped.json",
    )
    _add_route(wrapped)
    add_files(wrapped)
    add_rewrap(wrapped)
    drill = add_verb(
        verbs,
        "drill",
        _drill,
        "show that two sheets open what is sealed to their route, without a flag; prints a line for the log",
        "recovery drill --route dsl",
    )
    _add_route(drill)
    add_recovery(drill, "the public part")


def _add_route(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--route", choices=ROUTES, required=True, help="whose flags")


def _make(options: argparse.Namespace) -> int:
    folder = folder_of(options)
    path = options.recovery or folder.recovery
    verify_holders(options.route, options.holder)
    root = load_root(options.root or folder.root)
    others = load_recovery(path).recoveries if path.exists() else ()
    if any(each.route == options.route for each in others) and not options.replace:
        raise UsageError(f"{path} has a key for the route {options.route}", hint="--replace makes a new one")
    for holder in options.holder:
        question = f"Is {show(holder)} somebody who holds no position in the school that flags may be about?"
        if find_rung(holder) is None and not confirm(question, is_agreed=options.yes):
            raise UsageError(f"{show(holder)} may not hold a share; nothing was made")
    sheets = [options.sheets / f"recovery-{options.route}-{number}.html" for number in range(1, 4)]
    for sheet in sheets:
        verify_free(sheet, replace=options.replace)
    recovery, shares = make_recovery(options.route, options.holder)
    now_ns = time.time_ns()
    for place, (sheet, words) in enumerate(zip(sheets, shares, strict=True)):
        page = render_sheet(recovery, place, words, root=root, now_ns=now_ns)
        write_document(sheet, page, replace=options.replace)
    kept = (*(each for each in others if each.route != options.route), recovery)
    write_document(path, RecoveryFile(root.fingerprint, kept).to_document(), replace=True)
    if options.format == "json":
        print_json({"route": options.route, "age_key": recovery.age_key, "sheets": [str(each) for each in sheets]})
    else:
        print_lines(*(f"{sheet}  for: {show(who)}" for sheet, who in zip(sheets, options.holder, strict=True)))
    say(
        f"Print each sheet, hand it over, try it (recovery drill --route {options.route}), and then delete the files:",
        f"until then the whole spare key lies in {options.sheets}.",
        "It opens flags once it is in the signed set: schoolwarden-open readers sign. To let it open the",
        "safeguarding root as well: schoolwarden-open root share",
    )
    return 0


def _open(options: argparse.Namespace) -> int:
    flags = _load_flags(options)
    return print_flags(flags, partial(open_sealed, identity=recover(read_sheets(NEEDED))), options.format)


def _rewrap(options: argparse.Namespace) -> int:
    flags = _load_flags(options)
    return write_rewrapped(flags, partial(open_sealed, identity=recover(read_sheets(NEEDED))), options)


def _load_flags(options: argparse.Namespace) -> list[FlagFile]:
    flags = [load_flag(path) for path in options.files]
    for flag in flags:
        if flag.route != options.route:
            raise UsageError(
                f"flag {show(flag.flag_id)} is on the route {show(flag.route)}", hint="take the sheets of that route"
            )
    return flags


def _drill(options: argparse.Namespace) -> int:
    path = options.recovery or folder_of(options).recovery
    if not path.exists():
        raise UsageError(f"there is no public part at {path}", hint="copy it from whoever made the sheets: --recovery")
    recovery = next((each for each in load_recovery(path).recoveries if each.route == options.route), None)
    if recovery is None:
        raise UsageError(f"{path} has no key for the route {options.route}")
    item = secrets.token_bytes(32)
    sealed = seal(item, [recovery.age_key])
    words = read_sheets(NEEDED)
    secret = recover(words)
    try:
        is_opened = open_sealed(sealed, secret) == item
    except SealError:
        is_opened = False
    if not is_opened:
        raise FindingError(f"these sheets are of another key than the one of the route {options.route}")
    shares = [read_share(each, number) for number, each in enumerate(words, 1)]
    used = [{"sheet": s.index + 1, "checksum": make_checksum(s.mnemonic())} for s in shares]
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if options.format == "json":
        print_json({"at": at, "route": options.route, "set": shares[0].identifier, "sheets": used, "is_opened": True})
    else:
        named = " and ".join(f"{each['sheet']} ({each['checksum']})" for each in used)
        print_lines(f"{at} recovery drill, route {options.route}, set {shares[0].identifier}: sheets {named} open it")
    return 0
