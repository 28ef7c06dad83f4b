# SPDX-License-Identifier: Apache-2.0
"""Tests of keeping a certificate in date, with certificates that have really ended and a small enrolment listener.

A real collector, whose CA was changed meanwhile, is in the scenario `test_weeks_in_a_cupboard`.
"""

import datetime
import hashlib
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest

from agent.errors import CollectorUnreachableError, EnrolmentError
from agent.identity import Identity, IdentityFolder
from agent.renewal import (
    PAUSE_S,
    PAUSE_WITHOUT_S,
    Renewal,
    is_of_former_authority,
    is_over,
)
from collector.authority import (
    Authority,
    issue_device_certificate,
    issue_listener_certificate,
    issuing,
    make_authority,
    rotate_authority,
)
from proto.enrolment import renewal_bytes
from proto.keys import Ed25519Signer, to_verifier
from proto.trust import Trust, sign_trust
from proto.wire import ENROL_SERVICE, RENEW_METHOD, RenewReply, RenewRequest, SignedTrust
from tests.agent.collector import FACTS, FakeCollector
from tests.test_import_weight import HEAVY_FOR_AGENT, list_loaded

DAY_S = 24 * 3600
DAY_NS = DAY_S * 10**9


class RenewalDesk:
    """An enrolment listener that renews and nothing else, and a device that it admitted before."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.authority = authority
        self.fake = FakeCollector()
        self.requests: list[RenewRequest] = []
        self.refusal = ""
        self.trust: SignedTrust | None = None
        self.certificate = b""
        """Instead of a good one."""
        self._server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
        handler = grpc.unary_unary_rpc_method_handler(
            self._renew,
            request_deserializer=RenewRequest.FromString,
            response_serializer=RenewReply.SerializeToString,
        )
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(ENROL_SERVICE, {RENEW_METHOD: handler}),)
        )
        credentials = grpc.ssl_server_credentials([issue_listener_certificate(authority)])
        self.address = f"127.0.0.1:{self._server.add_secure_port('127.0.0.1:0', credentials)}"
        self._server.start()
        self.folder = IdentityFolder(folder / "state")
        self.now_s = 0.0
        self.identity = self._enrol()
        self.renewal = self.make_renewal()

    def close(self) -> None:
        """Stop listening."""
        self._server.stop(grace=0).wait()

    def make_renewal(self, address: str = "") -> Renewal:
        """Return what keeps the device's certificate in date, as after a restart."""
        identity = replace(self.folder.load(), enrol_address=address or self.address)
        return Renewal(self.folder, identity, monotonic_s=lambda: self.now_s)

    def hold(self, monkeypatch: pytest.MonkeyPatch, begin_day: float, end_day: float) -> None:
        """Give the device a certificate that is good from one day to another, counted from today."""
        now = datetime.datetime.now(datetime.UTC)
        lifetime = tuple(now + datetime.timedelta(days=day) for day in (begin_day, end_day))
        with monkeypatch.context() as patch:
            patch.setattr(issuing, "_from_now", lambda _: lifetime)
            self.identity = self.folder.replace_certificate(self.folder.load(), self._issue())
        self.renewal = self.make_renewal()

    def make_trust(self, version: int, **changes: Any) -> SignedTrust:
        """Return a statement of trust by the device's collector."""
        fields: dict[str, Any] = {
            "school_id": self.identity.school_id,
            "ca_certificates": (self.authority.certificate_der,),
            "enrol_address": self.address,
            "events_address": "192.0.2.77:7442",
            "made_at_ns": 1,
        }
        return sign_trust(changes.pop("signer", self.fake.signer), Trust(version=version, **(fields | changes)))

    def _enrol(self) -> Identity:
        token = self.fake.make_token(ca_certificate=self.authority.certificate_der, enrol_address=self.address)
        request = self.folder.make_request(token, FACTS)
        self._certificate_request = request.certificate_request
        return self.folder.complete(token, self.fake.answer(request, certificate=self._issue()))

    def _issue(self) -> bytes:
        return issue_device_certificate(self.authority, self._certificate_request, self.fake.school_id, "d")

    def _renew(self, request: RenewRequest, context: grpc.ServicerContext) -> RenewReply:
        self.requests.append(request)
        if self.refusal:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, self.refusal)
        return RenewReply(certificate=self.certificate or self._issue(), trust=self.trust)


@pytest.fixture
def desk(tmp_path: Path, authority: Authority) -> Iterator[RenewalDesk]:
    """A listener and a device."""
    desk = RenewalDesk(tmp_path, authority)
    yield desk
    desk.close()


# When


def test_a_good_certificate_is_left_alone(desk: RenewalDesk) -> None:
    """Nothing is asked while less than two thirds are over."""
    assert desk.renewal.renew_if_due(0) is None
    assert desk.requests == []


def test_the_collectors_clock_decides(desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose clock is two years ahead does not ask for what it has; one that is behind asks in time."""
    desk.hold(monkeypatch, -100, 300)
    ahead = 2 * 365 * DAY_NS
    assert (
        Renewal(
            desk.folder, desk.identity, clock_ns=lambda: desk.identity.certificate_not_before_s * 10**9 + ahead
        ).renew_if_due(ahead)
        is None
    )
    assert desk.requests == []
    behind = Renewal(desk.folder, desk.identity, clock_ns=lambda: 0)
    assert behind.renew_if_due(-desk.identity.certificate_not_after_s * 10**9) is not None
    assert len(desk.requests) == 1


# How


def test_it_is_renewed_in_time(desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device proves who it is, keeps its TLS key, and has the new certificate after a restart too."""
    desk.hold(monkeypatch, -330, 66)
    before = desk.identity
    after = desk.renewal.renew_if_due(0)
    assert after is not None
    assert after.tls_certificate_pem != before.tls_certificate_pem
    assert after.certificate_not_after_s > before.certificate_not_after_s
    assert after.keys.tls_public_key == before.keys.tls_public_key
    (request,) = desk.requests
    proof = renewal_bytes(
        school_id=before.school_id, device_id=before.device_id, certificate_request=request.certificate_request
    )
    to_verifier(before.signer.algorithm, before.signer.public_key).verify(request.evidence_proof, proof)
    former = ssl.PEM_cert_to_DER_cert(before.tls_certificate_pem.decode())
    assert request.certificate_sha256 == hashlib.sha256(former).digest()
    again = desk.folder.load()
    assert again.tls_certificate_pem == after.tls_certificate_pem
    assert again.certificate_not_after_s == after.certificate_not_after_s
    assert desk.renewal.renew_if_due(0) is None


def test_one_that_ended_in_the_cupboard_is_renewed(desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listener asks for no certificate, so that one which is over is no obstacle."""
    desk.hold(monkeypatch, -400, -3)
    after = desk.renewal.renew_if_due(0)
    assert after is not None
    assert not is_over(after, (desk.identity.certificate_not_after_s + 3 * DAY_S) * 10**9)


def test_one_that_was_refused_is_renewed_whatever_our_clock_says(desk: RenewalDesk) -> None:
    """A machine whose clock stands still for years does not know that its certificate is over."""
    assert desk.renewal.renew_if_due(0) is None
    assert desk.renewal.renew_if_due(0, is_refused=True) is not None


def test_one_of_a_former_ca_is_renewed_at_once(desk: RenewalDesk, tmp_path: Path) -> None:
    """When another CA issues, the former one is soon not needed; what the new one has issued is left alone."""
    make_authority(tmp_path / "another")
    authorities = rotate_authority(tmp_path / "another")
    certificates = (authorities.current.certificate_der, desk.authority.certificate_der)
    trusting = desk.renewal.take_trust(desk.make_trust(2, ca_certificates=certificates, enrol_address=desk.address))
    assert trusting is not None
    assert is_of_former_authority(trusting)
    desk.authority = authorities.current
    after = desk.renewal.renew_if_due(0)
    assert after is not None
    assert not is_of_former_authority(after)
    desk.now_s = PAUSE_S
    assert desk.renewal.renew_if_due(0) is None
    assert len(desk.requests) == 1


def test_it_learns_of_a_new_ca_and_a_new_address_with_it(desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the collector says of itself with the answer holds from then on, after a restart too."""
    desk.hold(monkeypatch, -400, -3)
    another = FakeCollector().ca_certificate
    desk.trust = desk.make_trust(4, ca_certificates=(another, desk.authority.certificate_der))
    after = desk.renewal.renew_if_due(0)
    assert after is not None
    for identity in (after, desk.folder.load()):
        assert identity.trust_version == 4
        assert identity.events_address == "192.0.2.77:7442"
        assert identity.ca_certificate_pem.count(b"BEGIN CERTIFICATE") == 2
        assert ssl.DER_cert_to_PEM_cert(another).encode() in identity.ca_certificate_pem


def test_a_running_agent_renews_lightly(tmp_path: Path) -> None:
    """Asking for a certificate and taking it loads nothing that costs megabytes."""
    FakeCollector().enrol(tmp_path / "state")
    code = (
        "import ssl; from pathlib import Path; from agent.identity import IdentityFolder; "
        "from agent.request import make_renew_request; "
        f"folder = IdentityFolder(Path({str(tmp_path / 'state')!r})); it = folder.load(); "
        "held = ssl.PEM_cert_to_DER_cert(it.tls_certificate_pem.decode()); "
        "make_renew_request(it.keys, school_id=it.school_id, device_id=it.device_id, certificate=held); "
        "folder.replace_certificate(it, held)"
    )
    assert list_loaded(code, HEAVY_FOR_AGENT) == []


# What goes wrong


def test_while_it_is_good_a_failure_is_no_problem_yet(desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again after a pause, and not before."""
    desk.hold(monkeypatch, -330, 66)
    desk.refusal = "too many today"
    assert desk.renewal.renew_if_due(0) is None
    desk.now_s = PAUSE_S - 1
    assert desk.renewal.renew_if_due(0) is None
    assert len(desk.requests) == 1
    desk.now_s, desk.refusal = PAUSE_S, ""
    assert desk.renewal.renew_if_due(0) is not None


def test_when_it_is_over_a_failure_is_what_is_wrong(desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is told once; then the connection may be tried, for perhaps it is our clock that is off."""
    desk.hold(monkeypatch, -400, -3)
    desk.refusal = "this device may not speak here any more"
    with pytest.raises(EnrolmentError, match="may not speak here any more"):
        desk.renewal.renew_if_due(0)
    desk.now_s = PAUSE_WITHOUT_S - 1
    assert desk.renewal.renew_if_due(0) is None
    assert len(desk.requests) == 1
    desk.now_s, desk.refusal = PAUSE_WITHOUT_S, ""
    assert desk.renewal.renew_if_due(0) is not None


def test_a_clock_that_is_years_ahead_does_not_ask_on_and_on(desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """To it each new certificate looks old. It gets one, and then connects with it and learns the time; without an
    answer it asks after a minute, and then after twice as long each time."""
    renewal = Renewal(desk.folder, desk.identity, clock_ns=lambda: 4 * 10**18, monotonic_s=lambda: desk.now_s)
    asked_at_s = []
    for now_s in range(0, 4 * int(PAUSE_S), 30):
        desk.now_s = float(now_s)
        if renewal.renew_if_due(0, is_refused=True) is not None:
            asked_at_s.append(desk.now_s)
    pauses_s = [later - earlier for earlier, later in pairwise(asked_at_s)]
    assert pauses_s[:3] == [PAUSE_WITHOUT_S, 2 * PAUSE_WITHOUT_S, 4 * PAUSE_WITHOUT_S]
    assert max(pauses_s) == PAUSE_S


def test_a_certificate_that_was_just_made_and_is_not_taken_is_asked_for_again(
    desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was made while the collector's clock was years ahead; that is told, and not two hours later."""
    desk.hold(monkeypatch, -300, 97)
    assert desk.renewal.renew_if_due(0) is not None
    desk.now_s = PAUSE_WITHOUT_S
    assert desk.renewal.renew_if_due(0) is None
    desk.refusal = "not now"
    with pytest.raises(EnrolmentError, match="not now"):
        desk.renewal.renew_if_due(0, is_refused=True)


def test_a_listener_that_is_away_is_named(desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address stands in the error, for whoever looks for the reason; it is tried again soon."""
    desk.hold(monkeypatch, -400, -3)
    renewal = desk.make_renewal("127.0.0.1:1")
    with pytest.raises(CollectorUnreachableError, match=r"127\.0\.0\.1:1 does not answer"):
        renewal.renew_if_due(0)
    assert renewal.renew_if_due(0) is None
    desk.now_s = PAUSE_WITHOUT_S
    with pytest.raises(CollectorUnreachableError):
        renewal.renew_if_due(0)


def test_another_collector_is_not_asked_twice(
    desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who listens there with a certificate of another CA gets nothing and gives nothing."""
    desk.hold(monkeypatch, -400, -3)
    stranger = FakeCollector()
    identity = replace(desk.identity, ca_certificate_pem=ssl.DER_cert_to_PEM_cert(stranger.ca_certificate).encode())
    with pytest.raises(CollectorUnreachableError):
        Renewal(desk.folder, identity).renew_if_due(0)
    assert desk.requests == []


@pytest.mark.parametrize("certificate", [b"garbage", FakeCollector().ca_certificate], ids=["none", "of another key"])
def test_an_answer_that_is_no_certificate_of_ours_changes_nothing(
    desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch, certificate: bytes
) -> None:
    """The one that the device has stays, even if it is over: there is nothing better."""
    desk.hold(monkeypatch, -400, -3)
    desk.certificate = certificate
    with pytest.raises(EnrolmentError, match="cannot be used"):
        desk.renewal.renew_if_due(0)
    assert desk.folder.load().tls_certificate_pem == desk.identity.tls_certificate_pem


def test_an_answer_that_comes_late_does_not_touch_the_next_device(
    desk: RenewalDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile the machine went on as another device, with another key: its certificate stays."""
    desk.hold(monkeypatch, -400, -3)
    folder, former = desk.folder, desk.identity
    folder.prepare_successor(
        former, desk.fake.answer(folder.make_rekey_request(former, "forked", FACTS), device_id="n")
    )
    successor = folder.commit_successor()
    with pytest.raises(EnrolmentError, match="another device"):
        desk.renewal.renew_if_due(0)
    assert folder.load().tls_certificate_pem == successor.tls_certificate_pem


# Statements of trust


def test_a_newer_statement_is_taken_once(desk: RenewalDesk) -> None:
    """Told again, or told an older one, nothing changes."""
    first = desk.renewal.take_trust(desk.make_trust(2))
    assert first is not None
    assert first.trust_version == 2
    assert desk.renewal.take_trust(desk.make_trust(2, events_address="192.0.2.1:1")) is None
    assert desk.renewal.take_trust(desk.make_trust(1, events_address="192.0.2.1:1")) is None
    assert desk.folder.load().events_address == "192.0.2.77:7442"


@pytest.mark.parametrize(
    "changes",
    [
        {"signer": Ed25519Signer.generate()},
        {"school_id": "f" * 16},
        {"ca_certificates": (b"garbage",)},
    ],
    ids=["another signer", "another school", "no certificate"],
)
def test_a_statement_that_is_not_right_is_not_taken(desk: RenewalDesk, changes: dict[str, Any]) -> None:
    """Nobody can take a device off its collector, or leave it without one."""
    before = desk.folder.load()
    assert desk.renewal.take_trust(desk.make_trust(9, **changes)) is None
    assert desk.renewal.take_trust(SignedTrust(body=b"garbage", algorithm="none")) is None
    after = desk.folder.load()
    assert (after.trust_version, after.ca_certificate_pem) == (before.trust_version, before.ca_certificate_pem)
