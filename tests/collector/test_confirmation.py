# SPDX-License-Identifier: Apache-2.0
"""Tests of what people decide about devices that wait."""

import pytest

from collector.audit import AuditEntry, list_entries
from collector.confirmation import (
    confirm_device,
    confirm_listed,
    declare_resets,
    find_waiting,
    list_waiting,
    replace_former,
)
from collector.devices import Device, find_device, list_devices
from collector.errors import UsageError
from collector.expected_devices import find_expected, import_expected_devices
from tests.collector.school import School

LIST = b"hostname,serial,asset,place\nlab-1,SN1,,\nlab-2,,,\nlab-3,SN3,,\n"


@pytest.fixture
def listed(school: School) -> School:
    """A school with a list of three machines, the first of which has come."""
    school.add_device("lab-1", serial="SN1")
    import_expected_devices(school.engine, school.id, LIST, actor="anna", now_ns=school.now_ns)
    return school


def find(school: School, device_id: str) -> Device:
    """Return a device that is there."""
    device = find_device(school.engine, school.id, device_id)
    assert device is not None
    return device


def confirm(school: School, device_id: str) -> None:
    """Confirm a device as anna."""
    confirm_device(school.engine, school.id, device_id, actor="anna", now_ns=school.now_ns)


def replace(school: School, device_id: str) -> None:
    """Say as anna that a device is the machine before."""
    replace_former(school.engine, school.id, device_id, actor="anna", now_ns=school.now_ns)


def find_former(school: School) -> str:
    """Return the id of the machine that has come."""
    return next(each.id for each in list_devices(school.engine, school.id) if each.state == "active")


def entries(school: School) -> list[tuple[str, str, str]]:
    """Return who did what to whom, newest first."""
    found: list[AuditEntry] = list_entries(school.engine, school.id)
    return [(each.actor, each.action, each.subject) for each in found]


def test_person_confirms_what_the_list_does_not_settle(listed: School) -> None:
    """Its row is taken when one fits; who confirmed it is kept."""
    device_id = listed.add_device("lab-2", state="pending", serial="SN2")
    waiting = find_waiting(listed.engine, listed.id, device_id)
    assert waiting is not None
    assert waiting.is_settled_by_list
    confirm(listed, device_id)
    device = find(listed, device_id)
    assert (device.state, device.confirmed_by, device.confirmed_at_ns) == ("active", "anna", listed.now_ns)
    assert find_expected(listed.engine, listed.id, device_id) is not None
    assert entries(listed)[0] == ("anna", "device.confirmed", f"device/{device_id}")


def test_device_that_contradicts_the_list_can_be_confirmed_alone(listed: School) -> None:
    """Somebody looked; the row stays free, because it says something else."""
    device_id = listed.add_device("lab-3", state="pending", serial="OTHER")
    confirm(listed, device_id)
    assert find(listed, device_id).state == "active"
    assert find_expected(listed.engine, listed.id, device_id) is None


def test_all_that_fit_are_confirmed_at_once(listed: School) -> None:
    """Not those that contradict, nor two that claim one row, nor a copy of a device that speaks."""
    sole = listed.add_device("lab-2", state="pending", serial="SN2")
    for hostname, serial in (("lab-3", "OTHER"), ("lab-9", "SN9")):
        listed.add_device(hostname, state="pending", serial=serial)
    assert [each.id for each in confirm_listed(listed.engine, listed.id, actor="anna", now_ns=listed.now_ns)] == [sole]
    for _ in range(2):
        listed.add_device("", state="pending", serial="SN3")
    assert confirm_listed(listed.engine, listed.id, actor="anna", now_ns=listed.now_ns) == []
    assert len(list_waiting(listed.engine, listed.id)) == 4


@pytest.mark.parametrize(("succession", "count"), [("forked", 0), ("rolled_back", 0), ("enrolled_again", 1)])
def test_copy_is_not_confirmed_with_the_others(listed: School, succession: str, count: int) -> None:
    """About it there is more to decide, even when the list fits; one that enrolled again is no copy."""
    listed.add_device("lab-2", state="pending", succession=succession, former_device_id=find_former(listed))
    assert len(confirm_listed(listed.engine, listed.id, actor="anna", now_ns=listed.now_ns)) == count


def test_same_machine_takes_the_place_of_the_one_before(listed: School) -> None:
    """One decision, two rows in the log: the one before is revoked, its place on the list moves, its evidence stays."""
    former = find_former(listed)
    device_id = listed.add_device("lab-1", state="pending", serial="SN1", former_device_id=former, succession="forked")
    replace(listed, device_id)
    assert (find(listed, device_id).state, find(listed, former).state) == ("active", "revoked")
    assert not find(listed, former).is_unconfirmed
    assert find_expected(listed.engine, listed.id, device_id) is not None
    assert entries(listed)[:2] == [
        ("anna", "device.revoked", f"device/{former}"),
        ("anna", "device.confirmed", f"device/{device_id}"),
    ]


def test_two_machines_both_stay(listed: School) -> None:
    """Admitting a copy as a new device leaves the one before as it is."""
    former = find_former(listed)
    device_id = listed.add_device("lab-1", state="pending", serial="SN1", former_device_id=former, succession="forked")
    confirm(listed, device_id)
    assert (find(listed, device_id).state, find(listed, former).state) == ("active", "active")
    assert find_expected(listed.engine, listed.id, former) is not None


def test_only_one_can_be_the_machine_before(listed: School) -> None:
    """Of two copies the second is told that nobody can go on for a device that does not speak, and nothing changes."""
    succession = {"former_device_id": find_former(listed), "succession": "forked"}
    first, second = (listed.add_device("lab-1", state="pending", **succession) for _ in range(2))
    replace(listed, first)
    with pytest.raises(UsageError, match="is revoked: nobody can go on for it"):
        replace(listed, second)
    assert find(listed, second).state == "pending"


@pytest.mark.parametrize("state", ["active", "revoked", "retired"])
def test_what_does_not_wait_is_not_confirmed(school: School, state: str) -> None:
    """Two people who decide at once: the second is told how it is."""
    device_id = school.add_device("lab-1", state=state, former_device_id=school.add_device("lab-1"))
    for decide in (confirm, replace):
        with pytest.raises(UsageError, match=f"does not wait to be confirmed: it is {state}"):
            decide(school, device_id)
    assert entries(school) == []


def test_unknown_device_is_told(school: School) -> None:
    """And one that goes on for no other."""
    with pytest.raises(UsageError, match="there is no device"):
        confirm(school, "0" * 16)
    with pytest.raises(UsageError, match="goes on for no other"):
        replace(school, school.add_device("lab-1", state="pending"))


def test_resets_are_declared_with_a_reason(school: School) -> None:
    """And taken back; without a reason nothing changes."""
    device_id = school.add_device("lab-1")

    def declare(is_on: bool, why: str, target: str = device_id) -> None:
        engine, now_ns = school.engine, school.now_ns
        declare_resets(engine, school.id, target, is_on=is_on, why=why, actor="anna", now_ns=now_ns)

    for is_on in (True, False):
        declare(is_on, " frozen at each start ")
        assert find(school, device_id).is_reset_often is is_on
    newest = list_entries(school.engine, school.id)[0]
    assert (newest.action, newest.detail) == ("device.resets_declared", "off: frozen at each start")
    for why, target, message in ((" ", device_id, "say why"), ("x" * 501, device_id, "say why"), ("x", "0" * 16, "no")):
        with pytest.raises(UsageError, match=message):
            declare(True, why, target)
    assert not find(school, device_id).is_reset_often
