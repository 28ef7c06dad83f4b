# SPDX-License-Identifier: Apache-2.0
"""Tests of groups of devices: who may be in one, and how they reach the policy."""

import pytest

from collector import device_groups
from collector.audit import list_entries
from collector.device_groups import add_to_group, list_members, remove_from_group, write_rule_files
from collector.errors import UsageError
from collector.store.engine import reading, writing
from rules.load import parse_files
from tests.collector.school import School

PACK = {"pack.toml": '[pack]\nid = "small"\ntitle = "Small"\n'}


def add(school: School, group: str, *named: str) -> None:
    """Put devices into a group."""
    with writing(school.engine) as connection:
        add_to_group(connection, school.id, group, named, actor="anna", now_ns=school.now_ns)


def remove(school: School, group: str, *named: str) -> None:
    """Take devices out of a group."""
    with writing(school.engine) as connection:
        remove_from_group(connection, school.id, group, named, actor="anna", now_ns=school.now_ns)


def groups_of(school: School) -> dict[str, frozenset[str]]:
    """Return the groups as the policy has them."""
    with reading(school.engine) as connection:
        files = write_rule_files(connection, school.id)
    policy = parse_files(PACK | {f"school/{name}": text for name, text in files.items()})
    return {group.name: group.devices for group in policy.arrangements.device_groups}


def test_groups_are_in_the_policy(school: School) -> None:
    """By id, however they were named; a group that nobody is left in is gone, and each change is in the log."""
    first, second = school.add_device("library-01"), school.add_device("library-02")
    assert groups_of(school) == {}
    add(school, "library", "library-01", second)
    add(school, "laptops", second)
    assert groups_of(school) == {"library": {first, second}, "laptops": {second}}
    remove(school, "library", "library-01")
    remove(school, "laptops", second)
    assert groups_of(school) == {"library": {second}}
    with reading(school.engine) as connection:
        (member,) = list_members(connection, school.id)
    assert (member.group, member.hostname, member.added_by) == ("library", "library-02", "anna")
    assert sorted(entry.action for entry in list_entries(school.engine, school.id)) == [
        *["device_group.added"] * 2,
        *["device_group.removed"] * 2,
    ]


@pytest.mark.parametrize(
    ("group", "named", "problem"),
    [
        ("Year 3", ["library-01"], "no name of a group"),
        ("a" * 65, ["library-01"], "no name of a group"),
        ("library", ["library-09"], "there is no device"),
        ("library", ["twins"], "2 devices are called"),
        ("old", ["library-01"], "already"),
    ],
)
def test_wrong_call_changes_nothing(school: School, group: str, named: list[str], problem: str) -> None:
    """A name that is nobody's or several devices', a group with a name that no rule could have, and who is in it."""
    for hostname in ("library-01", "twins", "twins"):
        school.add_device(hostname)
    add(school, "old", "library-01")
    before = groups_of(school)
    with pytest.raises(UsageError, match=problem):
        add(school, group, *named)
    assert groups_of(school) == before


def test_who_is_not_in_it_cannot_be_taken_out(school: School) -> None:
    """The whole call is refused."""
    school.add_device("library-01")
    school.add_device("library-02")
    add(school, "library", "library-01")
    with pytest.raises(UsageError, match="is not in the group"):
        remove(school, "library", "library-01", "library-02")
    assert len(groups_of(school)["library"]) == 1


def test_there_is_an_end_to_groups(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them travel to every device; what is more than one file may hold is in several."""
    monkeypatch.setattr(device_groups, "MAX_DEVICES", 2)
    monkeypatch.setattr(device_groups, "MAX_MEMBERS", 4)
    monkeypatch.setattr(device_groups, "DEVICES_A_FILE", 2)
    for number in range(3):
        school.add_device(f"library-{number}")
    add(school, "a", "library-0")
    add(school, "b", "library-0")
    add(school, "c", "library-0", "library-1")
    with pytest.raises(UsageError, match="2 devices at most"):
        add(school, "a", "library-1", "library-2")
    with pytest.raises(UsageError, match="together have 4 devices"):
        add(school, "d", "library-0")
    with reading(school.engine) as connection:
        files = write_rule_files(connection, school.id)
    assert {name: text.count("[[device_group]]") for name, text in files.items()} == {
        "device-groups.toml": 2,
        "device-groups-2.toml": 1,
    }
    assert set(groups_of(school)) == {"a", "b", "c"}
