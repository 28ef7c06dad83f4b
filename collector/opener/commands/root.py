# SPDX-License-Identifier: Apache-2.0
"""root: the safeguarding root: make, show, share, rotate, recover."""

import argparse
from typing import Any

from collector.opener.commands.arguments import (
    add_noun,
    add_passphrase,
    add_recovery,
    add_replace,
    add_root,
    add_to,
    add_verb,
    add_yes,
    folder_of,
    print_json,
    print_lines,
    say,
)
from collector.opener.documents import verify_free
from collector.opener.errors import UsageError
from collector.opener.folder import Folder
from collector.opener.identity import load_identity, unwrap
from collector.opener.prompt import confirm, read_passphrase, read_sheets
from collector.opener.recovery import NEEDED, load_recovery, recover
from collector.opener.root import Root, load_root, make_root, open_root, reseal_root, write_root
from collector.opener.text import frame, in_groups, show
from proto.recipients import fingerprint


def add_root_noun(nouns: Any) -> None:
    """Add `root` and its verbs."""
    verbs = add_noun(
        nouns, "root", "the safeguarding root, which says who may read: make, show, share, rotate, recover"
    )
    make = add_verb(
        verbs,
        "make",
        _make,
        "make the school's root, sealed to your own key and to others who may change the set",
        'root make --school "Hilltop School" --to age1...',
    )
    make.add_argument("--school", required=True, metavar="NAME", help="the school's name, printed on recovery sheets")
    add_to(make, "another who may change the set; can be given several times", required=False)
    add_root(make)
    add_replace(make)
    shown = add_verb(verbs, "show", _show, "show its fingerprint, and whose keys open it", "root show")
    add_root(shown)
    share = add_verb(
        verbs,
        "share",
        _share,
        "let more keys open it: another reader's, and the recovery keys",
        "root share --to age1... --recovery recovery.json",
    )
    add_to(share, "another who may change the set; can be given several times", required=False)
    add_recovery(share, "the recovery keys that shall open it as well")
    add_root(share)
    add_passphrase(share)
    rotate = add_verb(
        verbs,
        "rotate",
        _rotate,
        "make a new root, for which the former vouches: when somebody who could open it leaves",
        "root rotate --to age1...",
    )
    add_to(rotate, "whoever may change the set from now on, beside you; can be given several times", required=False)
    add_recovery(rotate, "the recovery keys that shall open it as well")
    add_root(rotate)
    add_passphrase(rotate)
    add_yes(rotate)
    back = add_verb(
        verbs,
        "recover",
        _recover,
        "open it with two recovery sheets and seal it to a new key; the words go in by stdin",
        "root recover --to age1...",
    )
    add_to(back, "whoever shall open it from now on; can be given several times", required=True)
    add_root(back)


def _make(options: argparse.Namespace) -> int:
    folder = folder_of(options)
    path = options.root or folder.root
    verify_free(path, replace=options.replace)
    if not options.school.strip():
        raise UsageError("the school has no name")
    own = load_identity(folder.identity).age_key
    root = make_root(options.school, [own, *options.to])
    write_root(path, root, replace=options.replace)
    _print_root(root, options.format)
    say("Make the recovery sheets next: schoolwarden-open recovery make")
    return 0


def _show(options: argparse.Namespace) -> int:
    _print_root(load_root(options.root or folder_of(options).root), options.format)
    return 0


def _share(options: argparse.Namespace) -> int:
    folder = folder_of(options)
    path = options.root or folder.root
    root = load_root(path)
    more = [*options.to, *_list_recovery_keys(folder, options)]
    if not more:
        raise UsageError("nobody is named to share it with", hint="--to KEY, or --recovery FILE")
    signer = open_root(root, unwrap(load_identity(folder.identity), read_passphrase(options.passphrase_file)))
    shared = reseal_root(root, signer, [*root.sealed_to, *more])
    write_root(path, shared, replace=True)
    _print_root(shared, options.format)
    return 0


def _rotate(options: argparse.Namespace) -> int:
    folder = folder_of(options)
    path = options.root or folder.root
    root, identity = load_root(path), load_identity(folder.identity)
    recovery = _list_recovery_keys(folder, options)
    former = open_root(root, unwrap(identity, read_passphrase(options.passphrase_file)))
    question = "Have all devices taken the newest set? One that has not followed the last change cannot follow two."
    if not confirm(question, is_agreed=options.yes):
        raise UsageError("the root was not changed")
    rotated = make_root(root.school_name, [identity.age_key, *options.to, *recovery], former=former)
    write_root(path, rotated, replace=True)
    _print_root(rotated, options.format)
    say(
        "Sign the set again now and publish it: devices follow the new root with it.",
        "Tokens made before show the former fingerprint, and so do recovery sheets: write the new one on them.",
    )
    return 0


def _recover(options: argparse.Namespace) -> int:
    path = options.root or folder_of(options).root
    root = load_root(path)
    signer = open_root(root, recover(read_sheets(NEEDED)))
    recovered = reseal_root(root, signer, [*root.sealed_to, *options.to])
    write_root(path, recovered, replace=True)
    _print_root(recovered, options.format)
    return 0


def _list_recovery_keys(folder: Folder, options: argparse.Namespace) -> list[str]:
    path = options.recovery or folder.recovery
    if options.recovery is None and not path.exists():
        return []
    return [each.age_key for each in load_recovery(path).recoveries]


def _print_root(root: Root, format: str) -> None:
    former = fingerprint(root.former_public_key).hex() if root.former_public_key else ""
    if format == "json":
        print_json(
            {
                "school_name": root.school_name,
                "fingerprint": root.fingerprint,
                "former_fingerprint": former,
                "sealed_to": list(root.sealed_to),
            }
        )
        return
    groups = root.shown.split()
    lines = [" ".join(groups[:8]), " ".join(groups[8:]), "", "Tokens, devices and recovery sheets show the same."]
    print_lines(frame(f"FINGERPRINT of the safeguarding root of {show(root.school_name)}", lines))
    if former:
        print_lines(f"the root before it vouches for it: {in_groups(former)}")
    print_lines("opened by:", *(f"  {key}" for key in root.sealed_to))
