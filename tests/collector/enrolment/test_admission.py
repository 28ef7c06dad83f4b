# SPDX-License-Identifier: Apache-2.0
"""Tests of who becomes a device, without the network; `test_server` has the same over the wire."""

import hashlib

import pytest
from cryptography import x509
from sqlalchemy import select

from agent.identity import IdentityFolder
from collector.audit import list_entries
from collector.authority import Authority, find_device_in_uri
from collector.devices import find_device
from collector.enrolment import enrol, make_token, revoke_device
from collector.errors import EnrolmentRefusedError, UsageError
from collector.store.engine import reading
from collector.store.schema import certificates, device_keys, devices, tokens
from collector.verify import verify
from proto.enrolment import proof_bytes
from proto.keys import Ed25519Signer
from proto.token import decode_token
from proto.wire import EnrolRequest
from tests.collector.evidence import ADDRESSES, HOUR_NS, make_request, make_school_token
from tests.collector.school import School


def ask(school: School, authority: Authority, request: EnrolRequest) -> str:
    """Enrol and return the device's id."""
    return enrol(school.engine, school.config, authority, request, school.now_ns).device_id


def uses_of(school: School) -> int:
    """Return how many devices the only token has admitted."""
    with reading(school.engine) as connection:
        return int(connection.execute(select(tokens.c.uses)).scalar_one())


def test_token_holds_what_a_device_needs(school: School, authority: Authority) -> None:
    """Addresses, school, expiry and the CA are in it; its secret is stored as a hash only."""
    text = make_token(
        school.engine, school.config, authority, ADDRESSES, uses=1, valid_for_ns=HOUR_NS, now_ns=school.now_ns
    )
    token = decode_token(text)
    assert (token.enrol_address, token.events_address) == (ADDRESSES.enrol, ADDRESSES.grpc)
    assert (token.school_id, token.expires_at_ns) == (school.id, school.now_ns + HOUR_NS)
    assert token.ca_certificate == authority.certificate_der
    with reading(school.engine) as connection:
        row = connection.execute(select(tokens)).one()
    assert row.secret_sha256 == hashlib.sha256(token.secret).digest()
    assert token.secret not in [value for value in row if isinstance(value, bytes)]


@pytest.mark.parametrize(
    ("uses", "valid_for_ns", "message"),
    [
        (0, HOUR_NS, "1 to 10,000"),
        (-1, HOUR_NS, "1 to 10,000"),
        (10_001, HOUR_NS, "1 to 10,000"),
        (1, 0, "up to 90 days"),
        (1, -HOUR_NS, "up to 90 days"),
        (1, 91 * 24 * HOUR_NS, "up to 90 days"),
    ],
)
def test_useless_token_is_not_made(
    school: School, authority: Authority, uses: int, valid_for_ns: int, message: str
) -> None:
    """A token that admits nobody, or everybody for ever, is a wrong call."""
    with pytest.raises(UsageError, match=message):
        make_school_token(school, authority, uses=uses, valid_for_ns=valid_for_ns)
    assert school.count(tokens) == 0


def test_device_is_admitted_with_what_it_says_of_itself(school: School, authority: Authority) -> None:
    """It gets an id and a certificate for it, its key is proven for ever, and the token has lost a use."""
    token = make_school_token(school, authority)
    request = make_request(school, token)
    admitted = enrol(school.engine, school.config, authority, request, school.now_ns)
    device_id = admitted.device_id
    known = find_device(school.engine, school.id, device_id)
    assert known is not None
    assert (known.hostname, known.os_version, known.state) == ("library-01", "12 (bookworm)", "active")
    names = x509.load_der_x509_certificate(admitted.certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    (uri,) = names.value.get_values_for_type(x509.UniformResourceIdentifier)
    assert find_device_in_uri(uri) == (school.id, device_id)
    assert uses_of(school) == 1
    assert verify(school.engine, school.config).problems == []


def test_lost_answer_is_given_again(school: School, authority: Authority) -> None:
    """The same device that asks again is the same device, with a fresh certificate, and costs no further use."""
    request = make_request(school, make_school_token(school, authority))
    first = enrol(school.engine, school.config, authority, request, school.now_ns)
    second = enrol(school.engine, school.config, authority, request, school.now_ns)
    assert first.device_id == second.device_id
    assert first.certificate != second.certificate
    assert (school.count(devices), uses_of(school)) == (1, 1)
    assert verify(school.engine, school.config).problems == []


def test_same_machine_with_another_token_is_another_device(school: School, authority: Authority) -> None:
    """Who enrols anew gets a new id, also with an old key: nobody takes over what another token admitted."""
    first = ask(school, authority, make_request(school, make_school_token(school, authority)))
    second = ask(school, authority, make_request(school, make_school_token(school, authority)))
    assert first != second


def test_unknown_token_is_refused(school: School, authority: Authority) -> None:
    """A secret that was never given out admits nobody."""
    request = make_request(school, make_school_token(school, authority))
    request.token_secret = bytes(16)
    with pytest.raises(EnrolmentRefusedError, match="not known here"):
        ask(school, authority, request)
    assert school.count(devices) == 0


def test_used_up_token_is_refused(school: School, authority: Authority) -> None:
    """A token for two devices admits two."""
    token = make_school_token(school, authority, uses=2)
    ask(school, authority, make_request(school, token, "library-01"))
    ask(school, authority, make_request(school, token, "library-02"))
    with pytest.raises(EnrolmentRefusedError, match="used up") as caught:
        ask(school, authority, make_request(school, token, "library-03"))
    assert "new one" in caught.value.hint
    assert (school.count(devices), uses_of(school)) == (2, 2)


def test_expired_token_is_refused(school: School, authority: Authority) -> None:
    """From the moment it says on, also to a device that used it before."""
    token = make_school_token(school, authority, uses=2)
    ask(school, authority, make_request(school, token))
    school.pass_time(HOUR_NS)
    for hostname in ("library-01", "library-02"):
        with pytest.raises(EnrolmentRefusedError, match="expired"):
            ask(school, authority, make_request(school, token, hostname))


def test_device_that_proves_nothing_is_refused(school: School, authority: Authority) -> None:
    """Without a signature of its own key, a device gets nothing and the token loses nothing."""
    request = make_request(school, make_school_token(school, authority))
    request.evidence_proof = bytes(64)
    with pytest.raises(EnrolmentRefusedError, match="does not prove"):
        ask(school, authority, request)
    assert (school.count(devices), school.count(device_keys), uses_of(school)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("algorithm", "public_key"),
    [("ed25519", b""), ("ed25519", bytes(32)), ("rsa", bytes(32)), ("", b""), ("ecdsa-p256-sha256", b"\x04" * 65)],
)
def test_key_that_is_none_is_refused(school: School, authority: Authority, algorithm: str, public_key: bytes) -> None:
    """Bytes that are no key of an algorithm of ours prove nothing."""
    request = make_request(school, make_school_token(school, authority))
    request.evidence_algorithm, request.evidence_public_key = algorithm, public_key
    with pytest.raises(EnrolmentRefusedError, match="does not prove"):
        ask(school, authority, request)


def test_proof_of_another_enrolment_is_refused(school: School, authority: Authority) -> None:
    """A proof is good for one token and one certificate request: who recorded it cannot use it with his own."""
    token = make_school_token(school, authority, uses=5)
    recorded = make_request(school, token, "library-01")
    own = make_request(school, token, "library-02")
    recorded.certificate_request = own.certificate_request
    with pytest.raises(EnrolmentRefusedError, match="does not prove"):
        ask(school, authority, recorded)
    other_token = make_school_token(school, authority)
    recorded = make_request(school, token, "library-01")
    recorded.token_secret = other_token.secret
    with pytest.raises(EnrolmentRefusedError, match="does not prove"):
        ask(school, authority, recorded)


def test_other_key_with_a_used_token_is_refused(school: School, authority: Authority) -> None:
    """Who found the token of a device that has enrolled is another device, and there is no use left."""
    token = make_school_token(school, authority)
    ask(school, authority, make_request(school, token))
    thief = IdentityFolder(school.config.folder.parent / "thief")
    with pytest.raises(EnrolmentRefusedError, match="used up"):
        ask(school, authority, thief.make_request(token, make_request(school, token).facts))


def test_certificate_request_of_nobody_is_refused(school: School, authority: Authority) -> None:
    """The proof may be right and the certificate request still be none; nothing is half done then."""
    token = make_school_token(school, authority)
    signer = Ed25519Signer.generate()
    request = make_request(school, token)
    request.certificate_request, request.evidence_public_key = b"none", signer.public_key
    request.evidence_proof = signer.sign(
        proof_bytes(
            school_id=school.id,
            token_secret_sha256=hashlib.sha256(token.secret).digest(),
            certificate_request=b"none",
            algorithm="ed25519",
            public_key=signer.public_key,
        )
    )
    with pytest.raises(EnrolmentRefusedError, match="cannot be read"):
        ask(school, authority, request)
    assert (school.count(devices), uses_of(school)) == (0, 0)


def test_revoked_device_that_asks_again_gets_nothing(school: School, authority: Authority) -> None:
    """Neither the right to speak nor a certificate, though its token is still good."""
    request = make_request(school, make_school_token(school, authority))
    device_id = ask(school, authority, request)
    revoke_device(school.engine, school.id, device_id, now_ns=school.now_ns)
    with pytest.raises(EnrolmentRefusedError, match="may not speak here any more"):
        ask(school, authority, request)
    known = find_device(school.engine, school.id, device_id)
    assert known is not None
    assert known.state == "revoked"
    assert school.count(certificates) == 1


def test_hostile_words_of_a_new_device_are_cut(school: School, authority: Authority) -> None:
    """What a machine calls itself cannot fill or break the database."""
    request = make_request(school, make_school_token(school, authority))
    request.facts.hostname = "\x00\u202e" * 5000
    device_id = ask(school, authority, request)
    known = find_device(school.engine, school.id, device_id)
    assert known is not None
    assert len(known.hostname) == 200
    assert "\x00" not in known.hostname


def test_token_is_in_the_audit_log_without_its_secret(school: School, authority: Authority) -> None:
    """For how many devices, and until when."""
    token = make_school_token(school, authority, uses=30)
    entry = list_entries(school.engine, school.id)[0]
    assert (entry.actor, entry.action) == ("command line", "token.made")
    assert entry.detail == "for 30 devices until 2026-11-21T21:46:40Z"
    assert token.secret.hex() not in entry.subject + entry.detail


def test_revoking_is_in_the_audit_log(school: School, authority: Authority) -> None:
    """Who took a device's right to speak away; for a device that is not there, nothing is written."""
    device_id = ask(school, authority, make_request(school, make_school_token(school, authority)))
    revoke_device(school.engine, school.id, device_id, now_ns=school.now_ns, actor="anna")
    with pytest.raises(UsageError, match="there is no device"):
        revoke_device(school.engine, school.id, "0" * 16, now_ns=school.now_ns, actor="anna")
    entry = list_entries(school.engine, school.id)[0]
    assert (entry.actor, entry.action, entry.subject) == ("anna", "device.revoked", f"device/{device_id}")
    device = find_device(school.engine, school.id, device_id)
    assert device is not None
    assert device.state == "revoked"
