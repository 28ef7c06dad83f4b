# SPDX-License-Identifier: Apache-2.0
"""What breaks the line between a device and its collector, and the sentence that the agent says about each."""

import datetime
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.uplink import probe
from agent.uplink.channel import open_enrolment_channel
from agent.uplink.words import explain_error
from collector.authority import Authority, load_authority, make_authority
from proto.wire import ENROL_METHOD, ENROL_SERVICE, EVENTS_METHOD, EVENTS_SERVICE, TARGET_NAME, EnrolRequest
from tests.collector.line import Listeners
from tests.collector.school import School
from tests.hostile.middlebox import (
    Behaviour,
    Middlebox,
    answer,
    connect_to,
    hang_up,
    reset,
    say_nothing,
    speak_tls,
    speak_tls_with,
)

UNCHANGED = "unchanged"


@pytest.fixture(autouse=True)
def _short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "STEP_TIMEOUT_S", 1.0)
    for name in (*probe.PROXY_VARIABLES, *probe.NO_PROXY_VARIABLES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA that the device trusts."""
    folder = tmp_path_factory.mktemp("ca")
    make_authority(folder)
    return load_authority(folder)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA of somebody who opens TLS."""
    folder = tmp_path_factory.mktemp("stranger")
    make_authority(folder)
    return load_authority(folder)


def ask(address: str, ca: Authority, *, method: str = f"/{ENROL_SERVICE}/{ENROL_METHOD}", timeout_s: float = 20) -> str:
    """Call over gRPC as the agent does, and return what it says about the error."""
    with open_enrolment_channel(address, ca.certificate_pem) as channel:
        call = channel.unary_unary(method, request_serializer=EnrolRequest.SerializeToString)
        with pytest.raises(grpc.RpcError) as caught:
            call(EnrolRequest(), timeout=timeout_s)
    return explain_error(caught.value, address, ca.certificate_pem)


def say(behaviour: Behaviour, ca: Authority, *, timeout_s: float = 20) -> str:
    """Return what the agent says when this stands at the collector's address."""
    with Middlebox(behaviour) as box:
        return ask(box.address, ca, timeout_s=timeout_s).replace(box.address, "ADDRESS")


# Somebody else answers


def test_tls_without_http2_is_told(ca: Authority, tmp_path: Path) -> None:
    """A proxy that has even the right certificate, and speaks HTTP/1.1 inside."""
    assert say(speak_tls(tmp_path, ca, alpn=("http/1.1",)), ca) == (
        "ADDRESS speaks TLS without HTTP/2: a proxy in between ends the connection; let TCP through to the collector "
        "unchanged (no HTTP proxy, no TLS inspection)"
    )


@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "407 Proxy Authentication Required", "502 Bad"])
def test_plain_http_is_told(ca: Authority, status: str) -> None:
    """Whatever it says in plain HTTP, the number is named: it stands in the proxy's log too."""
    said = say(answer(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()), ca)
    assert said.startswith(f"ADDRESS answers in plain HTTP ({status[:3]}) instead of TLS")
    assert UNCHANGED in said


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://login.wifi.example/hello\r\n\r\n",
        b"HTTP/1.1 511 Network Authentication Required\r\n\r\n",
    ],
)
def test_sign_in_page_is_told(ca: Authority, text: bytes) -> None:
    """A network that wants somebody to sign in first is named as that, with where it sends us."""
    said = say(answer(text), ca)
    assert "a sign-in page of the network" in said
    assert ("login.wifi.example" in said) == (b"302" in text)


@pytest.mark.parametrize("alpn", [("h2",), ("http/1.1",), ()])
def test_proxy_that_opens_tls_is_told(
    ca: Authority, stranger: Authority, tmp_path: Path, alpn: tuple[str, ...]
) -> None:
    """It shows a certificate of its own CA: it gets nothing from us, and is named."""
    with Middlebox(speak_tls(tmp_path, stranger, alpn=alpn)) as box:
        said = ask(box.address, ca)
    assert "is not the collector that this machine was enrolled with: a proxy that opens TLS" in said
    assert "exempt the collector from inspection" in said
    assert bytes(box.heard) == b"", "it was told something"


def test_something_else_than_tls_is_told(ca: Authority) -> None:
    """The port of another program."""
    said = say(answer(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n"), ca)
    assert said == "ADDRESS speaks something else than TLS: check the port"


@pytest.mark.parametrize("lifetime", [(-400, -3), (3, 400)])
def test_wrong_clock_is_told_with_the_date(ca: Authority, tmp_path: Path, lifetime: tuple[int, int]) -> None:
    """The certificate is the collector's, and this machine's clock lies: it is named, so that somebody sees it."""
    key, chain = issue_for(ca, *lifetime)
    said = say(speak_tls_with(tmp_path, key, chain, alpn=("h2",)), ca)
    assert ("has expired" if lifetime[0] < 0 else "is not valid yet") in said
    assert f"by this machine's clock, which says {datetime.datetime.now(datetime.UTC):%Y-%m-%d}" in said


def issue_for(ca: Authority, first_day: int, last_day: int) -> tuple[bytes, bytes]:
    """Return a key and a certificate of the collector's name for these days from today, as PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, TARGET_NAME)]))
        .issuer_name(ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=first_day))
        .not_valid_after(now + datetime.timedelta(days=last_day))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(TARGET_NAME)]), critical=False)
        .sign(ca.key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, certificate.public_bytes(serialization.Encoding.PEM)


# Nobody answers


def test_silent_port_is_told(ca: Authority) -> None:
    """It takes the connection and says nothing, as some firewalls do."""
    assert "takes the connection and says nothing: a firewall in between holds it" in say(say_nothing, ca, timeout_s=1)


@pytest.mark.parametrize("behaviour", [reset, hang_up])
def test_cut_at_the_beginning_of_tls_is_told(ca: Authority, behaviour: Behaviour) -> None:
    """A filter that knows the first message of TLS, or its name, and cuts the connection."""
    assert say(behaviour, ca) == (
        "the connection to ADDRESS is cut when TLS begins: a firewall or filter in between blocks it; "
        "allow TLS to that address and port, unchanged"
    )


def test_closed_port_is_told(ca: Authority) -> None:
    """The machine is there, the collector is not."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    assert ask(address, ca) == f"nothing listens at {address}: check that it runs, and the port"


def test_unknown_name_is_told(ca: Authority) -> None:
    """The name is no name here."""
    said = ask("collector.invalid:7443", ca)
    assert said == "the name collector.invalid cannot be resolved: check the DNS of this network, or the address"


# The collector itself


@pytest.fixture
def listeners(school: School, authority: Authority) -> Iterator[Listeners]:
    """A collector that listens."""
    with Listeners(school, authority) as listeners:
        yield listeners


def test_wrong_port_of_the_collector_is_told(listeners: Listeners, authority: Authority) -> None:
    """The enrolment port knows no events."""
    said = ask(listeners.enrol_address, authority, method=f"/{EVENTS_SERVICE}/{EVENTS_METHOD}")
    assert "this is another port of it" in said


def test_certificate_that_is_not_taken_is_told(listeners: Listeners, authority: Authority) -> None:
    """The way is open and everything is right but us: then it is our certificate."""
    said = ask(listeners.events_address, authority)
    assert "the way to the collector is open" in said
    assert "does not take this machine's certificate" in said


# Proxies that are named in the environment


def test_named_proxy_is_used_and_sees_nothing(
    listeners: Listeners, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC goes through the proxy that the service's environment names; TLS ends at the collector all the same."""
    with Middlebox(connect_to(listeners.enrol_address)) as box:
        monkeypatch.setenv("https_proxy", f"http://{box.address}")
        with open_enrolment_channel("192.0.2.7:7444", authority.certificate_pem) as channel:
            call = channel.unary_unary(f"/{ENROL_SERVICE}/{ENROL_METHOD}")
            with pytest.raises(grpc.RpcError) as caught:
                call(b"", timeout=20)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED, caught.value
        assert bytes(box.heard).startswith(b"CONNECT 192.0.2.7:7444 HTTP/1.1")
        assert probe.find_obstacle("192.0.2.7:7444", authority.certificate_pem) == ""


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("407 Proxy Authentication Required", "asks for a user and a password: let this machine through"),
        ("403 Forbidden", "does not let us through to 192.0.2.7:7444 (HTTP 403): allow CONNECT to that port there"),
        ("502 Bad Gateway", "does not let us through to 192.0.2.7:7444 (HTTP 502)"),
    ],
)
def test_named_proxy_that_refuses_is_told(
    ca: Authority, monkeypatch: pytest.MonkeyPatch, status: str, words: str
) -> None:
    """With the variable that named it: nobody else in the school may know that it is set."""
    with Middlebox(answer(f"HTTP/1.1 {status}\r\n\r\n".encode())) as box:
        monkeypatch.setenv("http_proxy", f"http://{box.address}")
        said = ask("192.0.2.7:7444", ca)
    assert said.startswith(f"the proxy {box.address} (named by http_proxy) ")
    assert words in said


def test_named_proxy_that_is_away_is_told(ca: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the proxy that is away, not the collector."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        proxy = f"127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("https_proxy", f"http://{proxy}")
    said = ask("192.0.2.7:7444", ca)
    assert said == f"nothing listens at the proxy {proxy} (named by https_proxy): check that it runs, and the port"


def test_excepted_address_goes_without_the_proxy(
    listeners: Listeners, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `no_proxy` names is reached directly, by gRPC and by who looks."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "example.org,127.0.0.1")
    assert "this is another port of it" in ask(listeners.enrol_address, authority, method="/x/y")
    assert probe.find_obstacle(listeners.enrol_address, authority.certificate_pem) == ""


def test_who_looks_shows_nothing_of_this_machine(ca: Authority, tmp_path: Path) -> None:
    """No certificate, no name, no word: only a handshake with a fixed name in it."""
    key, chain = issue_for(ca, -1, 1)
    (tmp_path / "middlebox.pem").write_bytes(key + chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "middlebox.pem")
    context.load_verify_locations(cadata=ca.certificate_pem.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["h2"])
    shown: list[object] = []

    def look(box: Middlebox, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            shown.append(inside.getpeercert())
            shown.append(inside.recv(65_536))

    with Middlebox(look) as box:
        assert probe.find_obstacle(box.address, ca.certificate_pem) == ""
    assert shown == [None, b""]
