# SPDX-License-Identifier: Apache-2.0
"""The next set of readers: made from the collector's list, what people read back, and the set before; then signed.

Devices take it only if the safeguarding root signed it (`proto.recipients`); who of it reads which flag is not decided
here.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from collector.opener.candidates import Candidate, Candidates, Code
from collector.opener.documents import load_text
from collector.opener.errors import FindingError, UsageError
from collector.opener.root import Root
from proto.errors import RecipientsError
from proto.keys import Ed25519Signer
from proto.recipients import (
    Recipient,
    RecipientSet,
    Recovery,
    fingerprint,
    load_signed,
    open_recipients,
    sign_recipients,
)
from proto.wire import SignedRecipients

LEAVING = """\
What this does: devices that take the new set seal no flag to this person any more.
What it does not do, and what you do about it:
 - A device that is switched off seals to the old set until it has taken the new one: the console shows which have.
 - Flags that were sealed before stay readable for this key wherever this person has a copy. End his account at the
   console today, so that it shows him none.
 - If he could open the safeguarding root: `schoolwarden-open root rotate`, sealed to those who stay, then sign again.
 - If he held a recovery sheet: `schoolwarden-open recovery make --replace` for that route, then sign again.
"""


def load_set(path: Path) -> tuple[SignedRecipients, RecipientSet]:
    """Load a signed set; the signature is verified, and whose root signed it is for the caller to judge.

    Raises:
        UsageError: the file is of another kind.
        RecipientsError: the set is damaged, or not signed by the root that it names.
        OSError: it cannot be read.
    """
    text = load_text(path)
    try:
        signed = load_signed(text)
    except RecipientsError as error:
        raise UsageError(f"{path}: {error.message}", hint=error.hint) from error
    return signed, open_recipients(
        signed, pinned_fingerprint=fingerprint(signed.root_public_key), school_id=_find_school_id(signed)
    )


def load_own_set(path: Path, root: Root) -> RecipientSet:
    """Load a set of our own school, signed by our root or by the one before it.

    Raises:
        UsageError: the file is of another kind.
        RecipientsError: the set is damaged, or not signed by the root that it names.
        FindingError: another root signed it.
        OSError: it cannot be read.
    """
    signed, content = load_set(path)
    verify_root(signed, root, str(path))
    return content


def verify_root(signed: SignedRecipients, root: Root, name: str) -> None:
    """Return if our root signed a set, or the root before ours.

    Raises:
        FindingError: another one did.
    """
    if signed.root_public_key not in {root.public_key, root.former_public_key or root.public_key}:
        raise FindingError(
            f"{name} is signed by another safeguarding root than ours",
            hint=f"theirs: {fingerprint(signed.root_public_key).hex()}, ours: {root.fingerprint}",
        )


def make_set(
    candidates: Candidates,
    *,
    codes: Mapping[str, Code],
    read_back: Mapping[str, str],
    current: RecipientSet | None,
    recoveries: tuple[Recovery, ...],
    now_ns: int,
) -> RecipientSet:
    """Return the next set. Tested is who read the right code back, and who was tested before with the same key.

    Raises:
        UsageError: a code was given for somebody who is not on the list or was not tested, or the list is of another
            school than the set in force.
        FindingError: a code is wrong, or a key on the list changed since it was tested.
    """
    if current is not None and current.school_id != candidates.school_id:
        raise UsageError("the list is of another school than the set in force")
    _verify_codes(candidates, codes, read_back)
    before = {each.id: each.age_key for each in current.tested} if current else {}
    version = max(candidates.version, current.version if current else 0) + 1
    recipients = tuple(
        Recipient(
            id=person.id,
            positions=person.positions,
            age_key=person.age_key,
            aliases=person.aliases,
            accounts=person.accounts,
            tested=person.id in read_back or before.get(person.id) == person.age_key,
        )
        for person in candidates.people
    )
    return RecipientSet(
        school_id=candidates.school_id,
        version=version,
        made_at_ns=now_ns,
        recipients=recipients,
        recoveries=recoveries,
    )


def remove_reader(current: RecipientSet, id: str, *, now_ns: int) -> RecipientSet:
    """Return the next set, without somebody.

    Raises:
        UsageError: he is not in it, or is the last one.
    """
    rest = tuple(each for each in current.recipients if each.id != id)
    if len(rest) == len(current.recipients):
        raise UsageError(f"{id} is not in the set", hint="`schoolwarden-open readers show` says who is")
    if not rest:
        raise UsageError(f"{id} is the last one in the set", hint="sign a set with somebody else first")
    return replace(current, version=current.version + 1, made_at_ns=now_ns, recipients=rest)


def sign_set(root: Root, signer: Ed25519Signer, content: RecipientSet) -> SignedRecipients:
    """Sign a set; if our root follows another one, that one's word goes with it.

    Raises:
        RecipientsError: the set is not one that a device would take.
    """
    signed = sign_recipients(signer, content)
    signed.former_root_public_key = root.former_public_key
    signed.former_signature = root.former_signature
    return signed


def find_change(person: Candidate | Recipient, current: RecipientSet | None) -> str:
    """Return what is new about somebody since the set in force, in words."""
    before = next((each for each in current.recipients if each.id == person.id), None) if current else None
    if before is None:
        return "NEW in this set"
    changes = ["ANOTHER KEY than before"] if before.age_key != person.age_key else []
    changes += [
        f"{name} changed"
        for name in ("positions", "aliases", "accounts")
        if getattr(before, name) != getattr(person, name)
    ]
    return ", ".join(changes) or "as before"


def _verify_codes(candidates: Candidates, codes: Mapping[str, Code], read_back: Mapping[str, str]) -> None:
    people = {person.id: person for person in candidates.people}
    for name, digits in read_back.items():
        if name not in people or name not in codes:
            raise UsageError(f"no code was sealed for {name}", hint="test first: schoolwarden-open readers test")
        if codes[name].age_key != people[name].age_key:
            raise FindingError(f"the list holds another key for {name} than was tested; nothing was signed")
        if codes[name].digits != digits:
            raise FindingError(
                f"the code of {name} is another one; nothing was signed",
                hint="let him read it again; if it stays wrong, the key on the list is not his",
            )


def _find_school_id(signed: SignedRecipients) -> str:
    """Return for which school a set says that it is. A name to look it up by, believed only once it is verified."""
    try:
        return str(json.loads(signed.body)["school_id"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RecipientsError("the set cannot be read") from error
