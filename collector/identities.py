# SPDX-License-Identifier: Apache-2.0
"""The readers' identities: each an age key, wrapped under a passphrase that the collector never sees.

They are made and unwrapped in the reader's browser or in the opener. That somebody has one gives him nothing to read:
who reads is in the set that the safeguarding root signed (`recipients`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row, delete, insert, select, update

from collector.audit import record
from collector.errors import UsageError
from collector.store.engine import reading, writing
from collector.store.schema import identities
from proto.errors import SealError
from proto.sealed import verify_age_key

AGE_START = b"age-encryption.org/v1\n"
MAX_WRAPPED_BYTES = 16 * 1024
MAX_TEST_ITEM_BYTES = 64 * 1024
MOST_WORK = 20
"""2^20 rounds of scrypt; neither the reader's browser nor the opener does more."""
_UNDER_WORDS = re.compile(
    rb"age-encryption\.org/v1\n"
    rb"-> scrypt [A-Za-z0-9+/]{22} ([1-9][0-9]?)\n[A-Za-z0-9+/]{43}\n"
    rb"--- [A-Za-z0-9+/]{43}\n"
)
"""The head of an age file that a passphrase opens and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A reader's identity as the collector holds it."""

    user: str
    age_key: str
    """The public half, age1..."""
    wrapped: bytes
    """An age file under the reader's passphrase; in it the secret half."""
    made_at_ns: int
    test_item: bytes
    """Sealed to `age_key` by whoever signs the next set; empty when there is none."""


def keep_identity(engine: Engine, school_id: str, *, user: str, age_key: str, wrapped: bytes, now_ns: int) -> None:
    """Keep a user's own identity in place of an older one, with whose key its test item goes.

    The same key under new words keeps its test item.

    Raises:
        UsageError: it is no identity, or somebody else's key.
    """
    try:
        verify_age_key(age_key)
    except SealError as error:
        raise UsageError("this is not an age key", hint="make the identity anew") from error
    verify_wrapped(wrapped)
    with writing(engine) as connection:
        taken = select(identities.c.user_name).where(
            identities.c.school_id == school_id, identities.c.age_key == age_key, identities.c.user_name != user
        )
        if connection.execute(taken).first():
            raise UsageError("somebody else has this key", hint="everybody makes an identity of his own")
        record(
            connection,
            school_id,
            actor=user,
            action="identity.kept",
            subject=f"user/{user}",
            detail=age_key,
            now_ns=now_ns,
        )
        own = (identities.c.school_id == school_id, identities.c.user_name == user)
        same = select(identities.c.test_item).where(*own, identities.c.age_key == age_key)
        test_item = connection.execute(same).scalar()
        connection.execute(delete(identities).where(*own))
        connection.execute(
            insert(identities).values(
                school_id=school_id,
                user_name=user,
                age_key=age_key,
                wrapped=wrapped,
                made_at_ns=now_ns,
                test_item=test_item,
            )
        )


def find_identity(engine: Engine, school_id: str, user: str) -> Identity | None:
    """Return a user's identity, or None before there is one."""
    query = select(identities).where(identities.c.school_id == school_id, identities.c.user_name == user)
    with reading(engine) as connection:
        row = connection.execute(query).first()
    return _to_identity(row) if row else None


def list_identities(engine: Engine, school_id: str) -> list[Identity]:
    """Return all identities by user."""
    query = select(identities).where(identities.c.school_id == school_id).order_by(identities.c.user_name)
    with reading(engine) as connection:
        return [_to_identity(row) for row in connection.execute(query)]


def keep_test_items(engine: Engine, school_id: str, items: Mapping[str, bytes], *, actor: str, now_ns: int) -> None:
    """Keep for each user what was sealed for a test; the user opens it and reads it aloud to whoever signs.

    Raises:
        UsageError: one is no sealed text, or its user has no identity. Nothing was kept.
    """
    with writing(engine) as connection:
        for user, item in sorted(items.items()):
            verify_age_file(item, MAX_TEST_ITEM_BYTES)
            record(connection, school_id, actor=actor, action="test_item.kept", subject=f"user/{user}", now_ns=now_ns)
            changed = connection.execute(
                update(identities)
                .where(identities.c.school_id == school_id, identities.c.user_name == user)
                .values(test_item=item)
            )
            if changed.rowcount == 0:
                raise UsageError(f"{user} has no identity here", hint="he makes one at the console first")


def verify_age_file(content: bytes, at_most: int) -> None:
    """Return if this looks like something sealed; whether it opens, only its readers know.

    Raises:
        UsageError: it does not, or it is too large.
    """
    if not content.startswith(AGE_START) or len(content) > at_most:
        raise UsageError("this is not a sealed text in the age format")


def verify_wrapped(content: bytes) -> None:
    """Return if this is something under a passphrase that a reader's browser can open.

    Raises:
        UsageError: it is not, or it asks for too much work.
    """
    verify_age_file(content, MAX_WRAPPED_BYTES)
    head = _UNDER_WORDS.match(content)
    if head is None:
        raise UsageError("this key is not under a passphrase", hint="make it in the page, or with schoolwarden-open")
    if int(head[1]) > MOST_WORK:
        raise UsageError("this key asks for so much work that no browser opens it", hint="make it anew")


def _to_identity(row: Row[Any]) -> Identity:
    return Identity(
        user=row.user_name,
        age_key=row.age_key,
        wrapped=row.wrapped,
        made_at_ns=row.made_at_ns,
        test_item=row.test_item or b"",
    )
