# SPDX-License-Identifier: Apache-2.0
"""Tests of what is read of a certificate."""

import datetime
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.certificate import read_certificate

KEY = ec.generate_private_key(ec.SECP256R1())
POINT = KEY.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def make_certificate(
    begin: datetime.datetime,
    end: datetime.datetime,
    *extensions: x509.ExtensionType,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | None = None,
) -> bytes:
    """Return a certificate (DER)."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Sankt-Ålund")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key or KEY.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def at(year: int) -> datetime.datetime:
    """Return a moment."""
    return datetime.datetime(year, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)


WHOLE = make_certificate(at(2026), at(2027), x509.BasicConstraints(ca=False, path_length=None))


@pytest.mark.parametrize(("begin", "end"), [(2000, 2040), (2026, 2027), (2049, 2051), (1970, 9999)])
def test_dates_are_read_in_both_writings(begin: int, end: int) -> None:
    """A certificate writes a year before 2050 with two digits and a later one with four."""
    read = read_certificate(make_certificate(at(begin), at(end)))
    assert (read.not_before_s, read.not_after_s) == (int(at(begin).timestamp()), int(at(end).timestamp()))


def test_the_key_is_read() -> None:
    """With extensions or without, it is the point that the certificate is for."""
    alternatives = x509.SubjectAlternativeName([x509.DNSName("collector")])
    for certificate in (
        WHOLE,
        make_certificate(at(2026), at(2027)),
        make_certificate(at(2026), at(2027), alternatives),
    ):
        assert read_certificate(certificate).public_key == POINT


def test_names_of_a_ca_and_of_what_it_issued_agree() -> None:
    """As they stand there, byte for byte."""
    read = read_certificate(WHOLE)
    assert read.issuer == read.subject
    assert "Sankt-Ålund".encode() in read.issuer


def test_another_kind_of_key_is_no_point() -> None:
    """It is read all the same, and is nobody's TLS key."""
    key = rsa.generate_private_key(65537, 2048).public_key()
    assert read_certificate(make_certificate(at(2026), at(2027), key=key)).public_key != POINT


@pytest.mark.parametrize("raw", [b"", b"garbage", WHOLE[:-1], WHOLE + b"\x00", WHOLE[4:]])
def test_what_is_no_certificate_is_refused(raw: bytes) -> None:
    """Cut, too long, or something else."""
    with pytest.raises(ValueError, match="asn1"):
        read_certificate(raw)


@settings(deadline=None, max_examples=150)
@given(place=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255))
def test_any_changed_byte_is_read_or_refused(place: int, value: int) -> None:
    """Whatever stands there, it ends in facts or in the one error that callers know."""
    with suppress(ValueError):
        read_certificate(WHOLE[:place] + bytes([value]) + WHOLE[place + 1 :])
