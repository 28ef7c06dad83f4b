# SPDX-License-Identifier: Apache-2.0
"""Tests of the readers' wrapped identities."""

import pyrage
import pytest

from collector.audit import list_entries
from collector.errors import UsageError
from collector.identities import Identity, find_identity, keep_identity, keep_test_items, list_identities
from collector.store.schema import identities
from proto.sealed import seal
from tests.collector.safeguarding import Safeguarding, build_safeguarding
from tests.collector.school import School

HEAD = b"age-encryption.org/v1\n-> scrypt %s %d\n%s\n--- %s\n"
WRAPPED = HEAD % (b"s" * 22, 18, b"k" * 43, b"m" * 43) + b"sealed"
"""Looks like one; whether it opens, only the reader's browser can tell."""


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """Four readers who have not made their identities yet."""
    return build_safeguarding(school, publishes=False)


def keep(safeguarding: Safeguarding, user: str, age_key: str, wrapped: bytes = WRAPPED) -> None:
    """Keep an identity."""
    school = safeguarding.school
    keep_identity(school.engine, school.id, user=user, age_key=age_key, wrapped=wrapped, now_ns=school.now_ns)


def test_identity_is_kept_as_it_was_wrapped(safeguarding: Safeguarding) -> None:
    """And that it was made is in the audit log, with the public half only."""
    school, dsl = safeguarding.school, safeguarding.dsl
    keep(safeguarding, "dana", dsl.age_key)
    expected = Identity(user="dana", age_key=dsl.age_key, wrapped=WRAPPED, made_at_ns=school.now_ns, test_item=b"")
    assert find_identity(school.engine, school.id, "dana") == expected
    assert list_identities(school.engine, school.id) == [expected]
    newest = list_entries(school.engine, school.id)[0]
    assert (newest.actor, newest.action, newest.detail) == ("dana", "identity.kept", dsl.age_key)
    assert find_identity(school.engine, "0" * 16, "dana") is None
    assert find_identity(school.engine, school.id, "dev") is None


def test_new_identity_takes_the_place_of_the_old(safeguarding: Safeguarding) -> None:
    """With the test item of the old one, which the new one does not open."""
    school = safeguarding.school
    keep(safeguarding, "dana", safeguarding.dsl.age_key)
    item = seal(b"123456", [safeguarding.dsl.age_key])
    keep_test_items(school.engine, school.id, {"dana": item}, actor="command line", now_ns=school.now_ns)
    found = find_identity(school.engine, school.id, "dana")
    assert found is not None
    assert found.test_item == item
    other = str(pyrage.x25519.Identity.generate().to_public())
    keep(safeguarding, "dana", other)
    found = find_identity(school.engine, school.id, "dana")
    assert found is not None
    assert (found.age_key, found.test_item, school.count(identities)) == (other, b"", 1)


@pytest.mark.parametrize(
    ("age_key", "wrapped"),
    [
        ("", WRAPPED),
        ("age1nokey", WRAPPED),
        ("AGE-SECRET-KEY-1", WRAPPED),
        (None, b""),
        (None, b"AGE-SECRET-KEY-1QQQ"),
        (None, WRAPPED + bytes(16 * 1024)),
        (None, HEAD % (b"s" * 22, 21, b"k" * 43, b"m" * 43)),
        (None, HEAD % (b"s" * 22, 0, b"k" * 43, b"m" * 43)),
        (None, HEAD % (b"s" * 21, 18, b"k" * 43, b"m" * 43)),
        (None, b"age-encryption.org/v1\n-> X25519 " + b"k" * 43 + b"\n" + b"k" * 43 + b"\n--- " + b"m" * 43 + b"\n"),
    ],
)
def test_what_is_no_identity_is_refused(safeguarding: Safeguarding, age_key: str | None, wrapped: bytes) -> None:
    """Above all one that came without its wrapping; and one that no browser would open."""
    with pytest.raises(UsageError):
        keep(safeguarding, "dana", safeguarding.dsl.age_key if age_key is None else age_key, wrapped)
    assert safeguarding.school.count(identities) == 0


def test_same_key_under_new_words_keeps_its_test_item(safeguarding: Safeguarding) -> None:
    """It opens it as before."""
    school, key = safeguarding.school, safeguarding.dsl.age_key
    keep(safeguarding, "dana", key)
    item = seal(b"123456", [key])
    keep_test_items(school.engine, school.id, {"dana": item}, actor="command line", now_ns=school.now_ns)
    keep(safeguarding, "dana", key, WRAPPED + b" anew")
    found = find_identity(school.engine, school.id, "dana")
    assert found is not None
    assert (found.wrapped, found.test_item) == (WRAPPED + b" anew", item)


def test_key_of_somebody_else_is_refused(safeguarding: Safeguarding) -> None:
    """Two with one key would read each other's."""
    keep(safeguarding, "dana", safeguarding.dsl.age_key)
    with pytest.raises(UsageError, match="somebody else has this key"):
        keep(safeguarding, "dev", safeguarding.dsl.age_key)


def test_test_items_are_kept_all_or_none(safeguarding: Safeguarding) -> None:
    """One for somebody without an identity, or one that is not sealed, and nothing of the file is taken."""
    school = safeguarding.school
    keep(safeguarding, "dana", safeguarding.dsl.age_key)
    good = seal(b"123456", [safeguarding.dsl.age_key])
    for items in ({"dana": good, "dev": good}, {"dana": b"123456"}):
        with pytest.raises(UsageError):
            keep_test_items(school.engine, school.id, items, actor="command line", now_ns=school.now_ns)
        found = find_identity(school.engine, school.id, "dana")
        assert found is not None
        assert found.test_item == b""
