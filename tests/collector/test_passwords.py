# SPDX-License-Identifier: Apache-2.0
"""Tests of passwords."""

import math

import pytest
from argon2 import PasswordHasher, extract_parameters

from collector.errors import UsageError
from collector.passwords import (
    ALPHABET,
    GROUP_LENGTH,
    GROUPS,
    hash_password,
    is_outdated,
    is_password,
    make_one_time_password,
    verify_new_password,
)


def test_one_time_password_is_random_enough_and_readable() -> None:
    """It has more than 80 random bits, no characters that look alike, and is never the same."""
    assert GROUPS * GROUP_LENGTH * math.log2(len(ALPHABET)) > 80
    assert not set(ALPHABET) & set("il1o0")
    made = {make_one_time_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(each.split("-")) == GROUPS for each in made)


def test_hash_is_argon2id_with_19_mib() -> None:
    """A hash is argon2id with the parameters that were chosen for a small server."""
    parameters = extract_parameters(hash_password("correct horse battery"))
    assert parameters.type.name == "ID"
    assert (parameters.time_cost, parameters.memory_cost, parameters.parallelism) == (2, 19 * 1024, 1)


def test_only_the_password_is_the_password() -> None:
    """A hash knows its own password and no other."""
    kept = hash_password("correct horse battery")
    assert is_password(kept, "correct horse battery")
    assert not is_password(kept, "correct horse batterY")
    assert not is_password(None, "correct horse battery")
    assert not is_password("not a hash", "correct horse battery")


def test_same_letters_of_another_keyboard_are_the_same_password() -> None:
    """An accent typed as a letter of its own is the same password."""
    assert is_password(hash_password("cre\u0301me bru\u0302le\u0301e"), "cr\u00e9me br\u00fbl\u00e9e")


def test_hash_with_other_parameters_is_outdated() -> None:
    """A hash made with weaker parameters is recognised."""
    assert is_outdated(PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash("x"))
    assert not is_outdated(hash_password("x"))


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("elevenchars", "shorter"),
        ("x" * 300, "longer"),
        ("aaaaaaaaaaaa", "few characters"),
        ("abababababab", "few characters"),
        ("anna.example", "the user's name"),
        ("Anna.Example12", "the user's name"),
        ("anna.exampleanna.example", "the user's name"),
    ],
)
def test_bad_password_is_refused_with_the_reason(password: str, reason: str) -> None:
    """A password that is short, endless, monotonous or the name is refused, and the reason is said."""
    with pytest.raises(UsageError, match=reason):
        verify_new_password(password, name="anna.example")


@pytest.mark.parametrize(
    "password", ["correct horse battery", "twelve chars", "annas own secret words", "пароль из слов"]
)
def test_good_password_is_taken(password: str) -> None:
    """Words, spaces and other scripts are welcome; the name may be part of a long one."""
    verify_new_password(password, name="anna")
