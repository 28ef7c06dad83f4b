# SPDX-License-Identifier: Apache-2.0
"""Tests of how a device gets its next certificate, without the network."""

import pytest
from cryptography import x509
from sqlalchemy import select, update

from collector.authority import Authority, find_device_in_uri
from collector.devices import DeviceState
from collector.enrolment.certificates import DAY_NS, MAX_A_DAY, to_authority_sha256
from collector.errors import EnrolmentRefusedError
from collector.store.engine import reading, writing
from collector.store.schema import certificates, devices
from tests.collector.enrolment.machine import Machine
from tests.collector.evidence import make_school_token
from tests.collector.school import School


@pytest.fixture
def machine(school: School, authority: Authority) -> Machine:
    """A machine that has enrolled."""
    machine = Machine(school.id)
    machine.enrol(school, authority, make_school_token(school, authority))
    return machine


def set_state(school: School, machine: Machine, state: DeviceState) -> None:
    """Let somebody decide about a device."""
    with writing(school.engine) as connection:
        connection.execute(update(devices).where(devices.c.device_id == machine.device_id).values(state=state.value))


def test_next_certificate_is_for_the_same_device_and_key(
    school: School, authority: Authority, machine: Machine
) -> None:
    """It is written down like the first one: whose it is, of which CA, and until when."""
    school.pass_time(300 * DAY_NS)
    certificate = x509.load_der_x509_certificate(machine.renew(school, authority))
    assert certificate.public_key() == machine.tls_key.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert find_device_in_uri(uri) == (school.id, machine.device_id)
    with reading(school.engine) as connection:
        rows = connection.execute(select(certificates).order_by(certificates.c.made_at_ns)).all()
    assert [row.device_id for row in rows] == [machine.device_id] * 2
    assert {row.authority_sha256 for row in rows} == {to_authority_sha256(authority.certificate_der)}
    assert rows[1].made_at_ns == school.now_ns
    assert rows[1].expires_at_ns == int(certificate.not_valid_after_utc.timestamp()) * 10**9


def test_device_from_the_cupboard_renews_after_years(school: School, authority: Authority, machine: Machine) -> None:
    """Its evidence key is enough; nobody asks for the certificate that has expired."""
    school.pass_time(5 * 365 * DAY_NS)
    assert machine.renew(school, authority)


def test_pending_device_renews(school: School, authority: Authority, machine: Machine) -> None:
    """Its evidence is taken, so it must not fall silent while somebody makes up his mind."""
    set_state(school, machine, DeviceState.PENDING)
    assert machine.renew(school, authority)


@pytest.mark.parametrize("state", [DeviceState.REVOKED, DeviceState.RETIRED])
def test_device_that_may_not_speak_gets_none(
    school: School, authority: Authority, machine: Machine, state: DeviceState
) -> None:
    """And nothing is written down."""
    set_state(school, machine, state)
    with pytest.raises(EnrolmentRefusedError, match="may not speak here any more") as caught:
        machine.renew(school, authority)
    assert "--again" in caught.value.hint
    assert school.count(certificates) == 1


def test_unknown_device_is_told_to_enrol(school: School, authority: Authority, machine: Machine) -> None:
    """A collector that was restored from an old backup does not know it."""
    machine.device_id = "0" * 16
    with pytest.raises(EnrolmentRefusedError, match="not known here"):
        machine.renew(school, authority)


def test_who_does_not_hold_the_evidence_key_gets_none(school: School, authority: Authority, machine: Machine) -> None:
    """A device's id is no secret."""
    thief = Machine(school.id)
    thief.device_id = machine.device_id
    with pytest.raises(EnrolmentRefusedError, match="does not prove"):
        thief.renew(school, authority)
    assert school.count(certificates) == 1


def test_recorded_request_is_good_for_its_own_key_only(school: School, authority: Authority, machine: Machine) -> None:
    """The proof covers the certificate request: nobody puts his own key into somebody else's question."""
    thief = Machine(school.id)
    thief.device_id = machine.device_id
    thief.signer, own = machine.signer, thief.certificate_request
    thief.certificate_request = machine.certificate_request
    recorded = thief.ask_to_renew()
    recorded.certificate_request = own
    thief.ask_to_renew = lambda: recorded  # type: ignore[method-assign]
    with pytest.raises(EnrolmentRefusedError, match="does not prove"):
        thief.renew(school, authority)


def test_device_that_asks_without_end_is_stopped_for_a_day(
    school: School, authority: Authority, machine: Machine
) -> None:
    """Each certificate is a row. The next day it may ask again."""
    for _ in range(MAX_A_DAY - 1):
        machine.renew(school, authority)
    with pytest.raises(EnrolmentRefusedError, match="too many certificates today"):
        machine.renew(school, authority)
    assert school.count(certificates) == MAX_A_DAY
    school.pass_time(DAY_NS)
    assert machine.renew(school, authority)


def test_request_that_is_too_large_is_refused_first(school: School, authority: Authority, machine: Machine) -> None:
    """Before anything is looked up or calculated."""
    machine.certificate_request = bytes(5000)
    with pytest.raises(EnrolmentRefusedError, match="holds more than"):
        machine.renew(school, authority)
