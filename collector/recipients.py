# SPDX-License-Identifier: Apache-2.0
"""The published sets of people who may read flags. The collector carries them; the safeguarding root signs them.

The root of a school's first set is pinned: each later set is signed by it, or by a root that it vouches for. That
holds against whoever writes into the database; against whoever rules the collector itself the devices hold their own
pin. Who of the set reads which flag is the business of `readers`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select

from collector.audit import record
from collector.errors import UsageError
from collector.roles import Permission, list_permissions, load_roles
from collector.store.engine import reading, take_turns, writing
from collector.store.schema import recipient_sets, users
from proto.errors import RecipientsError
from proto.recipients import RecipientSet, fingerprint, open_recipients, sha256_of
from proto.wire import SignedRecipients


def publish_set(engine: Engine, school_id: str, signed: SignedRecipients, *, actor: str, now_ns: int) -> int:
    """Take a new set and return its version; connected devices get it within seconds.

    1. The root is that of the first set, or one that it vouches for, and signed exactly this.
    2. It is newer than the set in force.
    3. Everybody in it is a user here whose roles are the positions that the set gives him.

    Raises:
        RecipientsError: it is not signed by this school's root, or is no set that a device would take.
        UsageError: it is not newer, or somebody in it is no reader here. Nothing was changed.
    """
    with writing(engine) as connection:
        take_turns(connection, f"recipients {school_id}")
        rows = _load_rows(connection, school_id)
        # 1
        pinned = _verify_roots(rows, school_id) or fingerprint(signed.root_public_key)
        content = open_recipients(signed, pinned_fingerprint=pinned, school_id=school_id)
        # 2
        if rows and content.version <= rows[-1].version:
            raise UsageError(
                f"the set has version {content.version}, and {rows[-1].version} is in force",
                hint="sign it again: schoolwarden-open with a new list of candidates",
            )
        # 3
        _verify_users(connection, school_id, content)
        _insert(connection, school_id, content.version, _carry_succession(signed, rows), actor, now_ns)
        record(
            connection,
            school_id,
            actor=actor,
            action="recipients.published",
            subject=f"recipients/{content.version}",
            detail=f"sha256 {sha256_of(signed).hex()}, root {fingerprint(signed.root_public_key).hex()}",
            now_ns=now_ns,
        )
    return content.version


def find_signed(engine: Engine, school_id: str) -> SignedRecipients | None:
    """Return the set in force as it was signed, or None before the first.

    Raises:
        RecipientsError: somebody wrote into the database: a set is not of the root of the first one.
    """
    with reading(engine) as connection:
        rows = _load_rows(connection, school_id)
    if not rows:
        return None
    _verify_roots(rows, school_id)
    return _to_signed(rows[-1])


def load_set(engine: Engine, school_id: str) -> RecipientSet | None:
    """Return the set in force, verified, or None before the first.

    Raises:
        RecipientsError: as `find_signed`.
    """
    signed = find_signed(engine, school_id)
    if signed is None:
        return None
    return _open(signed, fingerprint(signed.root_public_key), school_id)


def load_sets(engine: Engine, school_id: str) -> list[RecipientSet]:
    """Return every set that was ever in force, verified, the oldest first.

    Raises:
        RecipientsError: as `find_signed`.
    """
    with reading(engine) as connection:
        rows = _load_rows(connection, school_id)
    _verify_roots(rows, school_id)
    signed = [_to_signed(row) for row in rows]
    return [_open(each, fingerprint(each.root_public_key), school_id) for each in signed]


def find_root_fingerprint(engine: Engine, school_id: str) -> bytes:
    """Return what a new device pins: the fingerprint of the root of the set in force, empty before the first.

    Raises:
        RecipientsError: as `find_signed`.
    """
    signed = find_signed(engine, school_id)
    return fingerprint(signed.root_public_key) if signed is not None else b""


def find_problems(engine: Engine, school_id: str) -> tuple[int, list[str]]:
    """Return how many sets were published, and what of them does not verify."""
    with reading(engine) as connection:
        rows = _load_rows(connection, school_id)
    pinned, problems = b"", []
    for row in rows:
        try:
            signed = _to_signed(row)
            root = fingerprint(signed.root_public_key)
            content = open_recipients(signed, pinned_fingerprint=pinned or root, school_id=school_id)
            pinned = root
            if content.version != row.version:
                raise RecipientsError(f"it is the set of version {content.version}")
        except RecipientsError as error:
            problems.append(f"readers, version {row.version}: {error.message}")
    return len(rows), problems


def _verify_roots(rows: Sequence[Row[Any]], school_id: str) -> bytes:
    """Follow the roots from the first set on; return the fingerprint of the last, empty when there is no set."""
    pinned = b""
    for row in rows:
        signed = _to_signed(row)
        root = fingerprint(signed.root_public_key)
        # The newest is what is used; of those before only who signed them matters any more.
        if row is rows[-1] or (pinned and root != pinned):
            _open(signed, pinned or root, school_id)
        pinned = root
    return pinned


def _open(signed: SignedRecipients, pinned_fingerprint: bytes, school_id: str) -> RecipientSet:
    return _open_once(signed.SerializeToString(deterministic=True), pinned_fingerprint, school_id)


@lru_cache(maxsize=256)
def _open_once(raw: bytes, pinned_fingerprint: bytes, school_id: str) -> RecipientSet:
    # The same bytes verify or not whenever they are asked, and every request of a reader asks.
    return open_recipients(SignedRecipients.FromString(raw), pinned_fingerprint=pinned_fingerprint, school_id=school_id)


def _verify_users(connection: Connection, school_id: str, content: RecipientSet) -> None:
    found = connection.execute(select(users).where(users.c.school_id == school_id))
    roles = {row.name: load_roles(row.roles) for row in found if not row.disabled}
    for each in content.recipients:
        held = roles.get(each.id)
        if held is None:
            raise UsageError(f"{each.id} is in the set and is no user here, or is disabled", hint="see: user list")
        if Permission.READ_FLAGS not in list_permissions(held):
            raise UsageError(f"{each.id} is in the set and has no role that reads flags", hint="see: user list")
        missing = sorted(set(each.positions) - held)
        if missing:
            raise UsageError(
                f"the set names {each.id} as {missing[0]}, and the user does not have that role",
                hint="give the role to the user, or sign the set anew",
            )


def _carry_succession(signed: SignedRecipients, rows: Sequence[Row[Any]]) -> SignedRecipients:
    """Return a set with the word that the former root gave for its root, so that devices that missed it can follow."""
    carried = SignedRecipients()
    carried.CopyFrom(signed)
    before = rows[-1] if rows else None
    if before is not None and not signed.former_signature and before.root_public_key == signed.root_public_key:
        carried.former_root_public_key = before.former_root_public_key
        carried.former_signature = before.former_signature
    return carried


def _load_rows(connection: Connection, school_id: str) -> Sequence[Row[Any]]:
    return connection.execute(
        select(recipient_sets).where(recipient_sets.c.school_id == school_id).order_by(recipient_sets.c.version)
    ).all()


def _insert(
    connection: Connection, school_id: str, version: int, signed: SignedRecipients, actor: str, now_ns: int
) -> None:
    connection.execute(
        insert(recipient_sets).values(
            school_id=school_id,
            version=version,
            published_at_ns=now_ns,
            published_by=actor,
            body=signed.body,
            root_public_key=signed.root_public_key,
            signature=signed.signature,
            former_root_public_key=signed.former_root_public_key,
            former_signature=signed.former_signature,
        )
    )


def _to_signed(row: Row[Any]) -> SignedRecipients:
    try:
        return SignedRecipients(
            body=row.body,
            root_public_key=row.root_public_key,
            signature=row.signature,
            former_root_public_key=row.former_root_public_key,
            former_signature=row.former_signature,
        )
    except (TypeError, ValueError) as error:
        # SQLite lets somebody write a text where bytes were.
        raise RecipientsError("the set in the database holds a value that it cannot hold") from error
