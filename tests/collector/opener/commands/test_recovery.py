# SPDX-License-Identifier: Apache-2.0
"""Tests of `recovery`: wrong holders and words first, then sheets, opening, handing on, the drill."""

import json
import re
import stat
from pathlib import Path

import pytest

from tests.collector.opener.staff import HOLDERS, Staff, make_content, write_flag

CHAIR = [part for holder in HOLDERS["chair"] for part in ("--holder", holder)]


def find_key(staff: Staff, route: str) -> str:
    """Return the public key of a route."""
    recoveries = json.loads((staff["anna"].folder / "recovery.json").read_text())["recoveries"]
    return str(next(each["age_key"] for each in recoveries if each["route"] == route))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--route head --holder dsl --holder a --holder b --yes", "dsl may not hold a share of the route head"),
        ("--route chair --holder head --holder a --holder b --yes", "head may not hold a share of the route chair"),
        ("--route dsl --holder chair --holder head --yes", "3 different holders"),
        ("--route dsl --holder chair --holder head --holder other --replace", "nobody is here to answer: Is other"),
        ("--route dsl --holder chair --holder head --holder other --yes", "--replace makes a new one"),
    ],
)
def test_wrong_holders_make_no_sheet(staff: Staff, tmp_path: Path, arguments: str, message: str) -> None:
    """On or below the rung, too few, unknown and not agreed to, a route that has its key: exit 2, nothing written."""
    before = (staff["anna"].folder / "recovery.json").read_bytes()
    said = staff["anna"]("recovery", "make", *arguments.split(), "--sheets", tmp_path / "new")
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert not (tmp_path / "new").exists()
    assert (staff["anna"].folder / "recovery.json").read_bytes() == before


def test_wrong_sheets_open_nothing(staff: Staff, tmp_path: Path) -> None:
    """None, one, one twice, of two sets, a wrong word: exit 2, and the words are not printed back."""
    flag = write_flag(tmp_path / "flag.json", [find_key(staff, "dsl")])
    first, second = staff.words("dsl", 1), staff.words("dsl", 2)
    swapped = re.sub(r"(\d+\. [a-z]+) (\d+\. [a-z]+)$", r"\2 \1", second.strip())
    cases = {
        "": "0 of 2 sheets",
        first: "1 of 2 sheets",
        first + first: "one sheet twice",
        first + staff.words("head", 2): "different sets",
        first + "zzz " + second: "sheet 2: word 1 is not a word",
        first + swapped: "sheet 2: a word is wrong",
    }
    for given, message in cases.items():
        said = staff["ben"]("recovery", "open", "--route", "dsl", flag, given=given)
        assert (said.code, said.out) == (2, ""), given
        assert message in said.err
        assert second.split()[-1] not in said.err


def test_sheets_of_another_route_open_nothing(staff: Staff, tmp_path: Path) -> None:
    """A flag of that route is refused before any words; with the label changed it does not open."""
    ben, key = staff["ben"], find_key(staff, "dsl")
    refused = ben("recovery", "open", "--route", "head", write_flag(tmp_path / "a.json", [key]))
    assert (refused.code, refused.out) == (2, "")
    assert "is on the route dsl" in refused.err
    relabelled = write_flag(tmp_path / "b.json", [key], route="head")
    closed = ben("recovery", "open", "--route", "head", relabelled, given=staff.words("head", 1, 2))
    assert closed.code == 1
    assert make_content().sentence not in closed.out


def test_drill_with_sheets_of_a_former_key_is_a_finding(staff: Staff, tmp_path: Path) -> None:
    """They join, and not to the key that flags are sealed to now: exit 1."""
    former = staff.words("chair", 1, 2)
    staff["anna"].good(
        "recovery", "make", "--route", "chair", *CHAIR, "--sheets", tmp_path / "new", "--replace", "--yes"
    )
    said = staff["anna"]("recovery", "drill", "--route", "chair", given=former)
    assert (said.code, said.out) == (1, "")
    assert "another key than the one of the route chair" in said.err


@pytest.mark.parametrize("numbers", [(1, 2), (3, 1), (2, 3)])
def test_drill_proves_any_two_sheets_without_a_flag(staff: Staff, numbers: tuple[int, int]) -> None:
    """One line for the log, with the sheets' numbers and the checksums that stand on them, and no word of them."""
    said = staff["anna"]("recovery", "drill", "--route", "head", given=staff.words("head", *numbers))
    assert said.code == 0
    assert said.out.count("\n") == 1
    sheets = [(staff.path / "sheets" / f"recovery-head-{number}.html").read_text() for number in numbers]
    checksums = [re.findall(r"\d+, ([0-9a-f]{4} [0-9a-f]{4})<", sheet)[0] for sheet in sheets]
    assert f"sheets {numbers[0]} ({checksums[0]}) and {numbers[1]} ({checksums[1]}) open it" in said.out


def test_two_sheets_open_a_flag_and_hand_it_on(staff: Staff, tmp_path: Path) -> None:
    """To a reader's new key, on a computer that has no identity and no root."""
    ben, words = staff["ben"], staff.words("dsl", 2, 3)
    flag, out = write_flag(tmp_path / "flag.json", [find_key(staff, "dsl")]), tmp_path / "new.json"
    said = ben("recovery", "open", "--route", "dsl", flag, given=words)
    assert said.code == 0
    assert ">>>i hurt myself<<<" in said.out
    ben.good("recovery", "rewrap", "--route", "dsl", flag, "--to", ben.age_key, "-o", out, "--yes", given=words)
    assert ben.unlocked("flag", "open", out)[0]["content"]["sentence"] == make_content().sentence


def test_sheets_are_for_their_owner_and_the_public_part_tells_nothing(staff: Staff) -> None:
    """The files are closed to others, each holds other words, and none of them is in what is kept."""
    sheets = [staff.path / "sheets" / f"recovery-dsl-{number}.html" for number in (1, 2, 3)]
    assert {stat.S_IMODE(sheet.stat().st_mode) for sheet in sheets} == {0o600}
    words = [staff.words("dsl", number) for number in (1, 2, 3)]
    assert len(set(words)) == 3
    kept = json.loads((staff["anna"].folder / "recovery.json").read_text())
    assert set(kept) == {"format", "root_fingerprint", "recoveries"}
    assert [set(each) for each in kept["recoveries"]] == [{"route", "age_key", "holders"}] * 3
    assert kept["root_fingerprint"] == staff["anna"].good("root", "show")["fingerprint"]
