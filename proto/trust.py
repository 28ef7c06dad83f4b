# SPDX-License-Identifier: Apache-2.0
"""Whom devices trust and where they find it: the certificates of the collector's CAs and its addresses, signed.

The signing key that a device pinned when it enrolled signs it, so that a CA and an address can change without anybody
touching the device. It lowers nothing: what a device watches and who may read is decided elsewhere.
"""

import ipaddress
import re
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from proto.errors import MalformedError, SignatureError
from proto.keys import Signer, Verifier
from proto.wire import SignedTrust, TrustBody

DOMAIN = b"schoolwarden trust v1\x00"
MAX_AUTHORITIES = 8
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\.?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """One statement of whom devices trust. A device takes none with a lower version than it has."""

    version: int
    school_id: str
    ca_certificates: tuple[bytes, ...]
    """DER; the one that issues now first."""
    enrol_address: str
    """host:port"""
    events_address: str
    made_at_ns: int


def sign_trust(signer: Signer, trust: Trust) -> SignedTrust:
    """Return the statement as devices take it.

    Raises:
        ValueError: it names no CA, too many, or what is no address that devices can reach.
    """
    for address in (trust.enrol_address, trust.events_address):
        if not is_reachable(address):
            raise ValueError(f"{address!r} is no address that devices can reach")
    if not 1 <= len(trust.ca_certificates) <= MAX_AUTHORITIES:
        raise ValueError(f"1 to {MAX_AUTHORITIES} CAs can be trusted")
    body = TrustBody(
        version=trust.version,
        school_id=trust.school_id,
        ca_certificates=trust.ca_certificates,
        enrol_address=trust.enrol_address,
        events_address=trust.events_address,
        made_at_ns=trust.made_at_ns,
    ).SerializeToString(deterministic=True)
    return SignedTrust(body=body, algorithm=signer.algorithm, signature=signer.sign(DOMAIN + body))


def open_trust(signed: SignedTrust, verifier: Verifier, *, school_id: str) -> Trust:
    """Check a statement and return what it says. The caller holds its version against the one it has.

    Raises:
        SignatureError: our collector did not sign it.
        MalformedError: it cannot be read, is another school's, or would leave nobody to trust or nowhere to go.
    """
    if signed.algorithm != verifier.algorithm:
        raise SignatureError("the statement of trust is not signed by this device's collector")
    verifier.verify(signed.signature, DOMAIN + signed.body)
    try:
        body = TrustBody.FromString(signed.body)
    except DecodeError as error:
        raise MalformedError("the statement of trust cannot be read") from error
    if body.school_id != school_id:
        raise MalformedError("the statement of trust is for another school")
    if not 1 <= len(body.ca_certificates) <= MAX_AUTHORITIES:
        raise MalformedError("the statement of trust names no CA, or too many")
    if not (is_reachable(body.enrol_address) and is_reachable(body.events_address)):
        raise MalformedError("the statement of trust names what is no address")
    return Trust(
        version=body.version,
        school_id=body.school_id,
        ca_certificates=tuple(body.ca_certificates),
        enrol_address=body.enrol_address,
        events_address=body.events_address,
        made_at_ns=body.made_at_ns,
    )


def is_reachable(address: str) -> bool:
    """Return whether a text has the form of a place that devices can come to: HOST:PORT or [IPV6]:PORT.

    Not of every address of a machine, nor of a path or a scheme, which gRPC would follow too.
    """
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65535):
        return False
    is_bracketed = host.startswith("[") and host.endswith("]")
    try:
        found = ipaddress.ip_address(host[1:-1] if is_bracketed else host)
    except ValueError:
        # A name that ends in a number is an IPv4 address with a typing error.
        return _NAME.fullmatch(host) is not None and not host.rstrip(".").rpartition(".")[2].isdigit()
    return not found.is_unspecified and is_bracketed == (found.version == 6)
