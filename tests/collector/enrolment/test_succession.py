# SPDX-License-Identifier: Apache-2.0
"""Tests of machines that go on for another device: with a token again, or because there were two of them."""

from typing import Any

import pytest
from sqlalchemy import Row, select, update

from collector.audit import list_entries
from collector.authority import Authority
from collector.devices import DeviceState
from collector.enrolment import succession
from collector.enrolment.certificates import DAY_NS
from collector.enrolment.succession import RULE
from collector.errors import EnrolmentRefusedError
from collector.store.engine import reading, writing
from collector.store.schema import certificates, device_keys, devices, incidents
from proto.enrolment import ENROLLED_AGAIN, FORKED, ROLLED_BACK, proof_bytes, succession_bytes
from proto.keys import to_verifier
from tests.collector.enrolment.machine import Machine
from tests.collector.evidence import incidents_of, make_school_token
from tests.collector.school import School


@pytest.fixture
def former(school: School, authority: Authority) -> Machine:
    """A machine that has enrolled."""
    machine = Machine(school.id, "library-01")
    machine.enrol(school, authority, make_school_token(school, authority))
    return machine


def row_of(school: School, machine: Machine) -> Row[Any]:
    """Return what is written down of a device."""
    with reading(school.engine) as connection:
        query = select(devices, device_keys).join_from(
            devices, device_keys, device_keys.c.device_id == devices.c.device_id
        )
        return connection.execute(query.where(devices.c.device_id == machine.device_id)).one()


def set_state(school: School, machine: Machine, state: DeviceState) -> None:
    """Let somebody decide about a device."""
    with writing(school.engine) as connection:
        connection.execute(update(devices).where(devices.c.device_id == machine.device_id).values(state=state.value))


def verify_proofs(school: School, machine: Machine, former: Machine) -> None:
    """Check, from the database alone, what proves that a device may speak and goes on for another."""
    row, before = row_of(school, machine), row_of(school, former)
    to_verifier(row.algorithm, row.public_key).verify(
        row.proof,
        proof_bytes(
            school_id=school.id,
            token_secret_sha256=row.token_sha256,
            certificate_request=row.certificate_request,
            algorithm=row.algorithm,
            public_key=row.public_key,
        ),
    )
    to_verifier(before.algorithm, before.public_key).verify(
        row.former_proof,
        succession_bytes(
            school_id=school.id,
            former_device_id=row.former_device_id,
            reason=row.succession,
            algorithm=row.algorithm,
            public_key=row.public_key,
        ),
    )


# One of two machines


@pytest.mark.parametrize("reason", [FORKED, ROLLED_BACK])
def test_clone_becomes_a_device_of_its_own(school: School, authority: Authority, former: Machine, reason: str) -> None:
    """It is pending, whatever the former one was; the former one speaks on; and its proofs stay."""
    clone = Machine(school.id, "library-02")
    assert clone.go_on_for(school, authority, former, reason).is_pending
    row = row_of(school, clone)
    assert (row.state, row.former_device_id, row.succession) == ("pending", former.device_id, reason)
    assert (row.token_sha256, row.confirmed_at_ns, row.confirmed_by) == (b"", None, None)
    assert row_of(school, former).state == "active"
    assert school.count(certificates) == 2
    verify_proofs(school, clone, former)


def test_clone_is_an_incident_of_the_former_device(school: School, authority: Authority, former: Machine) -> None:
    """One for all of its clones, counted, in words that say what happened and what is to do."""
    clones = [Machine(school.id), Machine(school.id)]
    for clone in clones:
        clone.go_on_for(school, authority, former)
    (incident,) = incidents_of(school)
    assert (incident.rule, incident.device, incident.severity) == (RULE, former.device_id, 4)
    assert (incident.count, incident.state) == (2, "open")
    assert incident.summary == (
        f"Two machines speak as library-01: one of them goes on as device {clones[1].device_id}, "
        "which somebody must confirm"
    )


def test_old_copy_is_told_in_other_words(school: School, authority: Authority, former: Machine) -> None:
    """There need not be two machines: a disk was set back."""
    Machine(school.id).go_on_for(school, authority, former, ROLLED_BACK)
    (incident,) = incidents_of(school)
    assert "library-01 came back as an old copy of itself and goes on as device" in incident.summary


def test_lost_answer_is_given_again(school: School, authority: Authority, former: Machine) -> None:
    """The same keys are the same device, also when the second question gives another reason; it is counted once."""
    clone = Machine(school.id)
    first = clone.go_on_for(school, authority, former, FORKED)
    second = clone.go_on_for(school, authority, former, ROLLED_BACK)
    assert first.device_id == second.device_id
    assert first.certificate != second.certificate
    assert row_of(school, clone).succession == FORKED
    assert (school.count(devices), incidents_of(school)[0].count) == (2, 1)
    verify_proofs(school, clone, former)


def test_confirmed_clone_that_asks_again_stays_confirmed(school: School, authority: Authority, former: Machine) -> None:
    """And is told so."""
    clone = Machine(school.id)
    clone.go_on_for(school, authority, former)
    set_state(school, clone, DeviceState.ACTIVE)
    assert not clone.go_on_for(school, authority, former).is_pending


def test_revoked_clone_that_asks_again_gets_nothing(school: School, authority: Authority, former: Machine) -> None:
    """A person said that it is none of ours."""
    clone = Machine(school.id)
    clone.go_on_for(school, authority, former)
    set_state(school, clone, DeviceState.REVOKED)
    with pytest.raises(EnrolmentRefusedError, match="may not speak here any more"):
        clone.go_on_for(school, authority, former)


@pytest.mark.parametrize("state", [DeviceState.REVOKED, DeviceState.RETIRED])
def test_nobody_goes_on_for_a_device_that_may_not_speak(
    school: School, authority: Authority, former: Machine, state: DeviceState
) -> None:
    """Otherwise a revoked machine would come back by itself."""
    set_state(school, former, state)
    with pytest.raises(EnrolmentRefusedError, match="the former device may not speak"):
        Machine(school.id).go_on_for(school, authority, former)
    assert (school.count(devices), school.count(incidents)) == (1, 0)


@pytest.mark.parametrize("reason", ["", ENROLLED_AGAIN, "because", "x" * 100_000])
def test_other_reasons_are_none(school: School, authority: Authority, former: Machine, reason: str) -> None:
    """Who enrols again needs a token."""
    with pytest.raises(EnrolmentRefusedError, match="no reason"):
        Machine(school.id).go_on_for(school, authority, former, reason)


def test_who_does_not_hold_the_former_key_goes_on_for_nobody(
    school: School, authority: Authority, former: Machine
) -> None:
    """The id of a device is no secret; nothing is written and nobody is alarmed."""
    thief = Machine(school.id)
    thief.device_id = former.device_id
    with pytest.raises(EnrolmentRefusedError, match="does not prove that it was the one before"):
        Machine(school.id).go_on_for(school, authority, thief)
    assert (school.count(devices), school.count(incidents)) == (1, 0)


def test_unknown_former_device_is_refused(school: School, authority: Authority) -> None:
    """A device of another school, or of nobody."""
    stranger = Machine(school.id)
    stranger.device_id = "0" * 16
    with pytest.raises(EnrolmentRefusedError, match="not known here"):
        Machine(school.id).go_on_for(school, authority, stranger)


def test_key_that_was_vouched_for_is_the_one_that_comes(school: School, authority: Authority, former: Machine) -> None:
    """The former key's word is for one new key: who recorded it cannot use it for his own."""
    recorded = Machine(school.id).ask_to_go_on_for(former)
    thief = Machine(school.id)
    request = thief.ask_to_go_on_for(former)
    request.former_proof = recorded.former_proof
    thief.ask_to_go_on_for = lambda *_: request  # type: ignore[method-assign]
    with pytest.raises(EnrolmentRefusedError, match="does not prove that it was the one before"):
        thief.go_on_for(school, authority, former)


def test_stolen_key_makes_so_many_devices_a_day_and_no_more(
    school: School, authority: Authority, former: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also through the devices that it made: the whole family counts. Other devices are not concerned."""
    assert succession.MAX_A_DAY == 50
    monkeypatch.setattr(succession, "MAX_A_DAY", 6)
    family = [former]
    for number in range(6):
        child = Machine(school.id, f"clone-{number}")
        # A tree: half of them go on for the first, half for one another.
        child.go_on_for(school, authority, family[0] if number % 2 else family[-1])
        family.append(child)
    for parent in (family[0], family[1], family[-1]):
        with pytest.raises(EnrolmentRefusedError, match="6 machines went on for this device today") as caught:
            Machine(school.id).go_on_for(school, authority, parent)
        assert "token" in caught.value.hint
    other = Machine(school.id)
    other.enrol(school, authority, make_school_token(school, authority))
    assert Machine(school.id).go_on_for(school, authority, other).is_pending
    school.pass_time(DAY_NS + 1)
    assert Machine(school.id).go_on_for(school, authority, former).is_pending


# The same machine with a token again


def test_machine_that_enrols_again_ends_the_device_that_it_was(
    school: School, authority: Authority, former: Machine
) -> None:
    """In one transaction, by the former key's word; and the audit log says why."""
    again = Machine(school.id)
    assert not again.enrol(school, authority, make_school_token(school, authority), former=former).is_pending
    row = row_of(school, again)
    assert (row.state, row.former_device_id, row.succession) == ("active", former.device_id, ENROLLED_AGAIN)
    assert row_of(school, former).state == "revoked"
    verify_proofs(school, again, former)
    entry = list_entries(school.engine, school.id)[0]
    assert (entry.actor, entry.action, entry.subject) == (
        "schoolwarden",
        "device.revoked",
        f"device/{former.device_id}",
    )
    assert again.device_id in entry.detail
    assert school.count(incidents) == 0


@pytest.mark.parametrize("state", [DeviceState.REVOKED, DeviceState.RETIRED])
def test_device_that_was_ended_already_stays_as_it_was(
    school: School, authority: Authority, former: Machine, state: DeviceState
) -> None:
    """A token says that the machine is ours again; what became of the former device is not told anew."""
    set_state(school, former, state)
    again = Machine(school.id)
    again.enrol(school, authority, make_school_token(school, authority), former=former)
    assert row_of(school, former).state == state.value
    assert list_entries(school.engine, school.id)[0].action == "token.made"


@pytest.mark.parametrize("spoil", ["proof", "device"])
def test_wrong_word_of_a_former_device_refuses_the_enrolment(
    school: School, authority: Authority, former: Machine, spoil: str
) -> None:
    """A token alone does not end another device; and the token loses nothing."""
    token = make_school_token(school, authority)
    liar = Machine(school.id)
    liar.device_id = former.device_id if spoil == "proof" else "0" * 16
    again = Machine(school.id)
    with pytest.raises(EnrolmentRefusedError):
        again.enrol(school, authority, token, former=liar)
    assert row_of(school, former).state == "active"
    assert again.enrol(school, authority, token)
