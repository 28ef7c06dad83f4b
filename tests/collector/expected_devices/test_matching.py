# SPDX-License-Identifier: Apache-2.0
"""Tests of what the list settles without a person, and what it does not."""

import pytest

from collector.devices import find_device, revoke
from collector.disposals import Account, Method, retire_device
from collector.expected_devices import find_expected, import_expected_devices, match_device, move
from collector.store.engine import writing
from proto.enrolment import ENROLLED_AGAIN, FORKED, ROLLED_BACK
from proto.keys import load_signer
from tests.collector.school import School

LIST = b"hostname,serial,asset,place\nlab-1,SN1,,\nlab-2,,,\n"


def take_list(school: School) -> None:
    """Import the list."""
    import_expected_devices(school.engine, school.id, LIST, actor="anna", now_ns=school.now_ns)


def match(school: School, device_id: str) -> bool:
    """Match a device as enrolment does."""
    with writing(school.engine) as connection:
        return match_device(connection, school.id, device_id, school.now_ns)


def state_of(school: School, device_id: str) -> str:
    """Return the state of a device that is there."""
    device = find_device(school.engine, school.id, device_id)
    assert device is not None
    return device.state


def test_same_name_and_number_confirm_once(school: School) -> None:
    """The second machine that claims the same stays to be looked at: the facts are no proof."""
    take_list(school)
    first = school.add_device("LAB-1.example.org", state="pending", serial="sn1")
    second = school.add_device("lab-1", state="pending", serial="SN1")
    assert [match(school, first), match(school, second)] == [True, False]
    assert [state_of(school, first), state_of(school, second)] == ["active", "pending"]
    device = find_device(school.engine, school.id, first)
    assert device is not None
    assert (device.confirmed_by, device.confirmed_at_ns) == ("the school’s list", school.now_ns)


def test_one_fact_confirms_nobody(school: School) -> None:
    """The name alone, another serial number, or nothing: a person decides."""
    take_list(school)
    for hostname, serial in (("lab-2", "SN2"), ("lab-1", ""), ("lab-1", "OTHER"), ("other", "SN1"), ("", "")):
        device_id = school.add_device(hostname, state="pending", serial=serial)
        assert not match(school, device_id)
        assert state_of(school, device_id) == "pending"


def test_active_device_is_linked_only(school: School) -> None:
    """The list shows then that the machine came; nothing is confirmed by it."""
    take_list(school)
    device_id = school.add_device("lab-2", serial="SN2")
    assert not match(school, device_id)
    row = find_expected(school.engine, school.id, device_id)
    assert row is not None
    assert (row.hostname, row.is_free) == ("lab-2", False)


def test_row_of_a_revoked_device_is_free_for_people_only(school: School) -> None:
    """Whoever comes with the facts of a machine that was thrown out is not let in by the list."""
    take_list(school)
    first = school.add_device("lab-1", state="pending", serial="SN1")
    assert match(school, first)
    with writing(school.engine) as connection:
        revoke(connection, school.id, first)
    second = school.add_device("lab-1", state="pending", serial="SN1")
    assert not match(school, second)
    row = find_expected(school.engine, school.id, first)
    assert row is not None
    assert row.is_free


def test_row_of_a_retired_device_is_taken_for_good(school: School) -> None:
    """The machine is gone: nobody can be it."""
    take_list(school)
    device_id = school.add_device("lab-1", serial="SN1")
    match(school, device_id)
    account = Account(method=Method.LOST, receiver="", receipt="", is_wiped=False, wiped_how="lost")
    signer = load_signer(school.config.signing_key)
    retire_device(school.engine, school.id, device_id, account, signer=signer, actor="anna", now_ns=school.now_ns)
    row = find_expected(school.engine, school.id, device_id)
    assert row is not None
    assert not row.is_free


def test_row_moves_to_the_device_that_goes_on(school: School) -> None:
    """The machine keeps its place on the list under new keys."""
    take_list(school)
    first, second = school.add_device("lab-1", serial="SN1"), school.add_device("lab-1")
    match(school, first)
    with writing(school.engine) as connection:
        move(connection, school.id, first, second)
    assert find_expected(school.engine, school.id, first) is None
    assert find_expected(school.engine, school.id, second) is not None


def test_unknown_device_matches_nothing(school: School) -> None:
    """Nor one that may not speak."""
    take_list(school)
    assert not match(school, "0" * 16)
    assert not match(school, school.add_device("lab-1", serial="SN1", state="revoked"))


@pytest.mark.parametrize(
    ("succession", "state"), [(FORKED, "pending"), (ROLLED_BACK, "pending"), (ENROLLED_AGAIN, "active")]
)
def test_copy_of_a_device_waits_for_a_person(school: School, succession: str, state: str) -> None:
    """Whatever it calls itself, neither when it comes nor when the list does; one that enrolled again is no copy."""
    former = school.add_device("library-01")
    device_id = school.add_device(
        "lab-1", state="pending", serial="SN1", succession=succession, former_device_id=former
    )
    take_list(school)
    assert state_of(school, device_id) == state
    assert not match(school, device_id)
    assert (find_expected(school.engine, school.id, device_id) is None) == (state == "pending")
