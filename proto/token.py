# SPDX-License-Identifier: Apache-2.0
"""An enrolment token: one line of text with all that a new device needs to find and trust its collector.

`sw1.` + base64url(body || first 4 bytes of SHA-256(body)). The checksum finds a token that was cut when copied; what
makes it trustworthy is how it reached the device. It holds a secret: show it once, keep it nowhere.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from proto.errors import TokenError
from proto.wire import TokenBody

PREFIX = "sw1."
SECRET_BYTES = 16
_CHECKSUM_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What an enrolment token says."""

    enrol_address: str
    """host:port of the enrolment listener."""
    events_address: str
    """host:port of the event listener."""
    school_id: str
    expires_at_ns: int
    """Nanoseconds since 1970, by the collector's clock."""
    secret: bytes
    ca_certificate: bytes
    """The collector's CA, DER."""
    safeguarding_root_fingerprint: bytes = b""
    """SHA-256 of the safeguarding root key; empty when the school has none yet."""


def encode_token(token: Token) -> str:
    """Return the token as one line of text."""
    body = TokenBody(
        enrol_address=token.enrol_address,
        events_address=token.events_address,
        school_id=token.school_id,
        expires_at_ns=token.expires_at_ns,
        secret=token.secret,
        ca_certificate=token.ca_certificate,
        safeguarding_root_fingerprint=token.safeguarding_root_fingerprint,
    ).SerializeToString(deterministic=True)
    return PREFIX + base64.urlsafe_b64encode(body + _checksum(body)).decode().rstrip("=")


def decode_token(text: str) -> Token:
    """Read a token.

    Raises:
        TokenError: it is not a token, it was cut or changed on the way, or a newer collector made it.
    """
    text = "".join(text.split())
    if not text.startswith(PREFIX):
        if text.startswith("sw") and "." in text[:6]:
            raise TokenError("this token is of a newer kind", hint="update the agent, then enrol again")
        raise TokenError("this is not an enrolment token", hint=f"a token starts with {PREFIX!r} and is one long line")
    encoded = text.removeprefix(PREFIX)
    damaged = TokenError("the token is damaged", hint="copy the whole line, or make a new token at the collector")
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise damaged from error
    body, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if _checksum(body) != checksum:
        raise damaged
    try:
        fields = TokenBody.FromString(body)
    except DecodeError as error:
        raise damaged from error
    if not (
        fields.enrol_address and fields.events_address and fields.school_id and fields.secret and fields.ca_certificate
    ):
        raise damaged
    return Token(
        enrol_address=fields.enrol_address,
        events_address=fields.events_address,
        school_id=fields.school_id,
        expires_at_ns=fields.expires_at_ns,
        secret=fields.secret,
        ca_certificate=fields.ca_certificate,
        safeguarding_root_fingerprint=fields.safeguarding_root_fingerprint,
    )


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECKSUM_BYTES]
