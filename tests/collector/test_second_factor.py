# SPDX-License-Identifier: Apache-2.0
"""Tests of the second factor."""

import threading
from dataclasses import replace

import pytest
from pyotp import TOTP
from sqlalchemy import select, update

from collector.audit import list_entries, verify_audit
from collector.errors import PermissionDeniedError, StoreError, UsageError
from collector.roles import Role
from collector.second_factor import (
    is_registered,
    load_second_factor_key,
    make_uri,
    offer_secret,
    register,
    verify_code,
)
from collector.store.engine import reading, writing
from collector.store.schema import users
from proto.files import write_private
from tests.collector.school import SECOND_NS, STEP_NS, School


@pytest.fixture
def dora(school: School) -> str:
    """A safeguarding lead with a second factor."""
    school.add_user("dora", Role.DSL)
    school.add_second_factor("dora")
    return "dora"


def give(school: School, user: str, code: str) -> None:
    """Give a code."""
    key = load_second_factor_key(school.config)
    verify_code(school.engine, school.id, key, user=user, code=code, now_ns=school.now_ns)


def code_at(school: School, user: str, steps: int) -> str:
    """Return the code that is shown some steps from now."""
    return TOTP(school.secrets[user]).at((school.now_ns + steps * STEP_NS) // SECOND_NS)


def read_row(school: School, user: str) -> bytes:
    """Return what the database holds of a user's second factor."""
    with reading(school.engine) as connection:
        return bytes(connection.execute(select(users.c.second_factor).where(users.c.name == user)).scalar_one())


def test_code_of_now_is_right(school: School, dora: str) -> None:
    """Also typed as the app shows it, in two groups."""
    code = school.make_code(dora)
    give(school, dora, f" {code[:3]} {code[3:]} ")


def test_no_code_is_taken_twice(school: School, dora: str) -> None:
    """Nor any code before one that was taken; the next one is."""
    give(school, dora, code_at(school, dora, 1))
    for steps in (1, 0, -1):
        with pytest.raises(PermissionDeniedError):
            give(school, dora, code_at(school, dora, steps))
    school.pass_time(2 * STEP_NS)
    give(school, dora, school.make_code(dora))


def test_clocks_may_differ_by_one_step_only(school: School, dora: str) -> None:
    """A telephone half a minute off is let in, one that is a minute off is not."""
    for steps in (-2, 2):
        with pytest.raises(PermissionDeniedError):
            give(school, dora, code_at(school, dora, steps))
    give(school, dora, code_at(school, dora, 1))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "-12345", "１２３４５６", "0x1234"])
def test_what_is_no_code_is_refused(school: School, dora: str, code: str) -> None:
    """Six digits as a telephone shows them, and nothing that Python would read as a number."""
    with pytest.raises(PermissionDeniedError):
        give(school, dora, code)


def test_database_alone_holds_no_secret(school: School, dora: str) -> None:
    """The secret is encrypted under a key in a file that only its owner reads."""
    kept = read_row(school, dora)
    assert school.secrets[dora].encode() not in kept
    assert school.config.second_factor_key.stat().st_mode & 0o077 == 0
    write_private(school.config.second_factor_key, ("00" * 32).encode())
    with pytest.raises(StoreError, match="cannot be decrypted") as refused:
        give(school, dora, school.make_code(dora))
    assert "reset" in refused.value.hint


def test_secret_of_another_user_opens_nothing(school: School, dora: str) -> None:
    """Who can write to the database cannot give one user's second factor to another."""
    school.add_user("eve", Role.DSL)
    with writing(school.engine) as connection:
        connection.execute(update(users).where(users.c.name == "eve").values(second_factor=read_row(school, dora)))
    with pytest.raises(StoreError, match="of eve cannot be decrypted"):
        give(school, "eve", school.make_code(dora))


@pytest.mark.parametrize("content", ["", "00" * 31, "no hex at all", "00" * 33])
def test_damaged_key_is_said(school: School, content: str) -> None:
    """And never replaced by a new one, under which nothing could be read."""
    write_private(school.config.second_factor_key, content.encode())
    with pytest.raises(StoreError, match="is damaged"):
        load_second_factor_key(school.config)
    assert school.config.second_factor_key.read_text() == content


def test_key_is_made_once(school: School, tmp_path) -> None:
    """Threads that need it first in the same moment get the same."""
    config, keys = replace(school.config, folder=tmp_path / "new"), []
    threads = [threading.Thread(target=lambda: keys.append(load_second_factor_key(config))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_offer_is_the_same_for_one_session_only(school: School) -> None:
    """A page opened again shows the same secret; another session, user or school another."""
    key = load_second_factor_key(school.config)
    first = offer_secret(key, school.id, "dora", "session")
    assert offer_secret(key, school.id, "dora", "session") == first
    others = {
        offer_secret(key, school.id, "dora", "another"),
        offer_secret(key, school.id, "eve", "session"),
        offer_secret(key, "another school", "dora", "session"),
        offer_secret(bytes(32), school.id, "dora", "session"),
    }
    assert len(others | {first}) == 5


def test_nothing_is_registered_without_a_right_code(school: School) -> None:
    """A secret that never reached the app locks nobody out."""
    school.add_user("dora", Role.DSL)
    key = load_second_factor_key(school.config)
    secret = offer_secret(key, school.id, "dora", "session")
    with pytest.raises(PermissionDeniedError):
        register(school.engine, school.id, key, user="dora", secret=secret, code="000000", now_ns=school.now_ns)
    assert not is_registered(school.engine, school.id, "dora")


def test_second_factor_is_not_replaced(school: School, dora: str) -> None:
    """Who has only the password cannot put his own app in the place of the user's."""
    with pytest.raises(UsageError, match="already"):
        school.add_second_factor(dora)


def test_user_without_one_gives_no_code(school: School) -> None:
    """A code for nobody's app is refused, and so is one for nobody."""
    school.add_user("dora", Role.DSL)
    for name in ("dora", "ghost"):
        with pytest.raises(PermissionDeniedError, match="no second factor"):
            give(school, name, "123456")
        assert not is_registered(school.engine, school.id, name)


def test_app_reads_user_and_school_from_the_code(school: School) -> None:
    """The account in the app is named so that nobody mixes it up with another."""
    uri = make_uri(4 * "JBSWY3DP", "dora", "St Example’s & Co: 50%")
    assert uri.startswith("otpauth://totp/Schoolwarden%20St%20Example")
    assert f"secret={4 * 'JBSWY3DP'}" in uri
    assert ":dora?" in uri


def test_everything_is_in_the_log_but_no_code(school: School, dora: str) -> None:
    """Registered, given and failed, with the user as the actor."""
    code = school.make_code(dora)
    give(school, dora, code)
    with pytest.raises(PermissionDeniedError):
        give(school, dora, code)
    newest = list_entries(school.engine, school.id, limit=3)
    assert [(each.actor, each.action) for each in newest] == [
        ("dora", "second_factor.failed"),
        ("dora", "second_factor.given"),
        ("dora", "second_factor.registered"),
    ]
    assert code not in str(newest)
    verify_audit(school.engine, school.id)
