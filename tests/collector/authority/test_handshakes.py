# SPDX-License-Identifier: Apache-2.0
"""Real TLS handshakes of OpenSSL's, in memory: who gets through to a listener after a rotation, and who does not.

The same with gRPC's own TLS is in `enrolment/test_credentials`.
"""

import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from collector.authority import (
    Authorities,
    Authority,
    issue_device_certificate,
    issue_listener_certificate,
    load_authorities,
    load_authority,
    make_authority,
    rotate_authority,
)
from collector.authority.issuing import key_to_pem, to_pem
from proto.wire import TARGET_NAME
from tests.collector.authority.test_issuing import DEVICE, SCHOOL, make_request


class Rotations:
    """A CA of which a device got a certificate, and what two rotations made of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_authority(folder / "ours")
        make_authority(folder / "strangers")
        self.stranger = load_authority(folder / "strangers")
        self.devices = [self._enrol(load_authority(folder / "ours"))]
        for _ in range(2):
            self.devices.append(self._enrol(rotate_authority(folder / "ours").current))
        self.authorities: Authorities = load_authorities(folder / "ours")
        self.roots = [to_pem(each) for each in reversed(self.authorities.former)]
        self.roots.append(self.authorities.current.certificate_pem)
        key, chain = issue_listener_certificate(self.authorities)
        self.listener = self._write("listener", key, chain)

    def _enrol(self, authority: Authority) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = issue_device_certificate(authority, make_request(key), SCHOOL, DEVICE)
        return self._write(
            hashlib.sha256(certificate).hexdigest(),
            key_to_pem(key),
            ssl.DER_cert_to_PEM_cert(certificate).encode(),
        )

    def enrol_with_stranger(self) -> Path:
        """Return the certificate of somebody whose CA is not ours."""
        return self._enrol(self.stranger)

    def _write(self, name: str, key: bytes, chain: bytes) -> Path:
        path = self.folder / f"{name}.pem"
        path.write_bytes(key + chain)
        return path


@pytest.fixture(scope="module")
def rotations(tmp_path_factory: pytest.TempPathFactory) -> Rotations:
    """A CA that was rotated twice."""
    return Rotations(tmp_path_factory.mktemp("rotations"))


def shake_hands(rotations: Rotations, *, known: bytes, device: Path | None = None) -> None:
    """Let a device that knows some CAs come to the listener, with its certificate or without one.

    Raises:
        ssl.SSLError: one of the two does not trust the other.
    """
    client_context = ssl.create_default_context(cadata=known.decode())
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(rotations.listener)
    if device is not None:
        client_context.load_cert_chain(device)
        server_context.verify_mode = ssl.CERT_REQUIRED
        server_context.load_verify_locations(cadata=rotations.authorities.roots_pem.decode())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=TARGET_NAME)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    # With TLS 1.3 a handshake is over within three rounds.
    for _ in range(5):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert waiting == []


@pytest.mark.parametrize("which", [0, 1, 2], ids=["the first", "the second", "the newest"])
def test_device_that_knows_one_ca_gets_through(rotations: Rotations, which: int) -> None:
    """Whichever of them it is: it lay in a cupboard during one rotation, or two, or none."""
    shake_hands(rotations, known=rotations.roots[which])


@pytest.mark.parametrize("which", [0, 1, 2], ids=["the first", "the second", "the newest"])
def test_device_with_a_certificate_of_any_of_them_gets_through(rotations: Rotations, which: int) -> None:
    """It knows the CA that its certificate is of, and no newer one."""
    shake_hands(rotations, known=rotations.roots[which], device=rotations.devices[which])


def test_device_that_was_told_of_all_gets_through(rotations: Rotations) -> None:
    """As a statement of trust makes it."""
    shake_hands(rotations, known=b"".join(rotations.roots), device=rotations.devices[0])


def test_device_that_trusts_another_ca_does_not_talk(rotations: Rotations) -> None:
    """The other CA has the same name as our first one."""
    with pytest.raises(ssl.SSLError, match="certificate verify failed"):
        shake_hands(rotations, known=rotations.stranger.certificate_pem)


def test_certificate_of_another_ca_is_not_taken(rotations: Rotations) -> None:
    """Whatever CA of ours its holder knows."""
    with pytest.raises(ssl.SSLError, match="certificate verify failed"):
        shake_hands(rotations, known=rotations.roots[0], device=rotations.enrol_with_stranger())
