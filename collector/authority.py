# SPDX-License-Identifier: Apache-2.0
"""The collector's own certificate authority: its key, the listeners' certificate, and the devices' certificates.

P-256 throughout, because gRPC takes no Ed25519 leaves. Devices trust this CA and no other; it signs nothing but TLS
certificates. Which device may have one is decided by `enrolment`.
"""

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from collector.errors import EnrolmentRefusedError, UsageError
from proto.files import write_private
from proto.wire import TARGET_NAME

CA_DAYS = 20 * 365
LISTENER_DAYS = 397
DEVICE_DAYS = 397
BACKDATED_MINUTES = 24 * 60
"""Devices' clocks are often behind."""
RESTORE = "restore authority/ from a backup: devices trust only it"


@dataclass(frozen=True, slots=True)
class Authority:
    """A loaded CA."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def certificate_der(self) -> bytes:
        """The CA's certificate as devices carry it in their token."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def certificate_pem(self) -> bytes:
        """The CA's certificate as TLS libraries want it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def make_authority(folder: Path) -> None:
    """Make a new CA in a folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    # A short name keeps the token short; a school may run several collectors, so the name says nothing.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Schoolwarden")])
    certificate = (
        _start(name, name, key.public_key(), CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(folder / "ca.key", _to_pem(key))
    write_private(folder / "ca.crt", certificate.public_bytes(serialization.Encoding.PEM))


def load_authority(folder: Path) -> Authority:
    """Load the CA of a folder.

    Raises:
        UsageError: it is not there or not readable.
    """
    try:
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(f"the CA in {folder} cannot be loaded: {error}", hint=RESTORE) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UsageError(f"the CA key in {folder} is not a P-256 key", hint=RESTORE)
    if key.public_key() != certificate.public_key():
        raise UsageError(f"the CA's key and certificate in {folder} do not belong together", hint=RESTORE)
    return Authority(key, certificate)


def issue_listener_certificate(authority: Authority, names: Iterable[str] = ()) -> tuple[bytes, bytes]:
    """Return a new TLS key and its certificate with the CA's, as PEM. Made at each start and kept in memory only.

    Other names or addresses than the fixed target name are for browsers.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives: list[x509.GeneralName] = [x509.DNSName(TARGET_NAME)]
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    certificate = (
        _start(_common_name(TARGET_NAME), authority.certificate.subject, key.public_key(), LISTENER_DAYS)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(authority.key, hashes.SHA256())
    )
    return _to_pem(key), certificate.public_bytes(serialization.Encoding.PEM) + authority.certificate_pem


def issue_device_certificate(authority: Authority, request_der: bytes, school_id: str, device_id: str) -> bytes:
    """Return a certificate (DER) for the key in a PKCS#10 request; nothing else of the request is taken over.

    Raises:
        EnrolmentRefusedError: the request cannot be read, is not signed by its own key, or holds no P-256 key.
    """
    try:
        request = x509.load_der_x509_csr(request_der)
        if not request.is_signature_valid:
            raise EnrolmentRefusedError("the certificate request is not signed by its own key")
        public_key = request.public_key()
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise EnrolmentRefusedError("the certificate request cannot be read") from error
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(public_key.curve, ec.SECP256R1):
        raise EnrolmentRefusedError("the certificate request does not hold a P-256 key")
    certificate = (
        _start(_common_name(device_id), authority.certificate.subject, public_key, DEVICE_DAYS)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(to_uri(school_id, device_id))]), critical=False
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(authority.key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.DER)


def to_uri(school_id: str, device_id: str) -> str:
    """Return how a device is named in its certificate, in the shape of a SPIFFE id."""
    return f"spiffe://schoolwarden/{school_id}/device/{device_id}"


def find_device_in_uri(uri: str) -> tuple[str, str] | None:
    """Return (school_id, device_id) of a certificate's name, or None if it is not a device's."""
    parts = uri.removeprefix("spiffe://schoolwarden/").split("/")
    if not uri.startswith("spiffe://schoolwarden/") or len(parts) != 3 or parts[1] != "device":
        return None
    return parts[0], parts[2]


def _start(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=BACKDATED_MINUTES))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
