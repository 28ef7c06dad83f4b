# SPDX-License-Identifier: Apache-2.0
"""Targets: what comes over the network. Signatures are taken as good, for the parsers stand behind them."""

from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.message import DecodeError

from agent.certificate import read_certificate
from agent.uplink.probe import _explain_no_tls
from collector.authority import find_device_in_uri, issue_device_certificate, load_authority, make_authority
from collector.errors import EnrolmentRefusedError
from proto.chain import GENESIS
from proto.drill import NONCE_BYTES, sign_drill, verify_drill
from proto.envelope import open_envelope
from proto.errors import RecipientsError, SignatureError, TokenError, UntrustedInputError
from proto.events import KINDS, Header
from proto.keys import ED25519, Ed25519Signer, Verifier, to_verifier
from proto.recipients import dump_signed, fingerprint, load_signed, open_recipients, sign_recipients
from proto.sealed import decode_flag, encode_flag
from proto.token import decode_token
from proto.trust import Trust, open_trust, sign_trust
from proto.wire import (
    AgentMessage,
    Bundle,
    DeviceFacts,
    DrillOrder,
    EnrolRequest,
    Envelope,
    RekeyRequest,
    RenewRequest,
    SignedTrust,
    decode_event,
    decode_header,
    encode_body,
    encode_header,
    to_json,
)
from rules.bundle import make_bundle, open_bundle
from rules.errors import RulesError
from tests.agent.collector import SCHOOL_ID
from tests.agent.safeguarding import ROOT, make_set
from tests.fuzz.folder import scratch_folder
from tests.fuzz.target import Target, to_text
from tests.proto.device import FixedDevice
from tests.proto.envelope_cases import list_cases
from tests.proto.samples import SAMPLES
from tests.proto.test_sealed import CONTENT
from tests.proto.token_cases import list_cases as list_token_cases
from tests.rules.sample import make_files


class Trusting(Verifier):
    """Takes every signature as good: whoever has a device's key gets this far."""

    algorithm = ED25519

    def verify(self, signature: bytes, message: bytes) -> None:
        """Say nothing."""


TRUSTING = Trusting()
KIND_NAMES = sorted(KINDS)
CASES = [case for case in list_cases() if case.envelope.ByteSize() < 4096]


def run_envelope(data: bytes) -> None:
    """What opens keeps its promises: as many hashes as headers, numbered from first to last."""
    envelope = Envelope.FromString(data)
    opened = open_envelope(envelope, TRUSTING, GENESIS)
    numbers = [header.seq for header in opened.headers]
    assert numbers == list(range(envelope.first_seq, envelope.last_seq + 1))
    assert len(opened.hashes) == len(numbers)


def run_message(data: bytes) -> None:
    """The stream's first step."""
    message = AgentMessage.FromString(data)
    if message.WhichOneof("message") == "envelope":
        open_envelope(message.envelope, TRUSTING, GENESIS)


def run_body(data: bytes) -> None:
    """The first byte chooses the kind; what is read can be shown, and written again to the same content."""
    kind = KIND_NAMES[data[0] % len(KIND_NAMES)] if data else KIND_NAMES[0]
    event = decode_event(kind, data[1:])
    assert event is not None
    assert to_json(kind, data[1:]) is not None
    assert decode_event(kind, encode_body(event)) == event or "nan" in repr(event)


def run_header(data: bytes) -> None:
    """What is read of a header can be written and read again."""
    header = decode_header(data)
    again = decode_header(encode_header(cast(Header, header)))  # it has the same fields
    assert (again.seq, again.kind, again.previous_hash) == (header.seq, header.kind, header.previous_hash)


AUTHORITY_FOLDER = scratch_folder("authority")
if not (AUTHORITY_FOLDER / "ca.key").exists():
    make_authority(AUTHORITY_FOLDER)
AUTHORITY = load_authority(AUTHORITY_FOLDER)


def run_certificate_request(data: bytes) -> None:
    """A request for a certificate, as a stranger may send it before anything is proven."""
    issue_device_certificate(AUTHORITY, data, "school", "device")


def run_enrolment(data: bytes) -> None:
    """The three questions that the enrolment listener takes."""
    for cls in (EnrolRequest, RenewRequest, RekeyRequest):
        request = cls.FromString(data)
        assert isinstance(request.certificate_request, bytes)
    request = EnrolRequest.FromString(data)
    verifier = to_verifier(request.evidence_algorithm, request.evidence_public_key)
    verifier.verify(request.evidence_proof, request.certificate_request)


def run_bundle(data: bytes) -> None:
    """A policy in a bundle with a good signature."""
    open_bundle(Bundle(version=1, body=data, algorithm=ED25519), TRUSTING, school_id="school")


def run_trust(data: bytes) -> None:
    """A statement of trust with a good signature."""
    open_trust(SignedTrust(body=data, algorithm=ED25519), TRUSTING, school_id="school")


def run_drill(data: bytes) -> None:
    """An order to drill."""
    verify_drill(DrillOrder.FromString(data), TRUSTING, device_id="library-01", now_ns=0)


def run_uri(data: bytes) -> None:
    """A name in a certificate."""
    found = find_device_in_uri(to_text(data))
    assert found is None or (to_text(data).startswith("spiffe://schoolwarden/") and len(found) == 2)


def run_certificate(data: bytes) -> None:
    """A certificate that the collector answers with, as the running agent reads it."""
    facts = read_certificate(data)
    assert max(facts.not_before_s, facts.not_after_s) < 2**63


def run_answer(data: bytes) -> None:
    """What answers instead of the collector: a proxy, a sign-in page, anything. Our words can be printed."""
    assert _explain_no_tls(data, None, "collector:7443").isprintable()


def run_recipients(data: bytes) -> None:
    """The file of a signed set, and the set in it under a root that is taken as pinned."""
    signed = load_signed(to_text(data))
    open_recipients(signed, pinned_fingerprint=fingerprint(signed.root_public_key), school_id=SCHOOL_ID)


SIGNER = Ed25519Signer.generate()
REQUEST = (
    x509.CertificateSigningRequestBuilder()
    .subject_name(x509.Name([]))
    .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    .public_bytes(serialization.Encoding.DER)
)
ENROLMENT = EnrolRequest(
    token_secret=bytes(16),
    certificate_request=REQUEST,
    evidence_algorithm=ED25519,
    evidence_public_key=SIGNER.public_key,
    evidence_proof=SIGNER.sign(REQUEST),
    facts=DeviceFacts(hostname="library-01"),
)
BUNDLE = make_bundle(
    SIGNER, school_id="school", version=1, files=make_files("one"), approved=["gedit"], made_at_ns=1_700_000_000 * 10**9
)
TRUST = Trust(
    version=3,
    school_id="school",
    ca_certificates=(AUTHORITY.certificate_der,),
    enrol_address="collector:7402",
    events_address="collector:7401",
    made_at_ns=1,
)
DRILL = sign_drill(SIGNER, device_id="library-01", nonce=bytes(NONCE_BYTES), expires_at_ns=1)
DEVICE = FixedDevice()
WIRE_ERRORS = (UntrustedInputError, DecodeError)
TARGETS = (
    Target(
        name="envelope",
        run=run_envelope,
        refuses_with=WIRE_ERRORS,
        modules=("proto.envelope", "proto.chain"),
        seeds=tuple(case.envelope.SerializeToString() for case in CASES),
    ),
    Target(
        name="message",
        run=run_message,
        refuses_with=WIRE_ERRORS,
        modules=("proto.envelope",),
        seeds=tuple(AgentMessage(envelope=case.envelope).SerializeToString() for case in CASES[:20]),
    ),
    Target(
        name="body",
        run=run_body,
        refuses_with=(UntrustedInputError,),
        modules=("proto.wire",),
        seeds=tuple(bytes([KIND_NAMES.index(kind)]) + encode_body(each) for kind, each in SAMPLES.items()),
    ),
    Target(
        name="header",
        run=run_header,
        refuses_with=(UntrustedInputError,),
        modules=("proto.wire",),
        seeds=tuple(DEVICE.make_event(each).header for each in SAMPLES.values()),
    ),
    Target(
        name="certificate_request",
        run=run_certificate_request,
        refuses_with=(EnrolmentRefusedError,),
        modules=("collector.authority.issuing",),
        seeds=(REQUEST,),
    ),
    Target(
        name="certificate",
        run=run_certificate,
        refuses_with=(ValueError,),
        modules=("agent.certificate",),
        seeds=(AUTHORITY.certificate_der,),
    ),
    Target(
        name="strange_answer",
        run=run_answer,
        modules=("agent.uplink.probe",),
        seeds=(b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n", b"HTTP/1.1 407 x\r\n", b"SSH-2.0-x"),
    ),
    Target(
        name="enrolment",
        run=run_enrolment,
        refuses_with=WIRE_ERRORS,
        modules=("proto.keys",),
        seeds=(ENROLMENT.SerializeToString(),),
    ),
    Target(
        name="token",
        run=lambda data: decode_token(to_text(data)),
        refuses_with=(TokenError,),
        modules=("proto.token",),
        seeds=tuple(case.token.encode() for case in list_token_cases()),
    ),
    Target(
        name="bundle",
        run=run_bundle,
        refuses_with=(RulesError,),
        modules=("rules.bundle",),
        seeds=(BUNDLE.body, b"{}", b"[]"),
    ),
    Target(
        name="trust",
        run=run_trust,
        refuses_with=WIRE_ERRORS,
        modules=("proto.trust",),
        seeds=(sign_trust(SIGNER, TRUST).body,),
    ),
    Target(
        name="drill",
        run=run_drill,
        refuses_with=WIRE_ERRORS,
        modules=("proto.drill",),
        seeds=(DRILL.SerializeToString(),),
    ),
    Target(
        name="recipients",
        run=run_recipients,
        refuses_with=(RecipientsError, SignatureError),
        modules=("proto.recipients",),
        seeds=(dump_signed(sign_recipients(ROOT, make_set())).encode(),),
    ),
    Target(
        name="flag",
        run=decode_flag,
        refuses_with=(UntrustedInputError,),
        modules=("proto.sealed",),
        seeds=(encode_flag(CONTENT),),
    ),
    Target(
        name="certificate_name",
        run=run_uri,
        modules=("collector.authority.issuing",),
        seeds=(b"spiffe://schoolwarden/0123456789abcdef/device/0011223344556677",),
    ),
)
