# SPDX-License-Identifier: Apache-2.0
"""Tests of token and user."""

from pathlib import Path

import pytest

from collector.config import Addresses, write_addresses
from proto.token import decode_token
from tests.collector.command import ON_A_FOLDER, PASSWORD, Run


def test_token_before_the_first_serve_is_refused(run: Run, folder: Path) -> None:
    """There is no address yet that could stand in it."""
    assert run(*ON_A_FOLDER["token"], "--dir", folder) == 2
    assert "never served" in run.err
    assert run.out == ""


@pytest.mark.parametrize("duration", ["", "7", "d", "7y", "-7d", "7.5d", "1000000000d", "7 d", "forever"])
def test_no_duration_is_refused(run: Run, folder: Path, duration: str) -> None:
    """The error shows right ones."""
    assert run("token", "--uses", "1", f"--valid-for={duration}", "--dir", folder) == 2
    assert "is not a duration: write 30m, 12h, 7d or 2w" in run.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--uses", "0", "--valid-for", "7d"), "1 to 10,000 devices"),
        (("--uses", "1", "--valid-for", "0d"), "up to 90 days"),
        (("--uses", "1", "--valid-for", "99w"), "up to 90 days"),
        (("--uses", "1", "--valid-for", "7d", "--address", "collector:7443"), "is not a host"),
        (("--uses", "1", "--valid-for", "7d", "--address", ""), "is not a host"),
    ],
)
def test_useless_token_is_refused(run: Run, folder: Path, options: tuple[str, ...], words: str) -> None:
    """Before anybody carries it to a machine."""
    write_addresses(folder, Addresses("10.0.0.7:1", "10.0.0.7:2", "127.0.0.1:3"))
    assert run("token", *options, "--dir", folder) == 2
    assert words in run.err
    assert run.out == ""


def test_token_is_printed_and_nothing_else(run: Run, folder: Path) -> None:
    """It holds the addresses that are served, or the host that devices are told to use."""
    write_addresses(folder, Addresses("10.0.0.7:7443", "10.0.0.7:7444", "127.0.0.1:3"))
    assert run("token", "--uses", "30", "--valid-for", "7d", "--dir", folder) == 0
    assert (run.out.count("\n"), run.err) == (1, "")
    token = decode_token(run.out)
    assert (token.events_address, token.enrol_address) == ("10.0.0.7:7443", "10.0.0.7:7444")
    assert run("token", "--uses", "1", "--valid-for", "1h", "--address", "2001:db8::7", "--dir", folder) == 0
    assert decode_token(run.out).events_address == "[2001:db8::7]:7443"


def test_token_for_every_address_needs_one(run: Run, folder: Path) -> None:
    """Nobody can connect to 0.0.0.0."""
    write_addresses(folder, Addresses("0.0.0.0:7443", "[::]:7444", "127.0.0.1:3"))
    assert run(*ON_A_FOLDER["token"], "--dir", folder) == 2
    assert "devices cannot reach 0.0.0.0" in run.err
    assert "--address" in run.err
    assert run(*ON_A_FOLDER["token"], "--address", "collector.our.school", "--dir", folder) == 0
    assert decode_token(run.out).enrol_address == "collector.our.school:7444"


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
