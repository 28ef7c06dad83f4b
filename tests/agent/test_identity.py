# SPDX-License-Identifier: Apache-2.0
"""Tests of who a machine is: how its identity is made, kept and found damaged."""

import hashlib
import json
import os
import shutil
import ssl
import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import EnrolmentError, NotEnrolledError
from agent.identity import SPOOL_KEY_BYTES, Identity, IdentityFolder
from proto.enrolment import proof_bytes
from proto.keys import to_verifier
from tests.agent.collector import DEVICE_ID, FACTS, SCHOOL_ID, SCHOOL_NAME, FakeCollector
from tests.agent.permission import without_permission

FILES = ("identity.json", "evidence.key", "tls.key", "tls.crt", "ca.crt")
COLLECTOR = FakeCollector()


def list_files(state: Path) -> dict[str, bytes]:
    """Return every file below a folder with its content."""
    return {str(path.relative_to(state)): path.read_bytes() for path in sorted(state.rglob("*")) if path.is_file()}


def summary_of(identity: Identity) -> dict[str, Any]:
    """Return an identity as values that can be compared."""
    values = {name: getattr(identity, name) for name in Identity.__slots__ if name != "keys"}
    keys = identity.keys
    return values | {"store": keys.store, "evidence_key": keys.signer.public_key, "tls_key": keys.tls_public_key}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder that is not there yet."""
    return tmp_path / "agent" / "state"


def test_a_new_machine_has_no_identity(state: Path) -> None:
    """Before it enrols a machine says so, and how to do it."""
    folder = IdentityFolder(state)
    assert not folder.is_enrolled()
    with pytest.raises(NotEnrolledError, match="not enrolled") as caught:
        folder.load()
    assert "enrol --state" in caught.value.hint
    assert caught.value.exit_code == 2
    assert not state.exists(), "to ask changes nothing"


def test_an_enrolled_machine_knows_who_it_is(state: Path) -> None:
    """What the collector answered and the token said is there, after a restart too."""
    token = COLLECTOR.make_token(safeguarding_root_fingerprint=bytes(range(32)))
    folder = IdentityFolder(state)
    made = folder.complete(token, COLLECTOR.answer(folder.make_request(token, FACTS)))
    again = IdentityFolder(state).load()
    assert summary_of(again) == summary_of(made)
    assert (again.school_id, again.school_name, again.device_id) == (SCHOOL_ID, SCHOOL_NAME, DEVICE_ID)
    assert again.epoch == 1
    assert again.events_address == token.events_address
    assert again.safeguarding_root_fingerprint == bytes(range(32))
    assert ssl.PEM_cert_to_DER_cert(again.ca_certificate_pem.decode()) == token.ca_certificate
    again.policy_verifier.verify(COLLECTOR.signer.sign(b"policy"), b"policy")


def test_certificate_and_key_belong_together(state: Path) -> None:
    """The certificate is for the TLS key, and both can be given to a TLS library."""
    COLLECTOR.enrol(state)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(state / "identity" / "tls.crt", state / "identity" / "tls.key")


def test_a_request_proves_possession_of_both_keys(state: Path) -> None:
    """The certificate request is signed by the TLS key and names nobody, the proof by the evidence key."""
    token = COLLECTOR.make_token()
    request = IdentityFolder(state).make_request(token, FACTS)
    certificate_request = x509.load_der_x509_csr(request.certificate_request)
    assert certificate_request.is_signature_valid
    assert isinstance(certificate_request.public_key(), ec.EllipticCurvePublicKey)
    assert list(certificate_request.subject) == []
    proof = proof_bytes(
        school_id=token.school_id,
        token_secret_sha256=hashlib.sha256(token.secret).digest(),
        certificate_request=request.certificate_request,
        algorithm=request.evidence_algorithm,
        public_key=request.evidence_public_key,
    )
    to_verifier(request.evidence_algorithm, request.evidence_public_key).verify(request.evidence_proof, proof)


def test_asking_again_is_the_same_device_asking_again(state: Path) -> None:
    """After an answer that was lost on the way the keys are the same, in a new process too."""
    first = IdentityFolder(state).make_request(COLLECTOR.make_token(), FACTS)
    second = IdentityFolder(state).make_request(COLLECTOR.make_token(), FACTS)
    assert first.evidence_public_key == second.evidence_public_key
    keys = [x509.load_der_x509_csr(each.certificate_request).public_key() for each in (first, second)]
    assert keys[0] == keys[1]


def test_half_an_enrolment_is_none(state: Path) -> None:
    """Asked and not answered, a machine is not enrolled; the answer makes it so."""
    folder, token = IdentityFolder(state), COLLECTOR.make_token()
    request = folder.make_request(token, FACTS)
    assert not folder.is_enrolled()
    with pytest.raises(NotEnrolledError, match="not enrolled"):
        folder.load()
    folder.complete(token, COLLECTOR.answer(request))
    assert folder.is_enrolled()
    assert not (state / "enrolling").exists()


@pytest.mark.parametrize("missing", ["evidence.key", "tls.key"])
def test_interrupted_between_two_keys(state: Path, missing: str) -> None:
    """A machine that stopped when only one key was made starts over and can enrol."""
    folder, token = IdentityFolder(state), COLLECTOR.make_token()
    folder.make_request(token, FACTS)
    (state / "enrolling" / missing).unlink()
    folder.complete(token, COLLECTOR.answer(folder.make_request(token, FACTS)))
    assert folder.load().device_id == DEVICE_ID


def test_every_moment_of_an_interruption_is_safe(state: Path) -> None:
    """Whatever files of an unfinished enrolment are there, it can be done again, and before that it is none."""
    folder, token = IdentityFolder(state), COLLECTOR.make_token()
    COLLECTOR.enrol(state)
    whole = list_files(state / "identity")
    for count in range(len(FILES)):
        shutil.rmtree(state)
        (state / "enrolling").mkdir(parents=True)
        for name in ("evidence.key", "tls.key", "tls.crt", "ca.crt", "identity.json")[: count + 1]:
            (state / "enrolling" / name).write_bytes(whole[name])
        assert not folder.is_enrolled()
        with pytest.raises(NotEnrolledError, match="not enrolled"):
            folder.load()
        folder.complete(token, COLLECTOR.answer(folder.make_request(token, FACTS)))
        assert folder.load().device_id == DEVICE_ID


def test_enrolled_again_it_is_another_device(state: Path) -> None:
    """New keys everywhere, nothing of the former identity is left."""
    before = COLLECTOR.enrol(state)
    folder, token = IdentityFolder(state), COLLECTOR.make_token()
    after = folder.complete(token, COLLECTOR.answer(folder.make_request(token, FACTS), device_id="another"))
    assert after.device_id == "another"
    assert after.spool_key != before.spool_key
    assert after.signer.public_key != before.signer.public_key
    assert [path.name for path in state.iterdir()] == ["identity"]
    assert not any((before.keys.tls_key_pem or b"?") in content for content in list_files(state).values())


def test_what_was_set_aside_and_left_is_no_obstacle(state: Path) -> None:
    """A machine that stopped right after it set its former identity aside is still the device, and can enrol."""
    before = COLLECTOR.enrol(state)
    (state / "identity").rename(state / "identity.old")
    assert IdentityFolder(state).is_enrolled()
    assert IdentityFolder(state).load().spool_key == before.spool_key
    COLLECTOR.enrol(state)
    COLLECTOR.enrol(state)
    assert [path.name for path in state.iterdir()] == ["identity"]


def test_the_token_is_kept_nowhere(state: Path) -> None:
    """Neither before nor after the answer does the token's secret lie on the disk, in any writing."""
    folder, token = IdentityFolder(state), COLLECTOR.make_token(secret=os.urandom(16))
    request = folder.make_request(token, FACTS)
    asked = list_files(state)
    folder.complete(token, COLLECTOR.answer(request))
    for content in [*asked.values(), *list_files(state).values()]:
        assert token.secret not in content
        assert token.secret.hex().encode() not in content


def test_only_the_owner_reads_it(state: Path) -> None:
    """Every folder is 0700 and every file 0600, whatever the umask."""
    before = os.umask(0)
    try:
        COLLECTOR.enrol(state)
        IdentityFolder(state).start_epoch(IdentityFolder(state).load())
    finally:
        os.umask(before)
    modes = {str(path.relative_to(state.parent)): stat.S_IMODE(path.stat().st_mode) for path in state.rglob("*")}
    assert modes.pop("state/identity") == 0o700
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"school_id": "another"}, "another school"),
        ({"school_id": ""}, "another school"),
        ({"device_id": ""}, "no device id"),
        ({"device_id": "d" * 300}, "no device id"),
        ({"signing_algorithm": "rot13"}, "unknown signature algorithm"),
        ({"signing_public_key": b""}, "not a public key"),
        ({"certificate": b""}, "cannot be used"),
        ({"certificate": b"garbage"}, "cannot be used"),
        ({"certificate": COLLECTOR.ca_certificate}, "for another key"),
    ],
)
def test_an_answer_that_makes_no_device_is_refused(state: Path, changes: dict[str, Any], message: str) -> None:
    """Garbage from the collector leaves the machine as it was, and a good answer still helps."""
    before = COLLECTOR.enrol(state)
    folder, token = IdentityFolder(state), COLLECTOR.make_token()
    request = folder.make_request(token, FACTS)
    files = list_files(state)
    with pytest.raises(EnrolmentError, match=message) as caught:
        folder.complete(token, COLLECTOR.answer(request, **changes))
    assert caught.value.hint
    assert list_files(state) == files
    assert summary_of(folder.load()) == summary_of(before)
    folder.complete(token, COLLECTOR.answer(request, device_id="another"))
    assert folder.load().device_id == "another"


@settings(deadline=None, max_examples=60)
@given(certificate=st.binary(max_size=100), algorithm=st.text(max_size=20), key=st.binary(max_size=40))
def test_any_answer_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, certificate: bytes, algorithm: str, key: bytes
) -> None:
    """Random bytes in the answer end in our own error."""
    folder, token = IdentityFolder(tmp_path_factory.mktemp("state")), COLLECTOR.make_token()
    request = folder.make_request(token, FACTS)
    reply = COLLECTOR.answer(
        request, certificate=certificate, signing_algorithm=algorithm, signing_public_key=key, bundle=None
    )
    with pytest.raises(EnrolmentError):
        folder.complete(token, reply)
    assert not folder.is_enrolled()


@pytest.mark.parametrize("name", ["evidence.key", "tls.key"])
@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\xfe"])
def test_damaged_keys_of_an_unfinished_enrolment(state: Path, name: str, content: bytes) -> None:
    """They are named, and what to do about them is said."""
    folder, token = IdentityFolder(state), COLLECTOR.make_token()
    folder.make_request(token, FACTS)
    (state / "enrolling" / name).write_bytes(content)
    with pytest.raises(EnrolmentError, match="cannot be read") as caught:
        folder.make_request(token, FACTS)
    assert "enrolling" in caught.value.hint


def test_another_kind_of_tls_key_is_refused(state: Path) -> None:
    """A key that the collector would not take is found before it is asked."""
    folder, token = IdentityFolder(state), COLLECTOR.make_token()
    folder.make_request(token, FACTS)
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (state / "enrolling" / "tls.key").write_bytes(pem)
    with pytest.raises(EnrolmentError, match="cannot be read"):
        folder.make_request(token, FACTS)


@pytest.mark.parametrize("name", FILES)
def test_a_lost_file_is_damage(state: Path, name: str) -> None:
    """Without its facts a machine is not enrolled; without any other file its identity is damaged, and that is said."""
    COLLECTOR.enrol(state)
    (state / "identity" / name).unlink()
    with pytest.raises(NotEnrolledError) as caught:
        IdentityFolder(state).load()
    if name == "identity.json":
        assert "not enrolled" in caught.value.message
    else:
        assert "cannot be read" in caught.value.message
        assert "move" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "5", '"text"', "{}", "\x00", "[" * 100_000, '{"epoch": 1}'],
    ids=["empty", "cut", "list", "null", "number", "text", "no facts", "zeros", "deep", "one fact"],
)
def test_damaged_facts_are_said(state: Path, content: str) -> None:
    """Whatever stands in identity.json, it is an error with a hint, not a crash."""
    COLLECTOR.enrol(state)
    (state / "identity" / "identity.json").write_text(content, encoding="utf-8")
    with pytest.raises(NotEnrolledError, match="cannot be read"):
        IdentityFolder(state).load()


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": "1"},
        {"epoch": 0},
        {"epoch": True},
        {"epoch": None},
        {"spool_key": "00"},
        {"spool_key": 5},
        {"spool_key": "not hexadecimal"},
        {"signing_public_key": "00"},
        {"signing_algorithm": "rot13"},
        {"school_id": ["x"]},
    ],
    ids=str,
)
def test_impossible_facts_are_damage(state: Path, changes: dict[str, Any]) -> None:
    """A fact of another type or an impossible value is found when it is read, not when it is used."""
    COLLECTOR.enrol(state)
    path = state / "identity" / "identity.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    with pytest.raises(NotEnrolledError, match="cannot be read"):
        IdentityFolder(state).load()


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200))
def test_any_facts_are_read_or_damage(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Random bytes in identity.json end in our own error."""
    state = tmp_path_factory.mktemp("state")
    (state / "identity").mkdir()
    (state / "identity" / "identity.json").write_bytes(content)
    with pytest.raises(NotEnrolledError):
        IdentityFolder(state).load()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    """A state folder that is a file is an error that says so."""
    (tmp_path / "state").write_bytes(b"")
    assert not IdentityFolder(tmp_path / "state").is_enrolled()
    with pytest.raises(NotEnrolledError):
        IdentityFolder(tmp_path / "state").load()


def test_another_user_is_told_which_user_to_be() -> None:
    """Whoever may not read the identity is told so, and not that there is none."""
    with TemporaryDirectory() as name:
        COLLECTOR.enrol(Path(name) / "state")
        Path(name).chmod(0o755)
        with without_permission(Path(name) / "state"), pytest.raises(NotEnrolledError) as caught:
            IdentityFolder(Path(name) / "state").load()
    assert "may not read" in caught.value.message
    assert "root" in caught.value.hint


def test_an_epoch_is_on_the_disk_before_it_is_used(state: Path) -> None:
    """A new chain has the next number, after a restart too, and nothing else of the identity changes."""
    before = COLLECTOR.enrol(state)
    after = IdentityFolder(state).start_epoch(before)
    assert after.epoch == 2
    again = IdentityFolder(state).load()
    assert summary_of(again) == summary_of(after) == summary_of(before) | {"epoch": 2}
    assert IdentityFolder(state).start_epoch(again).epoch == 3


def test_the_spool_key_is_secret_and_new(state: Path, tmp_path: Path) -> None:
    """Each enrolment makes a key of 256 bits for the queue."""
    keys = {COLLECTOR.enrol(state).spool_key, COLLECTOR.enrol(state).spool_key, COLLECTOR.enrol(tmp_path).spool_key}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {SPOOL_KEY_BYTES}
