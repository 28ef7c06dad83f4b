# SPDX-License-Identifier: Apache-2.0
"""Certificates of devices: issued, and every one of them written down.

What is written says which CA a device still needs. Whether a device may have one is decided by those who ask here.
"""

import hashlib
from dataclasses import dataclass

from cryptography import x509
from sqlalchemy import Connection, func, insert, select

from collector.authority import Authority, issue_device_certificate
from collector.errors import EnrolmentRefusedError
from collector.store.schema import certificates

DAY_NS = 24 * 3600 * 10**9
MAX_A_DAY = 20
"""Of one device. It needs one a year, and a few more when answers are lost; each is a row."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate of a device (DER), and what is written down of it."""

    der: bytes
    device_id: str
    authority_sha256: bytes
    expires_at_ns: int

    @property
    def sha256(self) -> bytes:
        """What it is known by."""
        return hashlib.sha256(self.der).digest()


def issue(authority: Authority, certificate_request: bytes, school_id: str, device_id: str) -> Issued:
    """Return a certificate for the key in a request; nothing is written yet.

    Raises:
        EnrolmentRefusedError: the request proves nothing.
    """
    der = issue_device_certificate(authority, certificate_request, school_id, device_id)
    expires_at = x509.load_der_x509_certificate(der).not_valid_after_utc
    return Issued(der, device_id, to_authority_sha256(authority.certificate_der), int(expires_at.timestamp()) * 10**9)


def write_down(connection: Connection, school_id: str, issued: Issued, now_ns: int) -> None:
    """Keep that a device got a certificate, in the transaction that gives it."""
    connection.execute(
        insert(certificates).values(
            sha256=issued.sha256,
            school_id=school_id,
            device_id=issued.device_id,
            authority_sha256=issued.authority_sha256,
            made_at_ns=now_ns,
            expires_at_ns=issued.expires_at_ns,
        )
    )


def verify_not_too_many(connection: Connection, device_id: str, now_ns: int) -> None:
    """Return if a device may have one more certificate today.

    Raises:
        EnrolmentRefusedError: it had enough.
    """
    today = connection.execute(
        select(func.count()).where(certificates.c.device_id == device_id, certificates.c.made_at_ns > now_ns - DAY_NS)
    ).scalar_one()
    if today >= MAX_A_DAY:
        raise EnrolmentRefusedError("this device had too many certificates today", hint="try again tomorrow")


def to_authority_sha256(certificate_der: bytes) -> bytes:
    """Return what a CA is known by in the table of certificates."""
    return hashlib.sha256(certificate_der).digest()
