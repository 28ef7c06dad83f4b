# SPDX-License-Identifier: Apache-2.0
"""Tests of who may have an account that several claim."""

from hypothesis import given
from hypothesis import strategies as st

from collector.people.claims import settle
from collector.people.person import Person, PersonKind
from collector.people.roster import Roster


def person(person_id: str, *accounts: str, user: str = "") -> Person:
    """Return a member of staff."""
    return Person(person_id=person_id, name="N", kind=PersonKind.STAFF, accounts=accounts, user_name=user)


def settle_lines(known: list[Person], *lines: Person) -> tuple[list[str], list[tuple[int, str]]]:
    """Return who is taken, and line and reason of who is refused."""
    roster = Roster(tuple(enumerate(lines, start=2)), (), frozenset())
    good, refused = settle({each.person_id: each for each in known}, roster)
    return sorted(good), [(each.line, each.reason) for each in refused]


def test_account_in_two_lines_goes_to_neither() -> None:
    """Both are named in both refusals: which line is right cannot be seen in the file."""
    taken, refused = settle_lines([], person("a", "x"), person("b", "x", "y"), person("c", "z"))
    assert taken == ["c"]
    assert refused == [
        (2, "x belongs to b, and a claims it too"),
        (3, "x belongs to a, and b claims it too"),
    ]


def test_two_people_are_not_one_user() -> None:
    """What a user of the console typed himself is known by his person, so there is one."""
    taken, refused = settle_lines([person("k", user="dora")], person("a", user="dora"))
    assert taken == []
    assert refused == [(2, "dora belongs to k, and a claims it too")]


def test_id_in_two_lines_is_taken_from_neither() -> None:
    """Each of them names another line."""
    taken, refused = settle_lines([], person("a", "x"), person("b"), person("a", "y"))
    assert taken == ["b"]
    assert refused == [(2, "a stands in line 4 too"), (4, "a stands in line 2 too")]


def test_account_moves_in_one_list() -> None:
    """From one person to another, and two may change theirs, when both lines are good."""
    known = [person("a", "x"), person("b", "y")]
    assert settle_lines(known, person("a", "y"), person("b", "x")) == (["a", "b"], [])


def test_who_is_not_in_the_list_keeps_his_account() -> None:
    """A new pupil with the account of one who left is refused until somebody has looked."""
    taken, refused = settle_lines([person("old", "x")], person("new", "x"))
    assert taken == []
    assert refused == [(2, "x belongs to old, and new claims it too")]


def test_refused_line_leaves_its_person_what_he_had() -> None:
    """And so refuses whoever claims it, and on along the chain."""
    known = [person("a", "1"), person("b", "2"), person("c", "3")]
    taken, refused = settle_lines(
        known, person("a", "9"), person("x", "9"), person("b", "1"), person("c", "2"), person("d", "3"), person("e")
    )
    assert taken == ["e"]
    assert {line for line, _ in refused} == {2, 3, 4, 5, 6}


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sets(st.sampled_from("12345"), max_size=2)), max_size=8),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("12345"), max_size=6),
)
def test_nobody_ever_shares_an_account(lines: list[tuple[str, set[str]]], held: dict[str, str]) -> None:
    """Whatever stands in the list and in the register before: afterwards each account has one person."""
    known = {name: person(name, account) for account, name in {v: k for k, v in held.items()}.items()}
    roster = Roster(
        tuple((number, person(name, *sorted(accounts))) for number, (name, accounts) in enumerate(lines, start=2)),
        (),
        frozenset(),
    )
    good, refused = settle(known, roster)
    after = known | good
    claimed = [account for each in after.values() for account in each.accounts]
    assert len(claimed) == len(set(claimed))
    assert len(good) + len({each.line for each in refused}) == len(lines)
