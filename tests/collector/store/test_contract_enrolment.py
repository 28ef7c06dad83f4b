# SPDX-License-Identifier: Apache-2.0
"""What every engine must keep of enrolment, however many ask at the same moment."""

import pytest

from collector import audit
from collector.authority import Authority, load_authority
from collector.devices import DeviceState, list_devices
from collector.enrolment import list_tokens, succession, withdraw_token
from collector.enrolment.rotation import find_standing, retire, rotate
from collector.errors import EnrolmentRefusedError, UsageError
from collector.store.schema import certificates
from collector.trusts import announce, list_trusts
from tests.collector.enrolment.machine import Machine
from tests.collector.evidence import ADDRESSES, incidents_of, make_school_token
from tests.collector.school import School
from tests.collector.store.test_contract import at_once


def test_same_machine_that_asks_many_times_at_once_is_one_device(school: School, authority: Authority) -> None:
    """Each question is answered with the same id, and the token loses one use."""
    token = make_school_token(school, authority, uses=5)
    machine = Machine(school.id)
    found: set[str] = set()
    at_once(lambda number: found.add(machine.enrol(school, authority, token).device_id), 6)
    (device,) = list_devices(school.engine, school.id)
    assert found == {device.id}
    assert school.count(certificates) == 6
    assert [each.uses for each in list_tokens(school.engine, school.id, school.now_ns)] == [1]


def test_clones_that_come_at_once_are_as_many_as_may(
    school: School, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit holds for those who ask at the same moment, and each is counted in one incident."""
    monkeypatch.setattr(succession, "MAX_A_DAY", 3)
    former = Machine(school.id)
    former.enrol(school, authority, make_school_token(school, authority))
    clones = [Machine(school.id) for _ in range(8)]

    def work(number: int) -> None:
        try:
            clones[number].go_on_for(school, authority, former)
        except EnrolmentRefusedError as error:
            assert "went on for this device today" in error.message

    at_once(work, len(clones))
    states = sorted(device.state for device in list_devices(school.engine, school.id))
    assert states == [DeviceState.ACTIVE] + 3 * [DeviceState.PENDING]
    (incident,) = incidents_of(school)
    assert incident.count == 3


def test_machine_that_enrols_again_and_a_renewal(school: School, authority: Authority) -> None:
    """The former device ends, the new one gets its next certificate, and a token can be withdrawn."""
    former, again = Machine(school.id), Machine(school.id)
    token = make_school_token(school, authority, uses=2)
    former.enrol(school, authority, token)
    assert again.enrol(school, authority, token, former=former).is_pending
    with pytest.raises(EnrolmentRefusedError, match="may not speak"):
        former.renew(school, authority)
    assert again.renew(school, authority)
    (made,) = list_tokens(school.engine, school.id, school.now_ns)
    assert withdraw_token(school.engine, school.id, made.id, now_ns=school.now_ns).uses == 2
    audit.verify_audit(school.engine, school.id)


def test_statements_of_many_writers_have_a_version_each(school: School) -> None:
    """Whoever announces at the same moment waits for the other."""

    def work(number: int) -> None:
        certificate = bytes([number])
        announce(
            school.engine, school.config, ca_certificates=(certificate,), addresses=ADDRESSES, now_ns=school.now_ns
        )

    at_once(work, 6)
    assert [each.version for each in list_trusts(school.engine, school.config)] == [1, 2, 3, 4, 5, 6]
    audit.verify_audit(school.engine, school.id)


def test_rotation_counts_who_needs_which_ca(school: School, authority: Authority) -> None:
    """By the newest certificate of each device that may speak."""
    first, second = Machine(school.id), Machine(school.id)
    for machine in (first, second):
        machine.enrol(school, authority, make_school_token(school, authority))
    school.pass_time(1)
    rotate(school.engine, school.config, now_ns=school.now_ns)
    school.pass_time(1)
    first.renew(school, load_authority(school.config.authority_folder))
    standing = find_standing(school.engine, school.config, school.now_ns)
    assert [(each.name, each.devices) for each in standing.authorities] == [("Schoolwarden 2", 1), ("Schoolwarden", 1)]
    with pytest.raises(UsageError, match="still needed"):
        retire(school.engine, school.config, now_ns=school.now_ns)
