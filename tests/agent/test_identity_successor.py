# SPDX-License-Identifier: Apache-2.0
"""Tests of how a machine goes on: as another device, with other CAs, after a cut at any moment, from older files."""

import json
import shutil
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from agent.errors import EnrolmentError, KeyStoreError, NotEnrolledError
from agent.identity import PIN_FILE, Identity, IdentityFolder
from proto.enrolment import ENROLLED_AGAIN, FORKED, proof_bytes, succession_bytes
from proto.files import write_private
from proto.keys import Ed25519Signer, to_verifier
from proto.trust import Trust, sign_trust
from proto.wire import EnrolReply, RekeyRequest
from tests.agent.collector import FACTS, FakeCollector
from tests.agent.cuts import every_cut
from tests.agent.test_identity import FILES, list_files

COLLECTOR = FakeCollector()
WHOLE = {f"identity/{name}" for name in (*FILES, "tls.csr", PIN_FILE)}
"""Every file of a machine that is one device."""


class Machine:
    """A machine that is a device, and its collector."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.identity = COLLECTOR.enrol(state)
        self.folder = IdentityFolder(state)
        (state / "identity" / PIN_FILE).write_bytes(b"the pinned root")

    def ask(self) -> RekeyRequest:
        """Return its request to go on as another device."""
        return self.folder.make_rekey_request(self.identity, FORKED, FACTS)

    def prepare(self, **changes: Any) -> Identity:
        """Have it admitted as another device, which is not in force yet."""
        reply = COLLECTOR.answer(self.ask(), **({"device_id": "successor"} | changes))
        return self.folder.prepare_successor(self.identity, reply)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine that is a device."""
    return Machine(tmp_path / "state")


def make_trust(version: int, *certificates: bytes, address: str = "192.0.2.20") -> Any:
    """Return a statement of the collector."""
    trust = Trust(
        version=version,
        school_id=COLLECTOR.school_id,
        ca_certificates=certificates,
        enrol_address=f"{address}:7441",
        events_address=f"{address}:7442",
        made_at_ns=1,
    )
    return sign_trust(COLLECTOR.signer, trust)


# Who it was


def test_enrolled_again_it_proves_which_device_it_was(machine: Machine) -> None:
    """The former device's key signs for the new one, so that the school sees one machine and not two."""
    former = machine.identity
    request = machine.folder.make_request(COLLECTOR.make_token(), FACTS, former=former)
    assert request.former_device_id == former.device_id
    handed_over = succession_bytes(
        school_id=former.school_id,
        former_device_id=former.device_id,
        reason=ENROLLED_AGAIN,
        algorithm=request.evidence_algorithm,
        public_key=request.evidence_public_key,
    )
    to_verifier(former.signer.algorithm, former.signer.public_key).verify(request.former_proof, handed_over)


def test_another_school_does_not_learn_whose_it_was(machine: Machine) -> None:
    """A machine that changes schools says nothing of the first one."""
    token = FakeCollector("f" * 16).make_token()
    request = machine.folder.make_request(token, FACTS, former=machine.identity)
    assert (request.former_device_id, request.former_proof) == ("", b"")


def test_a_request_to_go_on_proves_both_keys(machine: Machine) -> None:
    """The new one that it is held, the former one that it hands over; asked again, the new one is the same."""
    request, former = machine.ask(), machine.identity
    assert (request.former_device_id, request.reason) == (former.device_id, FORKED)
    assert request.evidence_public_key != former.signer.public_key
    held = proof_bytes(
        school_id=former.school_id,
        token_secret_sha256=b"",
        certificate_request=request.certificate_request,
        algorithm=request.evidence_algorithm,
        public_key=request.evidence_public_key,
    )
    to_verifier(request.evidence_algorithm, request.evidence_public_key).verify(request.evidence_proof, held)
    handed_over = succession_bytes(
        school_id=former.school_id,
        former_device_id=former.device_id,
        reason=FORKED,
        algorithm=request.evidence_algorithm,
        public_key=request.evidence_public_key,
    )
    to_verifier(former.signer.algorithm, former.signer.public_key).verify(request.former_proof, handed_over)
    assert machine.ask().evidence_public_key == request.evidence_public_key
    assert x509.load_der_x509_csr(request.certificate_request).public_key() != _tls_key_of(former)


def _tls_key_of(identity: Identity) -> Any:
    return x509.load_pem_x509_certificate(identity.tls_certificate_pem).public_key()


# Going on as another device


def test_a_prepared_successor_is_not_in_force(machine: Machine) -> None:
    """Until the commit the machine is who it was; then it is the other, with the same pins and other keys."""
    assert machine.folder.find_prepared() is None
    prepared = machine.prepare()
    assert machine.folder.load().device_id == machine.identity.device_id
    found = machine.folder.find_prepared()
    assert found is not None
    assert found.device_id == prepared.device_id == "successor"
    after, before = machine.folder.commit_successor(), machine.identity
    assert (after.device_id, after.epoch) == ("successor", 1)
    assert after.spool_key == prepared.spool_key != before.spool_key
    assert after.keys.tls_public_key != before.keys.tls_public_key
    for name in ("school_id", "events_address", "enrol_address", "ca_certificate_pem", "signing_public_key"):
        assert getattr(after, name) == getattr(before, name), name
    assert (machine.state / "identity" / PIN_FILE).read_bytes() == b"the pinned root"
    assert [path.name for path in machine.state.iterdir()] == ["identity"]
    assert machine.folder.find_prepared() is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"school_id": "f" * 16}, "another school"),
        ({"certificate": COLLECTOR.ca_certificate}, "another key"),
        ({"signing_public_key": Ed25519Signer.generate().public_key}, "signing key is another"),
        (
            {
                "trust": sign_trust(
                    Ed25519Signer.generate(),
                    Trust(
                        version=1,
                        school_id=COLLECTOR.school_id,
                        ca_certificates=(COLLECTOR.ca_certificate,),
                        enrol_address="a:1",
                        events_address="a:2",
                        made_at_ns=1,
                    ),
                )
            },
            "cannot be used",
        ),
    ],
    ids=["another school", "another key", "another collector", "forged trust"],
)
def test_an_answer_that_makes_no_successor_is_refused(machine: Machine, changes: dict[str, Any], message: str) -> None:
    """A device never loses whom it pinned by going on as another."""
    with pytest.raises(EnrolmentError, match=message):
        machine.prepare(**changes)
    assert machine.folder.find_prepared() is None
    assert machine.folder.load().device_id == machine.identity.device_id


def list_names(state: Path) -> set[str]:
    """Return every file below a state folder."""
    return set(list_files(state))


def set_aside(state: Path) -> None:
    """Cut after the former identity was set aside."""
    (state / "identity").rename(state / "identity.old")


def set_in_place(state: Path) -> None:
    """Cut after the successor was put in its place, before the former one was removed."""
    set_aside(state)
    (state / "succeeding").rename(state / "identity")


@pytest.mark.parametrize("cut", [set_aside, set_in_place])
def test_a_cut_in_the_swap_is_finished_at_the_next_start(machine: Machine, cut: Callable[[Path], None]) -> None:
    """Between the two folders the machine is nobody for a moment; whoever looks next puts it right."""
    prepared = machine.prepare()
    cut(machine.state)
    folder = IdentityFolder(machine.state)
    assert folder.is_enrolled()
    assert folder.load().device_id == "successor"
    assert folder.load().spool_key == prepared.spool_key
    assert list_names(machine.state) == WHOLE, "no private key of the former device is left"


def test_what_was_removed_in_part_is_removed(machine: Machine) -> None:
    """A cut while the former identity goes: the rest of it, with any key in it, goes at the next look."""
    machine.prepare()
    set_in_place(machine.state)
    (machine.state / "identity.old" / "identity.json").unlink()
    assert IdentityFolder(machine.state).is_enrolled()
    assert list_names(machine.state) == WHOLE


def test_without_a_successor_the_former_identity_goes_back(machine: Machine) -> None:
    """What was set aside for nothing is put back, and a request that was begun is not taken for an identity."""
    machine.ask()
    set_aside(machine.state)
    assert IdentityFolder(machine.state).load().device_id == machine.identity.device_id
    assert (
        list_names(machine.state) == {f"succeeding/{name}" for name in ("evidence.key", "tls.key", "tls.csr")} | WHOLE
    )


def test_identity_that_was_moved_away_is_gone(machine: Machine) -> None:
    """After a cut and a look, nothing that lies beside takes the place of an identity that somebody moved away."""
    machine.prepare()
    set_in_place(machine.state)
    folder = IdentityFolder(machine.state)
    machine.identity = folder.load()
    machine.prepare(device_id="forgotten")
    (machine.state / "identity").rename(machine.state.parent / "moved")
    assert not folder.is_enrolled()
    with pytest.raises(NotEnrolledError, match="not enrolled"):
        folder.load()


def test_only_what_was_prepared_is_put_in_place(machine: Machine) -> None:
    """Otherwise another device's queue would be put beside the identity that is here."""
    machine.ask()
    with pytest.raises(NotEnrolledError, match="was prepared"):
        machine.folder.commit_successor()
    assert machine.folder.load().device_id == machine.identity.device_id


def test_power_may_go_anywhere_in_a_swap(tmp_path: Path) -> None:
    """Whatever moment: at the next look there is one identity, and no key of another one beside it."""
    for cut in every_cut():
        machine = Machine(tmp_path / str(cut.number))
        machine.prepare()
        with cut:
            machine.folder.commit_successor()
        is_former = IdentityFolder(machine.state).load().device_id == machine.identity.device_id
        prepared = {f"succeeding/{Path(name).name}" for name in WHOLE}
        assert list_names(machine.state) == (WHOLE | prepared if is_former else WHOLE)


@pytest.mark.parametrize("late", ["certificate", "trust"])
def test_late_answer_never_reaches_the_successor(machine: Machine, late: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer for the former device that is being written down when the next one comes changes nothing of that."""
    prepared = machine.prepare()
    former, folder = machine.identity, machine.folder
    committing = threading.Thread(target=folder.commit_successor)

    def write_at_that_moment(path: Path, content: bytes) -> None:
        if not committing.ident:
            committing.start()
            # Where nothing holds it back it is done at once.
            committing.join(timeout=0.3)
        write_private(path, content)

    monkeypatch.setattr("agent.identity.write_private", write_at_that_moment)
    if late == "certificate":
        folder.replace_certificate(former, ssl.PEM_cert_to_DER_cert(former.tls_certificate_pem.decode()))
    else:
        folder.apply_trust(former, make_trust(5, FakeCollector().ca_certificate))
    committing.join()
    after = folder.load()
    assert (after.device_id, after.trust_version) == ("successor", prepared.trust_version)
    assert after.tls_certificate_pem == prepared.tls_certificate_pem
    assert after.ca_certificate_pem == prepared.ca_certificate_pem
    with pytest.raises(EnrolmentError, match="another device went on"):
        folder.apply_trust(former, make_trust(6, COLLECTOR.ca_certificate))


def test_a_new_enrolment_drops_what_was_begun(machine: Machine) -> None:
    """A successor of the device that the machine was is none of the device that it is."""
    machine.prepare()
    token = COLLECTOR.make_token()
    machine.folder.complete(token, COLLECTOR.answer(machine.folder.make_request(token, FACTS), device_id="again"))
    assert machine.folder.find_prepared() is None
    assert machine.folder.load().device_id == "again"


def test_keys_of_a_token_and_of_a_successor_are_not_mixed_up(machine: Machine) -> None:
    """Each way to become another device has keys of its own."""
    enrol, rekey = machine.folder.make_request(COLLECTOR.make_token(), FACTS), machine.ask()
    assert enrol.evidence_public_key != rekey.evidence_public_key


# Whom it trusts


def test_it_trusts_what_the_answer_says(tmp_path: Path) -> None:
    """A device that enrols after a change of CA knows both at once, and where they are."""
    folder, token, another = IdentityFolder(tmp_path), COLLECTOR.make_token(), FakeCollector().ca_certificate
    reply: EnrolReply = COLLECTOR.answer(folder.make_request(token, FACTS))
    reply.trust.CopyFrom(make_trust(3, another, COLLECTOR.ca_certificate))
    identity = folder.complete(token, reply)
    assert (identity.trust_version, identity.enrol_address) == (3, "192.0.2.20:7441")
    bundle = "".join(ssl.DER_cert_to_PEM_cert(each) for each in (another, COLLECTOR.ca_certificate))
    assert identity.ca_certificate_pem.decode() == bundle


def test_a_successor_keeps_the_newer_statement(machine: Machine) -> None:
    """An answer with an older one than the device has takes nothing back."""
    machine.identity = machine.folder.apply_trust(machine.identity, make_trust(5, COLLECTOR.ca_certificate))
    assert machine.prepare(trust=make_trust(4, FakeCollector().ca_certificate)).trust_version == 5
    prepared = machine.prepare(trust=make_trust(6, FakeCollector().ca_certificate))
    assert prepared.trust_version == 6
    assert prepared.ca_certificate_pem != machine.identity.ca_certificate_pem


# Files


def test_an_epoch_can_be_named(machine: Machine) -> None:
    """A collector that knows a later chain decides where the next one begins."""
    assert machine.folder.start_epoch(machine.identity, 7).epoch == 7
    assert machine.folder.load().epoch == 7


def test_the_first_files_still_say_who_it_is(machine: Machine) -> None:
    """A device that was enrolled before certificates were renewed is the same device, and learns the rest."""
    path = machine.state / "identity" / "identity.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    for name in ("enrol_address", "keys", "trust_version", "certificate_not_before_s", "certificate_not_after_s"):
        del facts[name]
    path.write_text(json.dumps(facts), encoding="utf-8")
    identity = machine.folder.load()
    assert (identity.device_id, identity.keys.store) == (machine.identity.device_id, "file")
    assert (identity.enrol_address, identity.trust_version, identity.certificate_not_after_s) == ("", 0, 0)
    assert machine.folder.apply_trust(identity, make_trust(1, COLLECTOR.ca_certificate)).enrol_address
    assert machine.folder.load().enrol_address == "192.0.2.20:7441"


def test_the_dates_of_the_certificate_are_kept(machine: Machine) -> None:
    """A running agent knows them without reading the certificate."""
    certificate = x509.load_pem_x509_certificate(machine.identity.tls_certificate_pem)
    assert machine.identity.certificate_not_before_s == certificate.not_valid_before_utc.timestamp()
    assert machine.identity.certificate_not_after_s == certificate.not_valid_after_utc.timestamp()


def test_keys_that_live_where_we_cannot_look_are_said(machine: Machine) -> None:
    """An identity that names another store is not read as if its keys were files."""
    path = machine.state / "identity" / "identity.json"
    facts = json.loads(path.read_text(encoding="utf-8")) | {"keys": "cng"}
    path.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(KeyStoreError, match="not built"):
        machine.folder.load()


def test_a_request_needs_its_keys(tmp_path: Path) -> None:
    """An answer to a request whose keys are gone makes no device."""
    folder, token = IdentityFolder(tmp_path), COLLECTOR.make_token()
    request = folder.make_request(token, FACTS)
    shutil.rmtree(tmp_path / "enrolling")
    with pytest.raises(EnrolmentError, match="no keys were made"):
        folder.complete(token, COLLECTOR.answer(request))
