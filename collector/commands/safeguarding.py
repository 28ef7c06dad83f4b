# SPDX-License-Identifier: Apache-2.0
"""readers and drill: who may read safeguarding flags, and whether flags come through.

It runs as the operator, who may read none: what is shown here are names, keys and times of drills, never a flag. What
the safeguarding root signs is made with `schoolwarden-open` and comes here as a file.
"""

import argparse
import base64
import binascii
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows, with_times
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.drills import Drill
    from proto.wire import SignedRecipients

CANDIDATES_FORMAT = "schoolwarden candidates v1"
ITEMS_FORMAT = "schoolwarden test items v1"
LONGEST_BYTES = 8 * 1024 * 1024
SHOWN_OF_A_KEY = 16


def add_readers(commands: Any) -> None:
    """Add `readers`, with `candidates`, `test`, `publish` and `show`."""
    what = "the people who may read safeguarding flags: candidates, test, publish, show"
    actions = commands.add_parser("readers", help=what, description=what).add_subparsers(
        required=True, metavar="ACTION"
    )
    candidates = add_command(
        actions, "candidates", _candidates, "print the file from which schoolwarden-open makes the next set"
    )
    add_dir(candidates)
    test = add_command(actions, "test", _test, "give the readers the test items that schoolwarden-open made")
    test.add_argument("path", type=Path, metavar="FILE", help="the file with the test items")
    add_dir(test)
    publish = add_command(actions, "publish", _publish, "publish a set that the safeguarding root signed")
    publish.add_argument("path", type=Path, metavar="FILE", help="the file with the signed set")
    add_dir(publish)
    show = add_command(actions, "show", _show, "show the set in force, and the fingerprint of the root that signed it")
    add_dir(show)
    add_format(show)


def _candidates(options: argparse.Namespace) -> int:
    from collector.readers import list_candidates
    from collector.recipients import load_set

    config, engine = open_folder(options)
    content = load_set(engine, config.school_id)
    candidates = list_candidates(engine, config.school_id)
    document = {
        "format": CANDIDATES_FORMAT,
        "school_id": config.school_id,
        "school_name": config.school_name,
        "version": content.version if content is not None else 0,
        "people": [asdict(each) for each in candidates if each.age_key],
    }
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
    for each in candidates:
        if not each.age_key:
            sys.stderr.write(f"{each.id} is left out: he has made no identity at the console yet.\n")
    return 0


def _test(options: argparse.Namespace) -> int:
    from collector.identities import keep_test_items

    config, engine = open_folder(options)
    items = _load_items(options.path)
    keep_test_items(engine, config.school_id, items, actor=COMMAND_LINE, now_ns=time.time_ns())
    sys.stderr.write(f"{len(items)} readers have a test item on their page now: they read it back to you.\n")
    return 0


def _publish(options: argparse.Namespace) -> int:
    from collector.recipients import publish_set
    from collector.subjects import load_subject_key

    config, engine = open_folder(options)
    signed = _load_set(options.path)
    # Made now if it is not there: the collector refuses to serve a set without it.
    load_subject_key(config)
    version = publish_set(engine, config.school_id, signed, actor=COMMAND_LINE, now_ns=time.time_ns())
    sys.stderr.write(f"Version {version} of the readers is published; connected devices get it within seconds.\n")
    return 0


def _show(options: argparse.Namespace) -> int:
    from collector.identities import list_identities
    from collector.readers import list_unsigned
    from collector.recipients import find_root_fingerprint, load_set

    config, engine = open_folder(options)
    content = load_set(engine, config.school_id)
    if content is None:
        raise UsageError("no set of readers was published yet", hint="readers candidates, then schoolwarden-open")
    fingerprint = find_root_fingerprint(engine, config.school_id).hex()
    kept = {each.user: each.age_key for each in list_identities(engine, config.school_id)}
    people = [
        {
            "id": each.id,
            "positions": ", ".join(each.positions),
            "age_key": each.age_key,
            "tested": each.tested,
            "identity_here": kept.get(each.id) == each.age_key,
        }
        for each in content.recipients
    ]
    unsigned = list_unsigned(engine, config.school_id, content)
    for user, accounts in unsigned.items():
        sys.stderr.write(
            f"{user} has accounts that are not in the signed set: {', '.join(accounts)}. Until a set with them is "
            f"signed, devices seal to {user} what is typed there.\n"
        )
    recoveries = [{"route": each.route, "age_key": each.age_key} for each in content.recoveries]
    if options.format == "json":
        readers = [each | {"unsigned_accounts": unsigned.get(str(each["id"]), ())} for each in people]
        shown = {"version": content.version, "root_fingerprint": fingerprint, "readers": readers}
        sys.stdout.write(json.dumps(shown | {"recoveries": recoveries}, indent=1) + "\n")
        return 0
    groups = " ".join(fingerprint[start : start + 4] for start in range(0, len(fingerprint), 4))
    sys.stdout.write(f"Version {content.version}, signed by the root {groups}\n\n")
    print_rows([_shorten(each) for each in people], options.format, "nobody")
    sys.stdout.write("\n")
    print_rows([_shorten(each) for each in recoveries], options.format, "no recovery keys")
    return 0


def add_drill(commands: Any) -> None:
    """Add `drill`."""
    parser = add_command(commands, "drill", _drill, "ask devices to show that flags come through; or list the drills")
    parser.add_argument("device", nargs="?", metavar="DEVICE", help="a device's id, or the word list")
    parser.add_argument("--all", action="store_true", help="ask every device")
    add_dir(parser)
    add_format(parser)


def _drill(options: argparse.Namespace) -> int:
    from collector.drills import list_drills, order_drill, order_drills

    if options.all == bool(options.device):
        raise UsageError("name one device, or all", hint="drill DEVICE, drill --all, or drill list")
    config, engine = open_folder(options)
    if options.device == "list":
        rows = [_to_row(each) for each in list_drills(engine, config.school_id)]
        print_rows(rows, options.format, "no drill was ordered yet")
        return 0
    now_ns = time.time_ns()
    if options.all:
        count = order_drills(engine, config.school_id, actor=COMMAND_LINE, now_ns=now_ns)
    else:
        count = 1
        order_drill(engine, config.school_id, device_id=options.device, actor=COMMAND_LINE, now_ns=now_ns)
    sys.stderr.write(f"{count} devices are asked; see what came of it with: drill list\n")
    return 0


def _to_row(drill: "Drill") -> dict[str, Any]:
    """Return a drill for people and programs; no time where none has come."""
    row = with_times({name: value for name, value in asdict(drill).items() if value is not None})
    return row if drill.answered_at_ns is not None else row | {"answered_at": "not answered"}


def _shorten(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"age_key": row["age_key"][:SHOWN_OF_A_KEY] + "…"}


def _load_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LONGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    try:
        if len(raw) <= LONGEST_BYTES:
            return raw.decode()
    except UnicodeDecodeError:
        pass
    raise UsageError(f"{path} is not a file that schoolwarden-open made")


def _load_set(path: Path) -> "SignedRecipients":
    from proto.errors import RecipientsError
    from proto.recipients import load_signed

    try:
        return load_signed(_load_text(path))
    except RecipientsError as error:
        # Another file was named. What is wrong with a set that can be read is another matter, and said by who verifies.
        hint = error.hint or "sign it again: schoolwarden-open readers sign"
        raise UsageError(f"{path}: {error.message}", hint=hint) from error


def _load_items(path: Path) -> dict[str, bytes]:
    strange = UsageError(f"{path} holds no test items", hint="make them: schoolwarden-open readers test")
    try:
        values: Any = json.loads(_load_text(path))
        if not isinstance(values, dict) or values.get("format") != ITEMS_FORMAT:
            raise strange
        items = values["items"]
        return {str(user): base64.b64decode(item, validate=True) for user, item in items.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise strange from error
