# SPDX-License-Identifier: Apache-2.0
"""readers: who may read flags: test, answer, sign, show, remove."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collector.opener.candidates import (
    CODE_DIGITS,
    Candidate,
    dump_codes,
    dump_items,
    load_candidates,
    load_codes,
    make_codes,
    open_item,
)
from collector.opener.commands.arguments import (
    add_noun,
    add_passphrase,
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
from collector.opener.documents import verify_free, write_document
from collector.opener.errors import FindingError, UsageError
from collector.opener.flag import ROUTES
from collector.opener.folder import Folder
from collector.opener.identity import load_identity, unwrap
from collector.opener.prompt import confirm, read_passphrase
from collector.opener.readers import (
    LEAVING,
    find_change,
    load_own_set,
    load_set,
    make_set,
    remove_reader,
    sign_set,
    verify_root,
)
from collector.opener.recovery import load_recovery
from collector.opener.root import Root, load_root, open_root
from collector.opener.text import in_groups, show
from proto.recipients import FEWEST_TESTED, Recipient, RecipientSet, Recovery, dump_signed, fingerprint


def add_readers(nouns: Any) -> None:
    """Add `readers` and its verbs."""
    verbs = add_noun(nouns, "readers", "who may read flags: test, answer, sign, show, remove")
    test = add_verb(
        verbs,
        "test",
        _test,
        "seal a code to the key of everybody on the collector's list",
        "readers test candidates.json -o items.json",
    )
    test.add_argument("candidates", type=Path, metavar="CANDIDATES", help="the list, as the collector gave it")
    _add_output(test, "where to write the test items for the collector")
    add_replace(test)
    answer = add_verb(
        verbs,
        "answer",
        _answer,
        "open the test item that is sealed to you, and read the code to whoever signs",
        "readers answer items.json --id anna",
    )
    answer.add_argument("items", type=Path, metavar="ITEMS", help="the test items")
    answer.add_argument("--id", required=True, metavar="NAME", help="your name at the console")
    add_passphrase(answer)
    sign = add_verb(
        verbs,
        "sign",
        _sign,
        "sign the next set of readers, once each has read back his code",
        "readers sign candidates.json --code anna=123456 --code ben=654321 -o set.txt",
    )
    sign.add_argument("candidates", type=Path, metavar="CANDIDATES", help="the list, as the collector gave it")
    sign.add_argument(
        "--code", type=_code, action="append", default=[], metavar="NAME=DIGITS", help="what this person read back"
    )
    sign.add_argument(
        "--current", type=Path, metavar="SET", help="the set in force (default: the one that was signed here last)"
    )
    add_recovery(sign, "the recovery keys that go into the set")
    _add_signing(sign)
    shown = add_verb(
        verbs, "show", _show, "show who is in a signed set, and by which root; 1 if not by ours", "readers show set.txt"
    )
    shown.add_argument("set", type=Path, metavar="SET", help="a signed set")
    add_root(shown)
    remove = add_verb(
        verbs,
        "remove",
        _remove,
        "sign the set in force again without somebody who leaves",
        "readers remove ben -o set.txt",
    )
    remove.add_argument("id", metavar="NAME", help="his name at the console")
    remove.add_argument(
        "--current", type=Path, metavar="SET", help="the set in force (default: the one that was signed here last)"
    )
    _add_signing(remove)


def _add_signing(parser: argparse.ArgumentParser) -> None:
    _add_output(parser, "where to write the signed set for the collector")
    add_root(parser)
    add_passphrase(parser)
    add_replace(parser)
    add_yes(parser)


def _add_output(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=help)


def _code(text: str) -> tuple[str, str]:
    name, _, typed = text.rpartition("=")
    digits = "".join(typed.split())
    if not name or len(digits) != CODE_DIGITS or not (digits.isascii() and digits.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is not NAME={'0' * CODE_DIGITS}")
    return name, digits


def _test(options: argparse.Namespace) -> int:
    folder = folder_of(options)
    candidates = load_candidates(options.candidates)
    own = load_identity(folder.identity).age_key
    verify_free(options.output, replace=options.replace)
    codes = make_codes(candidates)
    # Codes first: test items whose codes nobody has kept would make people read for nothing.
    write_document(folder.codes, dump_codes(codes, own), replace=True)
    write_document(options.output, dump_items(codes), replace=options.replace)
    if options.format == "json":
        print_json({"file": str(options.output), "people": list(codes)})
    else:
        print_lines(*(f"{show(person.id)}: {in_groups(person.age_key)}" for person in candidates.people))
    say(
        "Give the items to the collector. Each person opens his own and reads you, in person or by a telephone number",
        "that you knew before, the six digits and the key that his own screen shows. It must be the key above.",
    )
    return 0


def _answer(options: argparse.Namespace) -> int:
    identity = load_identity(folder_of(options).identity)
    digits = open_item(options.items, options.id, unwrap(identity, read_passphrase(options.passphrase_file)))
    if options.format == "json":
        print_json({"id": options.id, "code": digits, "age_key": identity.age_key})
    else:
        print_lines(f"the code to read aloud: {digits}", f"and your key: {in_groups(identity.age_key)}")
    say("Whoever signs compares both with what he has: a code alone does not prove whose key it is.")
    return 0


def _sign(options: argparse.Namespace) -> int:
    folder = folder_of(options)
    candidates = load_candidates(options.candidates)
    root = load_root(options.root or folder.root)
    verify_free(options.output, replace=options.replace)
    current = _find_current(folder, options, root)
    recoveries = _choose_recoveries(folder, options, root, current)
    secret = unwrap(load_identity(folder.identity), read_passphrase(options.passphrase_file))
    read_back = dict(options.code)
    content = make_set(
        candidates,
        codes=load_codes(folder.codes, secret) if read_back else {},
        read_back=read_back,
        current=current,
        recoveries=recoveries,
        now_ns=time.time_ns(),
    )
    for person in content.recipients:
        say(*_describe(person), f"  {find_change(person, current)}")
        question = f"Is this {show(person.id)}, in these positions, and is this the key that was read to you?"
        if not confirm(question, is_agreed=options.yes):
            raise UsageError("nothing was signed", hint="have the list corrected at the console, then start again")
    gone = {each.id for each in current.recipients} - {each.id for each in content.recipients} if current else set()
    if gone:
        say(f"NO LONGER in the set: {', '.join(show(each) for each in sorted(gone))}", LEAVING)
    _sign_and_write(folder, options, root, secret, content)
    folder.codes.unlink(missing_ok=True)
    return 0


def _remove(options: argparse.Namespace) -> int:
    folder = folder_of(options)
    root = load_root(options.root or folder.root)
    verify_free(options.output, replace=options.replace)
    current = _find_current(folder, options, root)
    if current is None:
        raise UsageError("no set was signed here", hint="name the set in force: --current SET")
    content = remove_reader(current, options.id, now_ns=time.time_ns())
    say(LEAVING)
    if not confirm(f"Sign the set again without {show(options.id)}?", is_agreed=options.yes):
        raise UsageError("nothing was signed")
    secret = unwrap(load_identity(folder.identity), read_passphrase(options.passphrase_file))
    _sign_and_write(folder, options, root, secret, content)
    return 0


def _show(options: argparse.Namespace) -> int:
    signed, content = load_set(options.set)
    root_path = options.root or folder_of(options).root
    signed_by = fingerprint(signed.root_public_key).hex()
    has_root = options.root is not None or root_path.exists()
    # Printed all the same: whoever finds a stranger's set wants to see who is in it.
    if options.format == "json":
        print_json(_to_json(content) | {"root_fingerprint": signed_by})
    else:
        print_lines(f"Set {content.version} of school {show(content.school_id)}, signed by {in_groups(signed_by)}")
        for person in content.recipients:
            print_lines(*_describe(person))
        for each in content.recoveries:
            holders = ", ".join(show(holder) for holder in each.holders)
            print_lines(f"recovery of {show(each.route)}: two of {holders}", f"  key        {in_groups(each.age_key)}")
    if has_root:
        verify_root(signed, load_root(root_path), str(options.set))
    else:
        say("There is no root here to hold it against: compare the fingerprint with a recovery sheet.")
    return 0


def _sign_and_write(
    folder: Folder, options: argparse.Namespace, root: Root, secret: str, content: RecipientSet
) -> None:
    signed = sign_set(root, open_root(root, secret), content)
    write_document(options.output, dump_signed(signed), replace=options.replace)
    write_document(folder.current_set, dump_signed(signed), replace=True)
    if options.format == "json":
        print_json(_to_json(content) | {"root_fingerprint": root.fingerprint, "file": str(options.output)})
    else:
        print_lines(f"set {content.version} is signed: {options.output}")
    if len(content.tested) < FEWEST_TESTED:
        say(f"Fewer than {FEWEST_TESTED} in it have read back a code: devices watch nobody with it.")
    bare = [route for route in ROUTES if route not in {each.route for each in content.recoveries}]
    if bare:
        say(
            f"No recovery key is in it for: {', '.join(bare)}. Flags are lost with the keys of their readers;",
            "those for `outside` are lost at once, since nobody else reads them: schoolwarden-open recovery make",
        )


def _find_current(folder: Folder, options: argparse.Namespace, root: Root) -> RecipientSet | None:
    if options.current is None and not folder.current_set.exists():
        return None
    return load_own_set(options.current or folder.current_set, root)


def _choose_recoveries(
    folder: Folder, options: argparse.Namespace, root: Root, current: RecipientSet | None
) -> tuple[Recovery, ...]:
    path = options.recovery or folder.recovery
    if options.recovery is None and not path.exists():
        return current.recoveries if current else ()
    recovery = load_recovery(path)
    ours = {root.fingerprint, fingerprint(root.former_public_key).hex()}
    if recovery.root_fingerprint not in ours:
        raise FindingError(f"the recovery keys in {path} were made for another safeguarding root")
    return recovery.recoveries


def _describe(person: Recipient | Candidate) -> Sequence[str]:
    tested = "yes" if isinstance(person, Recipient) and person.tested else "NO: gets no flags"
    return [
        show(person.id),
        f"  positions  {', '.join(show(each) for each in person.positions)}",
        f"  key        {in_groups(person.age_key)}",
        f"  aliases    {', '.join(show(each) for each in person.aliases) or 'none'}",
        f"  accounts   {', '.join(show(each) for each in person.accounts) or 'none'}",
        f"  tested     {tested}",
    ]


def _to_json(content: RecipientSet) -> dict[str, Any]:
    return {
        "school_id": content.school_id,
        "version": content.version,
        "tested": [each.id for each in content.tested],
        "untested": [each.id for each in content.recipients if not each.tested],
        "people": [
            {"id": each.id, "positions": list(each.positions), "age_key": each.age_key, "tested": each.tested}
            for each in content.recipients
        ],
        "recoveries": [each.route for each in content.recoveries],
    }
