# SPDX-License-Identifier: Apache-2.0
"""The folder of the CAs: the first is made by `init`, the next by a rotation, the oldest goes when nobody needs it.

    ca.key ca.crt                               the first CA
    ca-2.key ca-2.crt ca-2.cross.crt            the next; the CA before it vouches for it in ca-2.cross.crt

The highest number with a `.crt` issues. That file is written last, so that a rotation is done at once or not at all.
It asks nobody whether a CA may go: `enrolment.rotation` does.
"""

import re
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from collector.authority.issuing import Authorities, Authority, key_to_pem, sign_authority, to_pem
from collector.errors import UsageError
from proto.files import sync_folder, write_private

MAX_AUTHORITIES = 8
"""As many as a statement of trust may name."""
RESTORE = "restore authority/ from a backup: devices trust only it"
_CERTIFICATE_NAME = re.compile(r"ca(?:-([1-9][0-9]{0,5}))?\.crt")


def make_authority(folder: Path) -> None:
    """Make the first CA in a folder."""
    _write_authority(folder, 1, ec.generate_private_key(ec.SECP256R1()))


def rotate_authority(folder: Path) -> Authorities:
    """Make a new CA that issues from now on; the one before it vouches for it, and its key is destroyed.

    Raises:
        UsageError: the CA cannot be loaded, or there are as many as devices can be told of.
    """
    before = load_authorities(folder)
    if len(before.certificates_der) >= MAX_AUTHORITIES:
        raise UsageError(
            f"there are {MAX_AUTHORITIES} CAs already, and devices take no more",
            hint="schoolwarden-collector authority retire",
        )
    numbers = _list_numbers(folder)
    number, key = numbers[-1] + 1, ec.generate_private_key(ec.SECP256R1())
    cross = sign_authority(key.public_key(), _name_of(number), before.current.key, _name_of(numbers[-1]))
    write_private(folder / f"{_stem(number)}.cross.crt", to_pem(cross))
    _write_authority(folder, number, key)
    # They can issue nothing any more: to trust them on is a risk only where somebody has a copy of a key.
    for former in numbers:
        (folder / f"{_stem(former)}.key").unlink(missing_ok=True)
    sync_folder(folder)
    return load_authorities(folder)


def retire_authority(folder: Path) -> x509.Certificate:
    """Drop the oldest of the former CAs and return its certificate; whether anybody needs it the caller has asked.

    Raises:
        UsageError: the CAs cannot be loaded, or none is a former one.
    """
    authorities = load_authorities(folder)
    if not authorities.former:
        raise UsageError("there is no former CA", hint="make a new one first: schoolwarden-collector authority rotate")
    oldest, following = _list_numbers(folder)[:2]
    # In this order: whatever ends us here, what is left can be loaded.
    for name in (f"{_stem(oldest)}.crt", f"{_stem(following)}.cross.crt", f"{_stem(oldest)}.key"):
        (folder / name).unlink(missing_ok=True)
    sync_folder(folder)
    return authorities.former[-1]


def load_authority(folder: Path) -> Authority:
    """Load the CA of a folder that issues now.

    Raises:
        UsageError: it is not there or not readable.
    """
    return load_authorities(folder).current


def load_authorities(folder: Path) -> Authorities:
    """Load all the CAs of a folder.

    Raises:
        UsageError: one is not there or not readable.
    """
    try:
        numbers = _list_numbers(folder) or [1]
        certificates = [_load_certificate(folder / f"{_stem(number)}.crt") for number in numbers]
        key = serialization.load_pem_private_key((folder / f"{_stem(numbers[-1])}.key").read_bytes(), password=None)
        crosses = [_load_certificate(folder / f"{_stem(number)}.cross.crt") for number in numbers[1:]]
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(f"the CA in {folder} cannot be loaded: {error}", hint=RESTORE) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UsageError(f"the CA key in {folder} is not a P-256 key", hint=RESTORE)
    if key.public_key() != certificates[-1].public_key():
        raise UsageError(f"the CA's key and certificate in {folder} do not belong together", hint=RESTORE)
    for cross, former, following in zip(crosses, certificates, certificates[1:], strict=False):
        try:
            cross.verify_directly_issued_by(former)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise UsageError(f"the CAs in {folder} do not belong together", hint=RESTORE) from error
        if cross.public_key() != following.public_key():
            raise UsageError(f"the CAs in {folder} do not belong together", hint=RESTORE)
    return Authorities(Authority(key, certificates[-1]), tuple(reversed(certificates[:-1])), tuple(reversed(crosses)))


class AuthorityFolder:
    """The CAs of a folder as they are at each moment, for a collector that goes on while one is made or dropped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = _list_numbers(folder)
        self._loaded = load_authorities(folder)

    def __call__(self) -> Authorities:
        """Return the CAs; the same object as long as nothing has changed."""
        seen = _list_numbers(self._folder)
        if seen and seen != self._seen:
            try:
                # Seen before loaded: what changes meanwhile is loaded at the next call.
                self._loaded, self._seen = load_authorities(self._folder), seen
            except UsageError:
                # Files were dropped while we read, or are damaged: what was loaded is still good.
                return self._loaded
        return self._loaded


def _write_authority(folder: Path, number: int, key: ec.EllipticCurvePrivateKey) -> None:
    name = _name_of(number)
    write_private(folder / f"{_stem(number)}.key", key_to_pem(key))
    write_private(folder / f"{_stem(number)}.crt", to_pem(sign_authority(key.public_key(), name, key, name)))


def _load_certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _list_numbers(folder: Path) -> list[int]:
    """Return the numbers of the CAs of a folder, oldest first."""
    if not folder.is_dir():
        return []
    found = (_CERTIFICATE_NAME.fullmatch(each.name) for each in folder.iterdir())
    return sorted(int(each[1] or 1) for each in found if each)


def _stem(number: int) -> str:
    return "ca" if number == 1 else f"ca-{number}"


def _name_of(number: int) -> str:
    """Return the name that a CA has in certificates: each another, or libraries take one for the other.

    Short, because it is in every token; a school may run several collectors, so it says nothing.
    """
    return "Schoolwarden" if number == 1 else f"Schoolwarden {number}"
