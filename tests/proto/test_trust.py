# SPDX-License-Identifier: Apache-2.0
"""Tests of statements of trust: our collector's own, for this school, and none that leaves nobody to trust."""

from dataclasses import replace
from typing import Any

import pytest

from proto.errors import MalformedError, SignatureError
from proto.keys import Ed25519Signer, to_verifier
from proto.trust import DOMAIN, MAX_AUTHORITIES, Trust, open_trust, sign_trust
from proto.wire import SignedTrust, TrustBody

COLLECTOR, STRANGER = Ed25519Signer.generate(), Ed25519Signer.generate()
VERIFIER = to_verifier(COLLECTOR.algorithm, COLLECTOR.public_key)
TRUST = Trust(
    version=3,
    school_id="0123456789abcdef",
    ca_certificates=(b"new", b"old"),
    enrol_address="collector:7402",
    events_address="collector:7401",
    made_at_ns=1_700_000_000_000_000_000,
)


NO_ADDRESSES = (
    "",
    "collector",
    ":7401",
    "collector:",
    "collector:0",
    "collector:65536",
    "collector:74x1",
    "collector:٧٤",
    "collector :7401",
    "collector,7401",
    "http://collector:7401",
    "dns:///collector:7401",
    "unix:/run/collector:7401",
    "-collector:7401",
    "collector..school:7401",
    "c" * 254 + ":7401",
    "192.0.2.300:7401",
    "0.0.0.0:7401",
    "[::]:7401",
    "2001:db8::7:7401",
    "[collector]:7401",
)


def open_here(signed: SignedTrust) -> Trust:
    """Open a statement as a device of that school does."""
    return open_trust(signed, VERIFIER, school_id=TRUST.school_id)


def sign_body(**changes: Any) -> SignedTrust:
    """Return a statement that our collector signed, however wrong."""
    body = TrustBody.FromString(sign_trust(COLLECTOR, TRUST).body)
    for name, value in changes.items():
        body.ClearField(name)
        if isinstance(value, list):
            getattr(body, name).extend(value)
        else:
            setattr(body, name, value)
    raw = body.SerializeToString()
    return SignedTrust(body=raw, algorithm=COLLECTOR.algorithm, signature=COLLECTOR.sign(DOMAIN + raw))


def test_what_was_signed_is_read() -> None:
    """Every field comes back."""
    assert open_here(sign_trust(COLLECTOR, TRUST)) == TRUST


def test_nobody_else_can_say_whom_to_trust() -> None:
    """A stranger's signature, another body under ours, another algorithm and none are refused."""
    ours = sign_trust(COLLECTOR, TRUST)
    other = sign_trust(COLLECTOR, replace(TRUST, ca_certificates=(b"mine",)))
    for signed in (
        sign_trust(STRANGER, TRUST),
        SignedTrust(body=other.body, algorithm=ours.algorithm, signature=ours.signature),
        SignedTrust(body=ours.body, algorithm="ecdsa-p256-sha256", signature=ours.signature),
        SignedTrust(),
    ):
        with pytest.raises(SignatureError):
            open_here(signed)


@pytest.mark.parametrize(
    "changes",
    [
        {"school_id": "fedcba9876543210"},
        {"ca_certificates": []},
        {"ca_certificates": [b"ca"] * (MAX_AUTHORITIES + 1)},
        *({name: address} for name in ("enrol_address", "events_address") for address in NO_ADDRESSES),
    ],
    ids=str,
)
def test_a_statement_that_cannot_be_lived_with_is_refused(changes: dict[str, Any]) -> None:
    """Our own signature does not make it good."""
    with pytest.raises(MalformedError):
        open_here(sign_body(**changes))


@pytest.mark.parametrize(
    "address",
    ["collector:1", "collector.our.school:65535", "collector.our.school.:7401", "192.0.2.7:7401", "[2001:db8::7]:7401"],
)
def test_every_way_to_write_an_address_is_taken(address: str) -> None:
    """A name, an IPv4 or an IPv6 address, and a port."""
    trust = replace(TRUST, enrol_address=address, events_address=address)
    assert open_here(sign_trust(COLLECTOR, trust)) == trust


@pytest.mark.parametrize("name", ["enrol_address", "events_address"])
@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_none_is_made_with_what_is_no_address(name: str, address: str) -> None:
    """A typing error is found before any device hears of it."""
    with pytest.raises(ValueError, match="no address that devices can reach"):
        sign_trust(COLLECTOR, replace(TRUST, **{name: address}))  # type: ignore[arg-type]


def test_none_is_made_without_a_ca() -> None:
    """The mistake is found where it is made."""
    with pytest.raises(ValueError):
        sign_trust(COLLECTOR, replace(TRUST, ca_certificates=()))
