# SPDX-License-Identifier: Apache-2.0
"""What was published: every version as it was signed, and which of them each device gets.

Versions only go up. It publishes nothing (`policies`) and verifies nothing: whoever uses a bundle does.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from collector import rollouts
from collector.rollouts import Rollout
from collector.store.engine import reading
from collector.store.schema import bundles
from proto.wire import Bundle


@dataclass(frozen=True, slots=True)
class Publication:
    """A bundle as it was published."""

    version: int
    made_at_ns: int
    made_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """Which bundle each device gets."""

    common: Bundle
    """What everybody has, or all but the share while a roll-out is under way."""
    staged: Bundle | None = None
    rollout: Rollout | None = None

    @property
    def newest_version(self) -> int:
        """The newest version that any device gets."""
        return max(self.common.version, self.staged.version if self.staged else 0)

    def find_for(self, device_id: str) -> Bundle:
        """Return the bundle of a device."""
        return self.staged if self.staged and self.is_staged_for(device_id) else self.common

    def is_staged_for(self, device_id: str) -> bool:
        """Return whether a device is in the share of a roll-out."""
        return self.rollout is not None and self.rollout.includes(device_id)


def find_bundle(engine: Engine, school_id: str, *, newer_than: int = 0) -> Bundle | None:
    """Return the newest bundle, or None if none is newer than the given version."""
    query = (
        select(bundles)
        .where(bundles.c.school_id == school_id, bundles.c.version > newer_than)
        .order_by(bundles.c.version.desc())
        .limit(1)
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
    return _to_bundle(row) if row else None


def find_version(connection: Connection, school_id: str, version: int) -> Bundle | None:
    """Return the bundle of one version, or None when there was none."""
    query = select(bundles).where(bundles.c.school_id == school_id, bundles.c.version == version)
    row = connection.execute(query).first()
    return _to_bundle(row) if row else None


def find_distribution(engine: Engine, school_id: str, *, known: Distribution | None = None) -> Distribution | None:
    """Return which bundle each device gets; None if that is still as it was known, or nothing was ever published."""
    with reading(engine) as connection:
        rollout = rollouts.find_rollout(connection, school_id)
        common_version = rollouts.find_common_version(connection, school_id)
        if known is not None and (known.common.version, known.rollout) == (common_version, rollout):
            return None
        common = find_version(connection, school_id, common_version)
        if common is None:
            return None
        if rollout is None or rollout.is_waiting:
            return Distribution(common, None, rollout)
        return Distribution(common, find_version(connection, school_id, rollout.newest_version), rollout)


def list_publications(engine: Engine, school_id: str) -> list[Publication]:
    """Return every version that was published, newest first."""
    # Not the bodies: each holds all rules.
    query = (
        select(bundles.c.version, bundles.c.made_at_ns, bundles.c.made_by, bundles.c.reason)
        .where(bundles.c.school_id == school_id)
        .order_by(bundles.c.version.desc())
    )
    with reading(engine) as connection:
        return [Publication(row.version, row.made_at_ns, row.made_by, row.reason) for row in connection.execute(query)]


def _to_bundle(row: Row[Any]) -> Bundle:
    return Bundle(version=row.version, body=row.body, algorithm=row.algorithm, signature=row.signature)
