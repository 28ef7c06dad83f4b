# SPDX-License-Identifier: Apache-2.0
"""An order to drill: a device is asked to take a fixed phrase through its real matcher and to seal what comes of it.

Signed by the collector for one device and a short time. What it brings about is marked as a drill in its signed
header, and an order holds nothing that a device would type, run or show: it is a number to give back.
"""

import struct

from proto.errors import DrillError, SignatureError
from proto.keys import Signer, Verifier
from proto.wire import DrillOrder

DOMAIN = b"schoolwarden drill\x00"
NONCE_BYTES = 16


def sign_drill(signer: Signer, *, device_id: str, nonce: bytes, expires_at_ns: int) -> DrillOrder:
    """Return a signed order for one device."""
    return DrillOrder(
        device_id=device_id,
        nonce=nonce,
        expires_at_ns=expires_at_ns,
        algorithm=signer.algorithm,
        signature=signer.sign(_signed_bytes(device_id, nonce, expires_at_ns)),
    )


def verify_drill(order: DrillOrder, verifier: Verifier, *, device_id: str, now_ns: int) -> None:
    """Return if the order is our collector's, for this device, and still good. The caller answers a nonce once.

    Raises:
        DrillError: it is not.
    """
    if order.algorithm != verifier.algorithm or len(order.nonce) != NONCE_BYTES:
        raise DrillError("the order to drill is not one that we know")
    # Ours has a length that can be signed; another's need not.
    if order.device_id != device_id:
        raise DrillError("the order to drill is for another device")
    try:
        verifier.verify(order.signature, _signed_bytes(order.device_id, order.nonce, order.expires_at_ns))
    except SignatureError as error:
        raise DrillError("the order to drill is not signed by this device's collector") from error
    if now_ns > order.expires_at_ns:
        raise DrillError("the order to drill has expired")


def _signed_bytes(device_id: str, nonce: bytes, expires_at_ns: int) -> bytes:
    device = device_id.encode()
    return DOMAIN + struct.pack(">H", len(device)) + device + nonce + struct.pack(">q", expires_at_ns)
