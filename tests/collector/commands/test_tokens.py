# SPDX-License-Identifier: Apache-2.0
"""Tests of token and tokens."""

import re
from pathlib import Path

import pytest

from collector.authority import load_authority
from collector.config import Addresses, write_addresses
from collector.trusts import list_trusts
from proto.token import decode_token
from tests.collector.command import ON_A_FOLDER, Run
from tests.collector.enrolment.machine import Machine
from tests.collector.school import School

SERVED = Addresses("10.0.0.7:7443", "10.0.0.7:7444", "127.0.0.1:3")


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


def enrol_one(school: School, run: Run, folder: Path) -> None:
    """Make a token by the command, and enrol a machine with it."""
    assert run("token", "--uses", "2", "--valid-for", "7d", "--dir", folder) == 0
    Machine(school.id).enrol(school, load_authority(school.config.authority_folder), decode_token(run.out))


def test_first_token_begins_what_devices_are_told(run: Run, folder: Path, school_at: School) -> None:
    """And as long as there is no device, the next one may say something else."""
    write_addresses(folder, SERVED)
    assert run(*ON_A_FOLDER["token"], "--dir", folder) == 0
    assert run(*ON_A_FOLDER["token"], "--address", "collector.our.school", "--dir", folder) == 0
    told = list_trusts(school_at.engine, school_at.config)
    assert [each.events_address for each in told] == ["10.0.0.7:7443", "collector.our.school:7443"]
    assert told[1].enrol_address == "collector.our.school:7444"


def test_token_goes_where_devices_are_told_to_come(run: Run, folder: Path, school_at: School) -> None:
    """Nobody types the address again, whatever this machine's own addresses are; its ports are those served now."""
    write_addresses(folder, SERVED)
    enrol_one(school_at, run, folder)
    write_addresses(folder, Addresses("0.0.0.0:8443", "0.0.0.0:8444", "127.0.0.1:3"))
    assert run(*ON_A_FOLDER["token"], "--dir", folder) == 0
    assert decode_token(run.out).events_address == "10.0.0.7:8443"
    assert list_trusts(school_at.engine, school_at.config)[-1].events_address == "10.0.0.7:8443"


def test_token_does_not_move_the_devices_that_are_there(run: Run, folder: Path, school_at: School) -> None:
    """A mistyped address would send all of them away; moving them is a command of its own."""
    write_addresses(folder, SERVED)
    enrol_one(school_at, run, folder)
    assert run(*ON_A_FOLDER["token"], "--address", "colector.our.school", "--dir", folder) == 2
    assert "devices are told to come to 10.0.0.7, not to colector.our.school" in run.err
    assert "authority announce --address" in run.err
    assert run.out == ""
    assert run(*ON_A_FOLDER["token"], "--address", "10.0.0.7", "--dir", folder) == 0
    assert len(list_trusts(school_at.engine, school_at.config)) == 1


def test_tokens_are_listed_and_withdrawn(run: Run, folder: Path, school_at: School) -> None:
    """The list has the id that the other command takes."""
    write_addresses(folder, SERVED)
    enrol_one(school_at, run, folder)
    assert run("tokens", "list", "--dir", folder, "--format", "json") == 0
    (token,) = run.json
    assert (token["state"], token["uses"], token["uses_allowed"], token["made_by"]) == ("open", 1, 2, "command line")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", token["expires_at"])
    assert run("tokens", "withdraw", token["id"], "--dir", folder) == 0
    assert run.out == ""
    assert "1 of 2 devices came with it" in run.err
    assert run("tokens", "list", "--dir", folder) == 0
    assert "withdrawn" in run.out


def test_list_without_tokens_says_so(run: Run, folder: Path) -> None:
    """On stderr; stdout is data."""
    assert run("tokens", "list", "--dir", folder) == 0
    assert (run.out, run.err) == ("", "no token was made yet\n")


@pytest.mark.parametrize("wrong", ["", "0" * 15, "G" * 16, "sw1.abcdef", "0" * 17])
def test_what_is_no_tokens_id_is_refused_first(run: Run, tmp_path: Path, wrong: str) -> None:
    """Before any folder is looked at; and not repeated, since it may be a token itself."""
    assert run("tokens", "withdraw", wrong, "--dir", tmp_path / "nowhere") == 2
    assert "this is not a token's id: 16 of 0-9 and a-f, as `tokens list` shows it" in run.err
    assert "sw1." not in run.err


def test_token_that_is_not_there_is_told(run: Run, folder: Path) -> None:
    """With where to look."""
    assert run("tokens", "withdraw", "0" * 16, "--dir", folder) == 2
    assert f"there is no token {'0' * 16}" in run.err
