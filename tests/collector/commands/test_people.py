# SPDX-License-Identifier: Apache-2.0
"""Tests of user."""

from pathlib import Path

import pytest

from tests.collector.command import PASSWORD, Run


def test_user_gets_a_one_time_password(run: Run, folder: Path) -> None:
    """On stdout, and nothing else."""
    assert run("user", "add", "anna", "--role", "technician", "--dir", folder) == 0
    assert PASSWORD.fullmatch(run.out)
    assert "anna may sign in as technician" in run.err
    assert run("user", "reset", "anna", "--dir", folder) == 0
    assert PASSWORD.fullmatch(run.out)
    assert run("user", "list", "--format", "json", "--dir", folder) == 0
    assert [(user["name"], user["roles"], user["disabled"]) for user in run.json] == [
        ("admin", ["administrator"], False),
        ("anna", ["technician"], False),
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "anna", "--role", "headmaster"), "roles: "),
        (("add", "anna", "--role", "dsl", "--role", "administrator"), "two people"),
        (("add", "admin", "--role", "technician"), "admin"),
        (("add", "An na", "--role", "technician"), "name"),
        (("reset", "nobody"), "nobody"),
    ],
)
def test_user_that_cannot_be_is_refused(run: Run, folder: Path, arguments: tuple[str, ...], words: str) -> None:
    """With what would be right."""
    assert run("user", *arguments, "--dir", folder) == 2
    assert words in run.err
    assert run.out == ""


def test_user_gets_other_roles(run: Run, folder: Path) -> None:
    """Instead of the ones before; the last administrator keeps his."""
    assert run("user", "add", "anna", "--role", "technician", "--dir", folder) == 0
    assert run("user", "roles", "anna", "--role", "technician", "--role", "dsl", "--dir", folder) == 0
    assert "anna is now dsl and technician" in run.err
    assert run("user", "roles", "admin", "--role", "technician", "--dir", folder) == 2
    assert run("user", "roles", "anna", "--role", "king", "--dir", folder) == 2
    assert run("user", "list", "--format", "json", "--dir", folder) == 0
    assert [user["roles"] for user in run.json] == [["administrator"], ["dsl", "technician"]]
