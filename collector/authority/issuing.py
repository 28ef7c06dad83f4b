# SPDX-License-Identifier: Apache-2.0
"""What a CA signs: itself, the CA that comes after it, the listeners' certificate, and those of devices.

P-256 throughout, because gRPC takes no Ed25519 leaves. It signs nothing but TLS certificates, and it keeps nothing:
`folder` does.
"""

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from collector.errors import EnrolmentRefusedError
from proto.wire import TARGET_NAME

CA_NOT_BEFORE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
CA_DAYS = 40 * 365
"""A device whose clock is years off must get through all the same: its evidence is never lost for a clock."""
MAX_PATH_LENGTH = 7
"""How many CAs after it may rest on the word of one: as many as a statement of trust may name, without itself."""
BROWSER_DAYS = 397
"""What browsers take at most."""
DEVICE_DAYS = 397
BACKDATED_MINUTES = 24 * 60
"""Devices' clocks are often behind."""

Lifetime = tuple[datetime.datetime, datetime.datetime]


@dataclass(frozen=True, slots=True)
class Authority:
    """A loaded CA that issues."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def certificate_der(self) -> bytes:
        """The CA's certificate as devices carry it in their token."""
        return _to_der(self.certificate)

    @property
    def certificate_pem(self) -> bytes:
        """The CA's certificate as TLS libraries want it."""
        return to_pem(self.certificate)


@dataclass(frozen=True, slots=True)
class Authorities:
    """The CA that issues now and those before it, which devices may still know alone or hold certificates of."""

    current: Authority
    former: tuple[x509.Certificate, ...] = ()
    """Newest first."""
    crosses: tuple[x509.Certificate, ...] = ()
    """The word of each former CA for the one after it, newest first."""

    @property
    def certificates_der(self) -> tuple[bytes, ...]:
        """All of them, the one that issues first."""
        return tuple(_to_der(each) for each in (self.current.certificate, *self.former))

    @property
    def roots_pem(self) -> bytes:
        """All of them, as TLS libraries want whom they trust."""
        return b"".join(to_pem(each) for each in (self.current.certificate, *self.former))


def sign_authority(
    public_key: ec.EllipticCurvePublicKey, name: str, key: ec.EllipticCurvePrivateKey, issuer: str
) -> x509.Certificate:
    """Return the certificate of a CA: by its own key under its own name, or by that of the CA before it."""
    lifetime = (CA_NOT_BEFORE, datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=CA_DAYS))
    return (
        _start(_common_name(name), _common_name(issuer), public_key, lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=MAX_PATH_LENGTH), critical=True)
        .sign(key, hashes.SHA256())
    )


def issue_listener_certificate(authorities: Authority | Authorities) -> tuple[bytes, bytes]:
    """Return a new TLS key and its certificate with those up to a CA that devices know, as PEM.

    Made at each start and kept in memory only. It is good as long as the CA, since only our devices look at it.
    """
    known = authorities if isinstance(authorities, Authorities) else Authorities(authorities)
    root = known.current.certificate
    lifetime = (root.not_valid_before_utc, root.not_valid_after_utc)
    key, leaf = _issue_server_certificate(known.current, [x509.DNSName(TARGET_NAME)], lifetime)
    # Without our own root where another CA vouches for us: a library that finds it first looks no further.
    chain = known.crosses or (root,)
    return key, to_pem(leaf) + b"".join(to_pem(each) for each in chain)


def issue_console_certificate(authority: Authority, names: Iterable[str]) -> tuple[bytes, bytes]:
    """Return a new TLS key and its certificate with the CA's, as PEM, for browsers that come by these names."""
    alternatives: list[x509.GeneralName] = [x509.DNSName(TARGET_NAME)]
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    key, leaf = _issue_server_certificate(authority, alternatives, _from_now(BROWSER_DAYS))
    return key, to_pem(leaf) + authority.certificate_pem


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
        _start(_common_name(device_id), authority.certificate.subject, public_key, _from_now(DEVICE_DAYS))
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(to_uri(school_id, device_id))]), critical=False
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(authority.key, hashes.SHA256())
    )
    return _to_der(certificate)


def to_uri(school_id: str, device_id: str) -> str:
    """Return how a device is named in its certificate, in the shape of a SPIFFE id."""
    return f"spiffe://schoolwarden/{school_id}/device/{device_id}"


def find_device_in_uri(uri: str) -> tuple[str, str] | None:
    """Return (school_id, device_id) of a certificate's name, or None if it is not a device's."""
    parts = uri.removeprefix("spiffe://schoolwarden/").split("/")
    if not uri.startswith("spiffe://schoolwarden/") or len(parts) != 3 or parts[1] != "device":
        return None
    return parts[0], parts[2]


def to_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as TLS libraries want it."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as unencrypted PKCS#8; whoever stores it protects it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _issue_server_certificate(
    authority: Authority, names: Iterable[x509.GeneralName], lifetime: Lifetime
) -> tuple[bytes, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _start(_common_name(TARGET_NAME), authority.certificate.subject, key.public_key(), lifetime)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(authority.key, hashes.SHA256())
    )
    return key_to_pem(key), certificate


def _start(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, lifetime: Lifetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(lifetime[0])
        .not_valid_after(lifetime[1])
    )


def _from_now(days: int) -> Lifetime:
    now = datetime.datetime.now(datetime.UTC)
    return now - datetime.timedelta(minutes=BACKDATED_MINUTES), now + datetime.timedelta(days=days)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _to_der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
