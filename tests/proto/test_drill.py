# SPDX-License-Identifier: Apache-2.0
"""Tests of orders to drill: only the own collector's, for this device, and not for long."""

from typing import Any

import pytest

from proto.drill import NONCE_BYTES, sign_drill, verify_drill
from proto.errors import DrillError
from proto.keys import Ed25519Signer, to_verifier
from proto.wire import DrillOrder

COLLECTOR, STRANGER = Ed25519Signer.generate(), Ed25519Signer.generate()
VERIFIER = to_verifier(COLLECTOR.algorithm, COLLECTOR.public_key)
NONCE = bytes(range(NONCE_BYTES))


def make_order(signer: Ed25519Signer = COLLECTOR, **changes: Any) -> DrillOrder:
    """Return an order for the device `library-01`; `changes` are made after it was signed."""
    order = sign_drill(signer, device_id="library-01", nonce=NONCE, expires_at_ns=1000)
    for name, value in changes.items():
        setattr(order, name, value)
    return order


def verify(order: DrillOrder, now_ns: int = 1000) -> None:
    """Judge an order as that device does."""
    verify_drill(order, VERIFIER, device_id="library-01", now_ns=now_ns)


def test_an_order_is_taken_until_it_expires() -> None:
    """By the device that it names."""
    verify(make_order(), now_ns=0)
    verify(make_order(), now_ns=1000)
    with pytest.raises(DrillError, match="expired"):
        verify(make_order(), now_ns=1001)


def test_an_order_of_somebody_else_is_refused() -> None:
    """Neither a stranger's signature, nor none."""
    for order in (make_order(STRANGER), make_order(signature=b""), make_order(signature=bytes(64))):
        with pytest.raises(DrillError, match="not signed"):
            verify(order)


@pytest.mark.parametrize(
    "changes",
    [{"nonce": bytes(NONCE_BYTES)}, {"expires_at_ns": 2000}, {"expires_at_ns": -(2**63)}],
    ids=["another number", "longer", "long ago"],
)
def test_a_changed_order_is_refused(changes: dict[str, Any]) -> None:
    """Whatever is changed after it was signed."""
    with pytest.raises(DrillError, match="not signed"):
        verify(make_order(**changes))


@pytest.mark.parametrize("device_id", ["library-02", "", "library-01\x00", "x" * 100_000])
def test_an_order_for_another_device_is_refused(device_id: str) -> None:
    """However long its name is."""
    with pytest.raises(DrillError, match="for another device"):
        verify(make_order(device_id=device_id))


@pytest.mark.parametrize(
    "changes", [{"algorithm": ""}, {"algorithm": "none"}, {"nonce": b""}, {"nonce": bytes(17)}, {"nonce": bytes(2**20)}]
)
def test_an_order_of_another_form_is_refused(changes: dict[str, Any]) -> None:
    """Another algorithm than the collector's key has, or a number of another length."""
    with pytest.raises(DrillError, match="not one that we know"):
        verify(make_order(**changes))


def test_a_number_cannot_be_moved_into_the_name() -> None:
    """Name and number are signed apart: the same bytes in a row make another order."""
    order = sign_drill(COLLECTOR, device_id="library-0", nonce=NONCE, expires_at_ns=1000)
    moved = DrillOrder(
        device_id="library-01",
        nonce=NONCE,
        expires_at_ns=1000,
        algorithm=order.algorithm,
        signature=order.signature,
    )
    with pytest.raises(DrillError, match="not signed"):
        verify(moved)
