# SPDX-License-Identifier: Apache-2.0
"""Tests of the collector's own CA: what it signs, what it refuses to sign, and what is said when it is damaged."""

import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.authority import (
    Authority,
    find_device_in_uri,
    issue_console_certificate,
    issue_device_certificate,
    issue_listener_certificate,
    load_authority,
    make_authority,
    to_uri,
)
from collector.errors import EnrolmentRefusedError, UsageError
from proto.wire import TARGET_NAME

SCHOOL, DEVICE = "5c4001000000a11e", "d0d0d0d0d0d0d0d0"


def make_request(key, *extensions: x509.ExtensionType, name: str = "evil.example") -> bytes:
    """Return a certificate request (DER) that asks for more than it gets."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA."""
    folder = tmp_path_factory.mktemp("authority")
    make_authority(folder)
    return load_authority(folder)


def test_key_is_for_its_owner_only(tmp_path: Path) -> None:
    """Whoever else has an account on the machine cannot read it."""
    make_authority(tmp_path / "authority")
    assert stat.S_IMODE((tmp_path / "authority" / "ca.key").stat().st_mode) == 0o600


def test_certificate_of_a_device_holds_what_we_say_and_its_key(ca: Authority) -> None:
    """Nothing of the request but the public key goes into the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = make_request(
        key,
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName(TARGET_NAME)]),
    )
    certificate = x509.load_der_x509_certificate(issue_device_certificate(ca, request, SCHOOL, DEVICE))
    certificate.verify_directly_issued_by(ca.certificate)
    assert certificate.public_key() == key.public_key()
    assert [each.value for each in certificate.subject] == [DEVICE]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier(to_uri(SCHOOL, DEVICE))]
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_certificate_is_good_for_a_clock_that_is_behind(ca: Authority) -> None:
    """A device whose clock is some hours slow can use its certificate at once."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = x509.load_der_x509_certificate(issue_device_certificate(ca, make_request(key), SCHOOL, DEVICE))
    now = datetime.datetime.now(datetime.UTC)
    assert certificate.not_valid_before_utc < now - datetime.timedelta(hours=12)
    assert certificate.not_valid_after_utc > now + datetime.timedelta(days=300)


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["ed25519", "p384", "secp256k1", "rsa"],
)
def test_other_keys_are_refused(ca: Authority, key) -> None:
    """Only P-256 keys work everywhere, so no device gets a certificate for another."""
    with pytest.raises(EnrolmentRefusedError, match="P-256"):
        issue_device_certificate(ca, make_request(key), SCHOOL, DEVICE)


def test_request_signed_by_another_key_is_refused(ca: Authority) -> None:
    """Who does not hold the key gets no certificate for it."""
    request = bytearray(make_request(ec.generate_private_key(ec.SECP256R1())))
    request[-1] ^= 1
    with pytest.raises(EnrolmentRefusedError):
        issue_device_certificate(ca, bytes(request), SCHOOL, DEVICE)


REQUEST = make_request(ec.generate_private_key(ec.SECP256R1()))


@given(place=st.integers(0, len(REQUEST) - 1), value=st.integers(0, 255), cut=st.booleans())
@example(place=7, value=1, cut=False)  # Another version of the request.
@example(place=39, value=0, cut=False)  # A kind of key that nobody knows.
@settings(max_examples=300, deadline=None)
def test_spoilt_request_is_refused_and_never_a_crash(ca: Authority, place: int, value: int, cut: bool) -> None:
    """Whatever is changed in a request, it is refused in our words."""
    spoilt = REQUEST[:place] if cut else REQUEST[:place] + bytes([value]) + REQUEST[place + 1 :]
    if spoilt == REQUEST:
        return
    with pytest.raises(EnrolmentRefusedError):
        issue_device_certificate(ca, spoilt, SCHOOL, DEVICE)


def test_console_certificate_has_the_names_that_browsers_come_by(ca: Authority) -> None:
    """Whatever was typed, and no longer than browsers take."""
    _, chain = issue_console_certificate(ca, ["10.0.0.7", "collector.our.school"])
    leaf, root = x509.load_pem_x509_certificates(chain)
    assert root == ca.certificate
    leaf.verify_directly_issued_by(root)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [TARGET_NAME, "collector.our.school"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7"]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= datetime.timedelta(days=398)


def test_listener_certificate_is_good_as_long_as_its_ca(ca: Authority) -> None:
    """Only devices look at it, and one whose clock is years off must get through."""
    _, chain = issue_listener_certificate(ca)
    leaf, root = x509.load_pem_x509_certificates(chain)
    assert root == ca.certificate
    assert (leaf.not_valid_before_utc, leaf.not_valid_after_utc) == (
        root.not_valid_before_utc,
        root.not_valid_after_utc,
    )
    now = datetime.datetime.now(datetime.UTC)
    assert leaf.not_valid_before_utc < now - datetime.timedelta(days=20 * 365)
    assert leaf.not_valid_after_utc > now + datetime.timedelta(days=39 * 365)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName(TARGET_NAME)]


def test_listener_key_is_new_each_time(ca: Authority) -> None:
    """It lives in memory only, so no two starts share it."""
    assert issue_listener_certificate(ca)[0] != issue_listener_certificate(ca)[0]


def test_device_is_read_from_its_own_kind_of_name_only() -> None:
    """Nothing but the exact shape of our names is a device."""
    assert find_device_in_uri(to_uri(SCHOOL, DEVICE)) == (SCHOOL, DEVICE)
    for name in (
        "",
        TARGET_NAME,
        f"https://schoolwarden/{SCHOOL}/device/{DEVICE}",
        f"spiffe://schoolwarden/{SCHOOL}/device/{DEVICE}/more",
        f"spiffe://schoolwarden/{SCHOOL}/user/{DEVICE}",
        f"spiffe://schoolwarden/{SCHOOL}",
        f"spiffe://evil/{SCHOOL}/device/{DEVICE}",
    ):
        assert find_device_in_uri(name) is None, name


@pytest.mark.parametrize("name", ["ca.key", "ca.crt"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_damaged_authority_is_told(tmp_path: Path, name: str, content: bytes | None) -> None:
    """A CA that cannot be loaded is an error with a hint, since every device depends on it."""
    make_authority(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match="cannot be loaded") as caught:
        load_authority(tmp_path)
    assert "backup" in caught.value.hint


def test_key_under_a_passphrase_is_told(tmp_path: Path) -> None:
    """Nobody is there to type it when the collector starts."""
    make_authority(tmp_path)
    key = load_authority(tmp_path).key
    encrypted = serialization.BestAvailableEncryption(b"secret")
    (tmp_path / "ca.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encrypted)
    )
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_authority(tmp_path)


def test_key_of_another_kind_is_told(tmp_path: Path) -> None:
    """An Ed25519 key cannot sign for gRPC."""
    make_authority(tmp_path)
    key = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "ca.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with pytest.raises(UsageError, match="not a P-256 key"):
        load_authority(tmp_path)


def test_key_and_certificate_must_belong_together(tmp_path: Path) -> None:
    """Files of two backups mixed up would make certificates that no device accepts."""
    make_authority(tmp_path / "one")
    make_authority(tmp_path / "two")
    (tmp_path / "one" / "ca.key").write_bytes((tmp_path / "two" / "ca.key").read_bytes())
    with pytest.raises(UsageError, match="do not belong together"):
        load_authority(tmp_path / "one")
