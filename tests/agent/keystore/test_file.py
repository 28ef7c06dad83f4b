# SPDX-License-Identifier: Apache-2.0
"""Tests of keys in protected files."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.keystore.file import FileKeyStore
from agent.keystore.request import REQUEST_FILE
from proto.keys import ED25519, to_verifier

STORE = FileKeyStore()


def test_both_keys_are_made_once(tmp_path: Path) -> None:
    """Asked again, the same keys are there; only their owner reads them."""
    STORE.make(tmp_path)
    first = STORE.load(tmp_path)
    STORE.make(tmp_path)
    again = STORE.load(tmp_path)
    assert (first.signer.public_key, first.tls_public_key) == (again.signer.public_key, again.tls_public_key)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_both_keys_sign(tmp_path: Path) -> None:
    """Evidence with Ed25519, and TLS with P-256, whose key a TLS library may have."""
    STORE.make(tmp_path)
    keys = STORE.load(tmp_path)
    assert (keys.store, keys.signer.algorithm) == ("file", ED25519)
    to_verifier(ED25519, keys.signer.public_key).verify(keys.signer.sign(b"evidence"), b"evidence")
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), keys.tls_public_key)
    public_key.verify(keys.sign_tls(b"handshake"), b"handshake", ec.ECDSA(hashes.SHA256()))
    assert keys.tls_key_pem is not None
    assert serialization.load_pem_private_key(keys.tls_key_pem, None).public_key() == public_key


@pytest.mark.parametrize("before", [None, b"", b"of another key"], ids=["none", "empty", "another"])
def test_the_request_is_made_once_for_its_key(tmp_path: Path, before: bytes | None) -> None:
    """What lies there is used again if it is for this key, and made anew if it is not."""
    STORE.make(tmp_path)
    if before is not None:
        (tmp_path / REQUEST_FILE).write_bytes(before)
    keys = STORE.load(tmp_path)
    made = keys.make_certificate_request()
    assert STORE.load(tmp_path).make_certificate_request() == made
    request = x509.load_der_x509_csr(made)
    assert request.is_signature_valid
    public_bytes = request.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    assert public_bytes == keys.tls_public_key
