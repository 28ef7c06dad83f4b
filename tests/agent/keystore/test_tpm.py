# SPDX-License-Identifier: Apache-2.0
"""Tests of keys in a TPM, with a real one in software."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.errors import EnrolmentError, KeyStoreError, NotEnrolledError
from agent.identity import IdentityFolder
from agent.keystore import tpm as tpm_module
from agent.keystore.interface import Keys
from agent.keystore.tpm import EVIDENCE_FILE, TLS_FILE, TpmKeyStore
from agent.recorder import Record, Recorder
from agent.spool import Spool
from proto.events import AgentStopped
from proto.keys import P256, to_verifier
from tests.agent.collector import FACTS, FakeCollector, open_as_collector
from tests.agent.software_tpm import SoftwareTpm
from tests.agent.spooled import peek_all

pytestmark = pytest.mark.tpm


def make_keys(tpm: SoftwareTpm, folder: Path) -> Keys:
    """Return new keys in a TPM."""
    store = TpmKeyStore(tpm.address)
    store.make(folder)
    return store.load(folder)


@pytest.fixture
def at_hand(tpm: SoftwareTpm, monkeypatch: pytest.MonkeyPatch) -> SoftwareTpm:
    """The machine's own TPM."""
    monkeypatch.setattr(tpm_module, "DEVICE", tpm.address)
    return tpm


def test_evidence_is_signed_inside(tpm: SoftwareTpm, tmp_path: Path) -> None:
    """In the format that whoever holds the public key verifies, without a TPM."""
    signer = make_keys(tpm, tmp_path).signer
    assert signer.algorithm == P256
    to_verifier(P256, signer.public_key).verify(signer.sign(b"evidence"), b"evidence")


def test_the_tls_key_signs_inside(tpm: SoftwareTpm, tmp_path: Path) -> None:
    """As TLS wants it, with another key than evidence; there is nothing that could be handed out."""
    keys = make_keys(tpm, tmp_path)
    assert (keys.store, keys.tls_key_pem) == ("tpm", None)
    assert keys.tls_public_key != keys.signer.public_key
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), keys.tls_public_key)
    public_key.verify(keys.sign_tls(b"handshake"), b"handshake", ec.ECDSA(hashes.SHA256()))


def test_the_request_is_signed_inside(tpm: SoftwareTpm, tmp_path: Path) -> None:
    """It proves possession of the TLS key as any other request does, and is made once."""
    keys = make_keys(tpm, tmp_path)
    request = x509.load_der_x509_csr(keys.make_certificate_request())
    assert request.is_signature_valid
    point = request.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    assert point == keys.tls_public_key
    assert keys.make_certificate_request() == keys.make_certificate_request()


def test_keys_are_made_once(tpm: SoftwareTpm, tmp_path: Path) -> None:
    """Asked again, the same keys are there."""
    first, again = make_keys(tpm, tmp_path), make_keys(tpm, tmp_path)
    assert (first.signer.public_key, first.tls_public_key) == (again.signer.public_key, again.tls_public_key)


def test_a_restart_of_the_machine_changes_nothing(tmp_path: Path) -> None:
    """The TPM forgets what was loaded, and loads it again."""
    with SoftwareTpm(tmp_path / "tpm") as tpm:
        public_key = make_keys(tpm, tmp_path / "keys").signer.public_key
    with SoftwareTpm(tmp_path / "tpm") as tpm:
        signature = TpmKeyStore(tpm.address).load(tmp_path / "keys").signer.sign(b"evidence")
    to_verifier(P256, public_key).verify(signature, b"evidence")


def test_on_another_machine_the_keys_are_worth_nothing(tpm: SoftwareTpm, tmp_path: Path) -> None:
    """A copied disk is no copied device: another TPM cannot load what lies on it, and that is said in words."""
    make_keys(tpm, tmp_path / "keys")
    with SoftwareTpm(tmp_path / "another") as another:
        keys = TpmKeyStore(another.address).load(tmp_path / "keys")
        for sign in (keys.signer.sign, keys.sign_tls):
            with pytest.raises(KeyStoreError, match="does not know the keys") as caught:
                sign(b"evidence")
    assert "enrol --again" in caught.value.hint


def test_a_tpm_that_is_away_is_said_when_it_is_needed(tmp_path: Path) -> None:
    """Whose device this is can be read without it; signing says what is wrong, and helps itself when it is back."""
    with SoftwareTpm(tmp_path / "tpm") as tpm:
        make_keys(tpm, tmp_path / "keys")
    keys = TpmKeyStore(tpm.address).load(tmp_path / "keys")
    assert len(keys.tls_public_key) == 65
    with pytest.raises(KeyStoreError, match="does not answer"):
        keys.signer.sign(b"evidence")
    with pytest.raises(KeyStoreError, match="does not answer"):
        TpmKeyStore(tpm.address).make(tmp_path / "more")
    assert not (tmp_path / "more").exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n"])
def test_damaged_keys_are_said(tpm: SoftwareTpm, tmp_path: Path, content: bytes) -> None:
    """A file that holds no key of a TPM is an error with a hint, not a crash."""
    make_keys(tpm, tmp_path)
    for name in (EVIDENCE_FILE, TLS_FILE):
        (tmp_path / name).write_bytes(content)
    keys = TpmKeyStore(tpm.address).load(tmp_path)
    with pytest.raises(KeyStoreError, match="holds no key of a TPM"):
        keys.signer.sign(b"evidence")
    with pytest.raises(KeyStoreError, match="holds no key of a TPM"):
        _ = keys.tls_public_key


def test_a_machine_enrols_with_keys_in_its_tpm(at_hand: SoftwareTpm, tmp_path: Path) -> None:
    """It is a device like any other, its evidence verifies, and on the disk lies no private key."""
    collector, folder = FakeCollector(), IdentityFolder(tmp_path)
    token = collector.make_token()
    identity = folder.complete(token, collector.answer(folder.make_request(token, FACTS, keys="tpm")))
    assert identity.keys.store == "tpm"
    assert IdentityFolder(tmp_path).load().keys.store == "tpm"
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"BEGIN PRIVATE KEY" not in path.read_bytes()
    spool = Spool(tmp_path / "spool.db", identity.spool_key)
    Recorder(identity, spool, bytes(16)).record([Record(AgentStopped("test"), 1)], bundle_version=1)
    assert len(open_as_collector(identity, peek_all(spool)).hashes) == 1
    spool.close()


def test_files_never_stand_in_for_a_tpm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a TPM was asked for and is not there, no keys are made at all; those made in files before are not used."""
    monkeypatch.setattr(tpm_module, "DEVICE", "device:/dev/null/none")
    collector, folder = FakeCollector(), IdentityFolder(tmp_path)
    token = collector.make_token()
    folder.make_request(token, FACTS)
    with pytest.raises(KeyStoreError, match="does not answer"):
        folder.make_request(token, FACTS, keys="tpm")
    assert list((tmp_path / "enrolling").iterdir()) == []
    with pytest.raises(EnrolmentError, match="no keys were made"):
        folder.complete(token, collector.answer(IdentityFolder(tmp_path / "other").make_request(token, FACTS)))
    with pytest.raises(NotEnrolledError):
        folder.load()


def test_a_successor_has_its_keys_where_the_former_had_them(at_hand: SoftwareTpm, tmp_path: Path) -> None:
    """A device that goes on for another is no weaker than it was."""
    collector, folder = FakeCollector(), IdentityFolder(tmp_path)
    token = collector.make_token()
    former = folder.complete(token, collector.answer(folder.make_request(token, FACTS, keys="tpm")))
    request = folder.make_rekey_request(former, "forked", FACTS)
    assert request.evidence_algorithm == P256
    folder.prepare_successor(former, collector.answer(request, device_id="successor"))
    assert folder.commit_successor().keys.store == "tpm"


def test_a_cleared_tpm_does_not_bar_the_way_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enrolled again, such a machine cannot prove which it was, and is taken as one that is not known."""
    collector, folder = FakeCollector(), IdentityFolder(tmp_path / "state")
    token = collector.make_token()
    with SoftwareTpm(tmp_path / "before") as tpm:
        monkeypatch.setattr(tpm_module, "DEVICE", tpm.address)
        former = folder.complete(token, collector.answer(folder.make_request(token, FACTS, keys="tpm")))
    with SoftwareTpm(tmp_path / "after") as tpm:
        monkeypatch.setattr(tpm_module, "DEVICE", tpm.address)
        request = folder.make_request(token, FACTS, keys="tpm", former=folder.load())
        assert (request.former_device_id, request.former_proof) == ("", b"")
        assert folder.complete(token, collector.answer(request, device_id="another")).device_id != former.device_id
