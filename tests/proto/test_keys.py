# SPDX-License-Identifier: Apache-2.0
"""Tests of the keys that sign and verify."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.errors import SignatureError
from proto.keys import ED25519, P256, Ed25519Signer, Signer, load_signer, to_verifier
from tests.proto.device import FixedP256Signer, make_ed25519_signer

SIGNERS: list[Signer] = [make_ed25519_signer(), FixedP256Signer()]
P = 2**255 - 19
SMALL_ORDER_Y = (
    0,
    1,
    P - 1,
    P,
    P + 1,
    int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
    int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
)


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm)
def test_what_was_signed_verifies(signer: Signer) -> None:
    """A signature verifies over its message with its public key."""
    to_verifier(signer.algorithm, signer.public_key).verify(signer.sign(b"message"), b"message")


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_one_byte_changed_never_verifies(signer: Signer, data: st.DataObject) -> None:
    """Any other byte in message or signature is refused."""
    message, signature = bytearray(b"a message of some length"), bytearray(signer.sign(b"a message of some length"))
    changed = data.draw(st.sampled_from([message, signature]))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SignatureError):
        to_verifier(signer.algorithm, signer.public_key).verify(bytes(signature), bytes(message))


@pytest.mark.parametrize("algorithm", [ED25519, P256, "", "ED25519", "rot13", "a" * 10_000])
@settings(deadline=None, max_examples=60)
@given(key=st.binary(max_size=80), signature=st.binary(max_size=80))
def test_garbage_ends_in_our_own_error(algorithm: str, key: bytes, signature: bytes) -> None:
    """Random algorithms, keys and signatures never verify, and never crash."""
    with pytest.raises(SignatureError) as caught:
        to_verifier(algorithm, key).verify(signature, b"message")
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("name", ["zero", "cut", "compressed prefix"])
def test_a_point_off_the_curve_is_no_key(name: str) -> None:
    """A P-256 key that is no point is refused."""
    good = FixedP256Signer().public_key
    bad = {"zero": b"\x04" + bytes(64), "cut": good[:-1], "compressed prefix": b"\x02" + good[1:]}[name]
    with pytest.raises(SignatureError, match="not a public key"):
        to_verifier(P256, bad)


@pytest.mark.parametrize("y", SMALL_ORDER_Y)
@pytest.mark.parametrize("sign", [0, 1])
def test_nobodys_key_is_refused(y: int, sign: int) -> None:
    """A point of small order, for which anybody can sign anything, is no public key."""
    with pytest.raises(SignatureError, match="not a public key"):
        to_verifier(ED25519, (y | sign << 255).to_bytes(32, "little"))


def test_keys_are_new_each_time() -> None:
    """Two new keys are two keys."""
    assert Ed25519Signer.generate().public_key != Ed25519Signer.generate().public_key


def test_a_key_comes_back_from_its_file(tmp_path: Path) -> None:
    """What `to_pem` returned is the same key when it is loaded."""
    signer = make_ed25519_signer()
    (tmp_path / "evidence.key").write_bytes(signer.to_pem())
    assert load_signer(tmp_path / "evidence.key").public_key == signer.public_key


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_file_is_no_key(tmp_path: Path, content: bytes) -> None:
    """A file without a key is refused, by name."""
    (tmp_path / "evidence.key").write_bytes(content)
    with pytest.raises(SignatureError, match=r"evidence\.key holds no private key"):
        load_signer(tmp_path / "evidence.key")


def test_a_locked_key_is_refused(tmp_path: Path) -> None:
    """A key under a passphrase is refused, for nobody is there to type it."""
    key = ec.generate_private_key(ec.SECP256R1())
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    (tmp_path / "evidence.key").write_bytes(locked)
    with pytest.raises(SignatureError):
        load_signer(tmp_path / "evidence.key")


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    """A P-256 key in the place of an Ed25519 key is named as what it is."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "evidence.key").write_bytes(pem)
    with pytest.raises(SignatureError, match="another kind of key"):
        load_signer(tmp_path / "evidence.key")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    """A key file that is not there is the system's own error, so that callers can tell it from a damaged one."""
    with pytest.raises(FileNotFoundError):
        load_signer(tmp_path / "evidence.key")
