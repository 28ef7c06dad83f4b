# SPDX-License-Identifier: Apache-2.0
"""Tests of how the CA is changed without touching a device, and of when a former one may go."""

from typing import Any

import pytest
from sqlalchemy import update

from collector.audit import list_entries
from collector.authority import Authority, load_authorities, load_authority, rotate_authority
from collector.devices import DeviceState
from collector.enrolment import withdraw_token
from collector.enrolment.rotation import Standing, find_standing, retire, rotate
from collector.enrolment.tokens import list_tokens
from collector.errors import UsageError
from collector.store.engine import writing
from collector.store.schema import devices
from collector.trusts import announce
from tests.collector.enrolment.machine import Machine
from tests.collector.evidence import ADDRESSES, HOUR_NS, make_school_token
from tests.collector.school import School


@pytest.fixture
def machine(school: School, authority: Authority) -> Machine:
    """A machine that has enrolled at a collector whose devices were told where to come."""
    ca_certificates = (authority.certificate_der,)
    announce(school.engine, school.config, ca_certificates=ca_certificates, addresses=ADDRESSES, now_ns=school.now_ns)
    machine = Machine(school.id)
    machine.enrol(school, authority, make_school_token(school, authority))
    school.pass_time(1)
    return machine


def note(school: School, machine: Machine, **columns: Any) -> None:
    """Write down what a device said, or what was decided about it."""
    with writing(school.engine) as connection:
        connection.execute(update(devices).where(devices.c.device_id == machine.device_id).values(**columns))


def standing_of(school: School) -> Standing:
    """Return how the CAs stand."""
    return find_standing(school.engine, school.config, school.now_ns)


def test_first_ca_stands_alone(school: School, machine: Machine) -> None:
    """It issues, everybody needs it, and nobody lags behind."""
    standing = standing_of(school)
    (only,) = standing.authorities
    assert (only.name, only.is_issuing, only.is_announced, only.devices) == ("Schoolwarden", True, True, 1)
    assert (standing.devices_behind, standing.old_tokens) == (0, 0)


def test_rotation_tells_devices_and_says_who_lags_behind(
    school: School, authority: Authority, machine: Machine
) -> None:
    """The statement names both CAs; the device holds a certificate of the former one and may know no other."""
    standing = rotate(school.engine, school.config, now_ns=school.now_ns, actor="anna")
    assert [(each.name, each.is_issuing, each.is_announced, each.devices) for each in standing.authorities] == [
        ("Schoolwarden 2", True, True, 0),
        ("Schoolwarden", False, True, 1),
    ]
    assert standing.trust is not None
    assert standing.trust.version == 2
    assert standing.trust.ca_certificates == load_authorities(school.config.authority_folder).certificates_der
    assert standing.trust.events_address == ADDRESSES.grpc
    assert standing.devices_behind == 1
    assert [each.action for each in list_entries(school.engine, school.id)][:2] == [
        "trust.announced",
        "authority.rotated",
    ]
    assert list_entries(school.engine, school.id)[0].actor == "anna"


def test_former_ca_goes_when_its_last_device_has_moved(school: School, machine: Machine) -> None:
    """The device got a new certificate and said that it was told; then nobody needs the former CA."""
    rotate(school.engine, school.config, now_ns=school.now_ns)
    with pytest.raises(UsageError, match=r"needed: 1 device holds a certificate of it; 1 device did not say yet"):
        retire(school.engine, school.config, now_ns=school.now_ns)
    school.pass_time(1)
    machine.renew(school, load_authority(school.config.authority_folder))
    with pytest.raises(UsageError, match="is still needed: 1 device did not say yet") as caught:
        retire(school.engine, school.config, now_ns=school.now_ns)
    assert "--even-if-needed" in caught.value.hint
    note(school, machine, trust_version=2)
    assert retire(school.engine, school.config, now_ns=school.now_ns).name == "Schoolwarden"
    standing = standing_of(school)
    assert [(each.name, each.devices) for each in standing.authorities] == [("Schoolwarden 2", 1)]
    assert standing.trust is not None
    assert (standing.trust.version, len(standing.trust.ca_certificates)) == (3, 1)
    entry = list_entries(school.engine, school.id)[0]
    assert (entry.action, entry.detail) == ("authority.retired", "nobody needed it")


def test_device_that_is_set_back_to_an_image_keeps_the_former_ca(school: School, machine: Machine) -> None:
    """It takes the new CA and a certificate in one boot and forgets both at the reset: its image knows the former CA
    only. A device that enrolled after the change has no such image."""
    rotate(school.engine, school.config, now_ns=school.now_ns)
    school.pass_time(1)
    current = load_authority(school.config.authority_folder)
    machine.renew(school, current)
    later = Machine(school.id, "library-02")
    later.enrol(school, current, make_school_token(school, current))
    for each in (machine, later):
        note(school, each, trust_version=2, is_reset_often=True)
    assert [(each.devices, each.set_back) for each in standing_of(school).authorities] == [(2, 2), (1, 1)]
    with pytest.raises(UsageError) as caught:
        retire(school.engine, school.config, now_ns=school.now_ns)
    assert caught.value.message.endswith("is still needed: 1 device is set back to an image that may know only this CA")
    assert "image" in caught.value.hint
    assert standing_of(school).list_set_back() == ("1 device is set back to an image that may know only Schoolwarden",)
    note(school, machine, is_reset_often=False)
    assert standing_of(school).list_set_back() == ()
    assert retire(school.engine, school.config, now_ns=school.now_ns).name == "Schoolwarden"


def test_device_is_counted_once(school: School, machine: Machine) -> None:
    """Its image needs the former CA and so does its certificate: that is one device."""
    note(school, machine, is_reset_often=True)
    standing = rotate(school.engine, school.config, now_ns=school.now_ns)
    assert [(each.devices, each.set_back) for each in standing.authorities] == [(1, 1), (1, 1)]


def test_image_of_a_ca_that_nobody_was_told_of_is_looked_after(school: School, machine: Machine) -> None:
    """Between the files and the statement devices still learn the former CA only, whenever they enrol."""
    note(school, machine, is_reset_often=True)
    rotate_authority(school.config.authority_folder)
    school.pass_time(1)
    assert [each.set_back for each in standing_of(school).authorities] == [1, 1]


@pytest.mark.parametrize("state", [DeviceState.REVOKED, DeviceState.RETIRED])
def test_device_that_may_not_speak_needs_no_ca(school: School, machine: Machine, state: DeviceState) -> None:
    """It would not be let in anyway."""
    rotate(school.engine, school.config, now_ns=school.now_ns)
    note(school, machine, state=state.value, is_reset_often=True)
    assert retire(school.engine, school.config, now_ns=school.now_ns).name == "Schoolwarden"


def test_token_in_somebodys_pocket_keeps_the_former_ca(school: School, authority: Authority) -> None:
    """The CA in it is the only one that a new device knows; withdrawn or expired, it keeps nothing."""
    announce(
        school.engine,
        school.config,
        ca_certificates=(authority.certificate_der,),
        addresses=ADDRESSES,
        now_ns=school.now_ns,
    )
    make_school_token(school, authority)
    make_school_token(school, authority, valid_for_ns=2 * HOUR_NS)
    school.pass_time(1)
    rotate(school.engine, school.config, now_ns=school.now_ns)
    make_school_token(school, load_authority(school.config.authority_folder))
    with pytest.raises(UsageError, match="2 tokens that are still good were made before the new one"):
        retire(school.engine, school.config, now_ns=school.now_ns)
    school.pass_time(HOUR_NS)
    (open_token,) = [each for each in list_tokens(school.engine, school.id, school.now_ns) if each.state == "open"]
    withdraw_token(school.engine, school.id, open_token.id, now_ns=school.now_ns)
    assert retire(school.engine, school.config, now_ns=school.now_ns).name == "Schoolwarden"


def test_stolen_key_goes_at_once(school: School, machine: Machine) -> None:
    """Whoever needs that CA must enrol again, and the log keeps how many that were."""
    rotate(school.engine, school.config, now_ns=school.now_ns)
    retire(school.engine, school.config, even_if_needed=True, now_ns=school.now_ns)
    assert "1 device holds a certificate of it" in list_entries(school.engine, school.id)[0].detail


def test_ca_that_issues_is_never_dropped(school: School, machine: Machine) -> None:
    """However much somebody wants it."""
    with pytest.raises(UsageError, match="no former CA"):
        retire(school.engine, school.config, even_if_needed=True, now_ns=school.now_ns)


def test_ca_that_devices_were_not_told_of_shows(school: School, machine: Machine) -> None:
    """A rotation that ended between the files and the statement; announcing it again heals that."""
    authorities = rotate_authority(school.config.authority_folder)
    standing = standing_of(school)
    assert [each.is_announced for each in standing.authorities] == [False, True]
    assert standing.devices_behind == 1
    announce(
        school.engine, school.config, ca_certificates=authorities.certificates_der, addresses=None, now_ns=school.now_ns
    )
    assert [each.is_announced for each in standing_of(school).authorities] == [True, True]


def test_collector_without_devices_rotates_and_tells_nobody(school: School, authority: Authority) -> None:
    """There is no address yet that anybody could be told."""
    standing = rotate(school.engine, school.config, now_ns=school.now_ns)
    assert standing.trust is None
    assert retire(school.engine, school.config, now_ns=school.now_ns).name == "Schoolwarden"
