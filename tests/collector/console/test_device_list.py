# SPDX-License-Identifier: Apache-2.0
"""Tests of one page of the list of devices."""

import pytest

from collector.console.device_list import PER_PAGE, Filter, count_states, load_listed, read_filter
from tests.collector.school import MINUTE_NS, School


def names(school: School, chosen: Filter) -> list[str]:
    """Return the host names of a page."""
    return [each.hostname for each in load_listed(school.engine, school.id, chosen, school.now_ns).devices]


def test_states_are_chosen_and_counted(school: School) -> None:
    """Quiet ones stand first, ended ones last and are never quiet; each choice says how many there are."""
    for name, state in (("b-quiet", "active"), ("x-gone", "retired"), ("w-out", "revoked")):
        school.add_device(name, state=state)
    school.pass_time(16 * MINUTE_NS)
    school.add_device("a-heard")
    school.add_device("c-new", state="pending")
    assert names(school, Filter()) == ["b-quiet", "a-heard", "c-new", "w-out", "x-gone"]
    assert names(school, Filter(state="quiet")) == ["b-quiet"]
    assert names(school, Filter(state="pending")) == ["c-new"]
    assert names(school, Filter(state="retired")) == ["x-gone"]
    counts = count_states(school.engine, school.id, school.now_ns)
    assert counts == {"all": 5, "quiet": 1, "pending": 1, "active": 2, "revoked": 1, "retired": 1}
    assert set(count_states(school.engine, "0" * 16, school.now_ns).values()) == {0}


def test_a_hundred_stand_on_a_page(school: School) -> None:
    """The next page goes on where the first ends, and says how many there are in all."""
    for number in range(PER_PAGE + 1):
        school.add_device(f"pc-{number:03}")
    first = load_listed(school.engine, school.id, Filter(), school.now_ns)
    assert (len(first.devices), first.total) == (PER_PAGE, PER_PAGE + 1)
    assert names(school, Filter(page=2)) == ["pc-100"]
    assert names(school, Filter(page=3)) == []


def test_name_is_a_part_and_no_pattern(school: School) -> None:
    """Small or capital; what a database takes for a pattern is a letter like any other."""
    for name in ("LAB-1", "lab_2", "office"):
        school.add_device(name)
    assert names(school, Filter(name="lab")) == ["LAB-1", "lab_2"]
    assert names(school, Filter(name="b_2")) == ["lab_2"]
    assert names(school, Filter(name="%")) == []


@pytest.mark.parametrize("page", ["", "0", "-1", "²", "x", "9999999999"])
def test_address_that_makes_no_sense_shows_the_beginning(page: str) -> None:
    """Nobody gets an error for an address that somebody mistyped."""
    assert read_filter("nothing", " lab ", page) == Filter(state="all", name="lab", page=1)


def test_filter_lives_in_the_address() -> None:
    """With everything that a name may hold."""
    assert Filter("quiet", "a&b", 1).address(2) == "/devices?state=quiet&name=a%26b&page=2"
