# SPDX-License-Identifier: Apache-2.0
"""Tests of reading a list of people, good ones and hostile ones."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import UsageError
from collector.people import Person, PersonKind, Post
from collector.people.roster import COLUMNS, MAX_BYTES, MAX_PEOPLE, read_roster
from tests.collector.people.lists import write_list

HERE = Path(__file__).parent
HEADER = ",".join(COLUMNS)

WHOLE = {
    "empty": "it lacks person_id",
    "only_header": "names nobody",
    "only_blank_lines": "names nobody",
    "no_header": "it lacks person_id",
    "missing_column": "it lacks aliases",
    "unknown_column": "'password' is no column",
    "column_twice": "stands there twice",
    "formula_column": "is no column",
    "broken_header_quotes": "it lacks",
    "utf16": "not in UTF-8: line 1",
    "latin1": "not in UTF-8: line 3",
    "tabs": "it lacks",
    "old_mac_lines": "header is wrong",
    "nul_bytes": "it lacks",
}

LINES = {
    "id_empty": ("person_id", "is no id"),
    "id_path": ("person_id", "is no id"),
    "id_formula": ("person_id", "is no id"),
    "name_empty": ("name", "it is empty"),
    "name_formula": ("name", "as a formula does"),
    "name_command": ("name", "as a formula does"),
    "name_minus": ("name", "as a formula does"),
    "name_bidi": ("name", "nobody sees"),
    "name_escape": ("name", "nobody sees"),
    "name_nul": ("name", "nobody sees"),
    "name_tab": ("name", "nobody sees"),
    "name_zero_width": ("name", "nobody sees"),
    "name_line_separator": ("name", "nobody sees"),
    "name_carriage_return": ("", "quotes are broken"),
    "name_long": ("name", "longer than 200"),
    "kind_unknown": ("kind", "'headmaster' is no kind"),
    "role_unknown": ("roles", "no role"),
    "role_of_pupil": ("roles", "a pupil holds no role"),
    "role_conflict": ("roles", "do not go together"),
    "alias_without_role": ("aliases", "only somebody with a role"),
    "account_form": ("accounts", "'bob' is no account"),
    "account_machine": ("accounts", "'machine' is no account"),
    "account_local_name": ("accounts", "is no account"),
    "account_sid": ("accounts", "is no account"),
    "account_entra": ("accounts", "is no account"),
    "account_hidden": ("accounts", "is no account"),
    "account_many": ("accounts", "more than 50"),
    "user_of_pupil": ("user_name", "no user of the console"),
    "user_name": ("user_name", "not a user's name"),
    "date": ("from", "is no date"),
    "dates_turned": ("until", "before the date in from"),
    "too_few": ("", "3 values"),
    "too_many": ("", "14 values"),
    "quote_open": ("", "quotes are broken"),
    "quote_inside": ("", "quotes are broken"),
}


def test_every_bad_file_is_tested() -> None:
    """A file that nobody reads proves nothing."""
    assert {path.stem for path in (HERE / "bad_files").iterdir()} == set(WHOLE)
    assert {path.stem for path in (HERE / "bad_lines").iterdir()} == set(LINES)


@pytest.mark.parametrize("name", WHOLE)
def test_file_that_is_no_list_is_refused_as_a_whole(name: str) -> None:
    """Nothing of it is taken, and it is said what would be right."""
    with pytest.raises(UsageError, match=WHOLE[name]) as refused:
        read_roster((HERE / "bad_files" / f"{name}.csv").read_bytes())
    assert refused.value.hint


@pytest.mark.parametrize("name", LINES)
def test_bad_line_is_refused_and_the_others_are_read(name: str) -> None:
    """With its number, its column, what is wrong and what would be right; lines before and after it are not touched."""
    roster = read_roster((HERE / "bad_lines" / f"{name}.csv").read_bytes())
    assert [(line, person.person_id) for line, person in roster.people] == [(2, "p1"), (4, "p9")]
    (refusal,) = roster.refused
    column, reason = LINES[name]
    assert (refusal.line, refusal.column) == (3, column)
    assert reason in refusal.reason
    assert refusal.hint


def test_everything_of_a_person_is_read() -> None:
    """Each column lands in its field, lists in order and without what stands there twice."""
    content = write_list(
        {
            "person_id": "s1",
            "name": "Dora Dean",
            "kind": "Staff",
            "roles": "deputy_dsl | dsl|dsl",
            "accounts": "sid:s-1-5-21-1-2-3|directory:dora.dean|entra:0F8FAD5B-D9CB-469F-A165-70867728950E",
            "aliases": "Mrs Dean|Miss Dora|Mrs Dean",
            "user_name": "dora",
            "from": "2026-09-01",
        }
    )
    assert read_roster(content).people == (
        (
            2,
            Person(
                person_id="s1",
                name="Dora Dean",
                kind=PersonKind.STAFF,
                roles=(Post.DEPUTY_DSL, Post.DSL),
                aliases=("Mrs Dean", "Miss Dora"),
                accounts=(
                    "directory:dora.dean",
                    "entra:0f8fad5b-d9cb-469f-a165-70867728950e",
                    "sid:S-1-5-21-1-2-3",
                ),
                user_name="dora",
                from_date="2026-09-01",
            ),
        ),
    )


def test_what_a_spreadsheet_writes_is_read() -> None:
    """A mark at the beginning, semicolons, other line ends, capitals and another order in the header, blank lines."""
    columns = [name.upper() for name in reversed(COLUMNS)]
    values = {
        "PERSON_ID": "p1",
        "NAME": '"Byron; Ada ""Al"""',
        "KIND": "pupil",
        "ACCOUNTS": "directory:a|directory:b",
    }
    lines = [";".join(columns), "", ";".join(values.get(each, "") for each in columns), ";" * (len(columns) - 1), ""]
    roster = read_roster(("\ufeff" + "\r\n".join(lines)).encode())
    assert roster.refused == ()
    ((line, person),) = roster.people
    assert (line, person.name, person.accounts) == (3, 'Byron; Ada "Al"', ("directory:a", "directory:b"))


def test_everything_wrong_with_a_line_is_said_at_once() -> None:
    """Whoever mends a list of 1,500 people does not find out column by column."""
    roster = read_roster(write_list({"person_id": "p 1", "name": "=1", "kind": "x", "from": "y"}))
    assert [each.column for each in roster.refused] == ["person_id", "name", "kind", "from"]


def test_refusal_does_not_repeat_long_text() -> None:
    """A value of 100,000 characters makes no report of 100,000 characters."""
    (refusal,) = read_roster(write_list({"person_id": "p1", "accounts": "x" * 100_000})).refused
    assert len(refusal.reason) < 100


def test_huge_value_spoils_its_own_line_only() -> None:
    """Also one that is larger than a CSV reader takes."""
    content = write_list({"person_id": "p1", "name": "B" * 200_000}, {"person_id": "p2"})
    roster = read_roster(content)
    assert [person.person_id for _, person in roster.people] == ["p2"]
    assert "too long" in roster.refused[0].reason


def test_file_that_is_too_large_is_refused() -> None:
    """In bytes or in lines, before anything is read from it."""
    with pytest.raises(UsageError, match="larger than 10 MB"):
        read_roster(b"x" * (MAX_BYTES + 1))
    with pytest.raises(UsageError, match="more than 100000 lines"):
        read_roster(HEADER.encode() + b"\n" * (MAX_PEOPLE + 3))


def test_largest_file_is_read() -> None:
    """A hundred thousand people."""
    line = b"p%d,N,pupil,,7,7B,directory:u%d,,,,\n"
    content = HEADER.encode() + b"\n" + b"".join(line % (number, number) for number in range(MAX_PEOPLE))
    roster = read_roster(content)
    assert len(roster.people) == MAX_PEOPLE
    assert roster.refused == ()


@given(st.binary(max_size=300))
def test_no_bytes_break_it(tail: bytes) -> None:
    """Whatever stands below the header is taken, refused, or refused as a whole."""
    try:
        roster = read_roster(HEADER.encode() + b"\n" + tail)
    except UsageError:
        return
    for _, person in roster.people:
        assert person.name.isprintable()
