# SPDX-License-Identifier: Apache-2.0
"""What an agent reads of a certificate: whose key it is for, who issued it, and from when to when it is good.

It verifies nothing: TLS does, at both ends. `cryptography.x509` would do as well and costs a running agent 17 MB.
"""

from dataclasses import dataclass
from typing import Annotated

from cryptography.hazmat import asn1


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What is read of one certificate."""

    public_key: bytes
    """As it stands there; of a P-256 key the uncompressed point."""
    not_before_s: int
    """Seconds since 1970."""
    not_after_s: int
    issuer: bytes
    """Names as they are encoded; the CAs of a school have another one each."""
    subject: bytes


@asn1.sequence
class _PublicKey:
    algorithm: asn1.TLV
    key: asn1.BitString


@asn1.sequence
class _Validity:
    not_before: asn1.UTCTime | asn1.GeneralizedTime
    not_after: asn1.UTCTime | asn1.GeneralizedTime


@asn1.sequence
class _Body:
    version: Annotated[int, asn1.Explicit(0)]
    serial: int
    algorithm: asn1.TLV
    issuer: asn1.TLV
    validity: _Validity
    subject: asn1.TLV
    public_key: _PublicKey
    extensions: Annotated[list[asn1.TLV] | None, asn1.Explicit(3)]


@asn1.sequence
class _Certificate:
    body: _Body
    algorithm: asn1.TLV
    signature: asn1.BitString


def read_certificate(der: bytes) -> CertificateFacts:
    """Read a certificate (DER).

    Raises:
        ValueError: the bytes are none of version 3.
    """
    body = asn1.decode_der(_Certificate, der).body
    return CertificateFacts(
        public_key=body.public_key.key.as_bytes(),
        not_before_s=int(body.validity.not_before.as_datetime().timestamp()),
        not_after_s=int(body.validity.not_after.as_datetime().timestamp()),
        issuer=bytes(body.issuer.data),
        subject=bytes(body.subject.data),
    )
