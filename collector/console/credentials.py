# SPDX-License-Identifier: Apache-2.0
"""With what a device speaks, for people to read. What verifies its envelopes is in `collector.devices`."""

from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from collector.store.engine import reading
from collector.store.schema import certificates, device_keys


@dataclass(frozen=True, slots=True)
class Credentials:
    """A device's key and certificate."""

    algorithm: str
    """Of its evidence key; empty for a device without one."""
    certificate_expires_at_ns: int | None
    """Of its newest certificate; None when none is noted."""


def load_credentials(engine: Engine, school_id: str, device_id: str) -> Credentials:
    """Return with what a device speaks.

    Raises:
        StoreError: the database does not answer.
    """
    algorithm = (
        select(device_keys.c.algorithm)
        .where(device_keys.c.school_id == school_id, device_keys.c.device_id == device_id)
        .order_by(device_keys.c.made_at_ns.desc())
        .limit(1)
    )
    expires_at_ns = select(func.max(certificates.c.expires_at_ns)).where(
        certificates.c.school_id == school_id, certificates.c.device_id == device_id
    )
    with reading(engine) as connection:
        return Credentials(connection.execute(algorithm).scalar() or "", connection.execute(expires_at_ns).scalar())
