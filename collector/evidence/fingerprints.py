# SPDX-License-Identifier: Apache-2.0
"""The fingerprints of all keys that evidence rests on: the SHA-256 of a public key, of a CA of its certificate.

Whoever keeps them elsewhere from the start can tell later whether evidence was made anew with other keys.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Engine, select

from collector.authority import load_authority
from collector.config import Config
from collector.store.engine import reading
from collector.store.schema import device_keys, devices
from proto.keys import load_signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """One key's."""

    of: str
    """collector, authority or device"""
    id: str
    """Of the device; empty for the others."""
    hostname: str
    """As the device calls itself."""
    fingerprint: str
    """64 hexadecimal digits."""


def list_fingerprints(engine: Engine, config: Config) -> list[Fingerprint]:
    """Return the fingerprints of the collector's signing key, of its CA, and of every device's evidence key.

    Raises:
        StoreError: the database does not answer.
        SignatureError: the collector's signing key cannot be loaded.
        UsageError: its CA cannot be loaded.
    """
    query = (
        select(devices.c.device_id, devices.c.hostname, device_keys.c.public_key)
        .join_from(devices, device_keys, device_keys.c.device_id == devices.c.device_id)
        .where(devices.c.school_id == config.school_id)
        .order_by(devices.c.hostname, devices.c.device_id)
    )
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    own = load_signer(config.signing_key).public_key
    authority = load_authority(config.authority_folder).certificate_der
    return [
        Fingerprint(of="collector", id="", hostname="", fingerprint=_to_fingerprint(own)),
        Fingerprint(of="authority", id="", hostname="", fingerprint=_to_fingerprint(authority)),
        *(
            Fingerprint(
                of="device", id=row.device_id, hostname=row.hostname, fingerprint=_to_fingerprint(row.public_key)
            )
            for row in rows
        ),
    ]


def _to_fingerprint(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()
