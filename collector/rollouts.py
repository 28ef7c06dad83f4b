# SPDX-License-Identifier: Apache-2.0
"""A policy that only a share of the devices gets at first: which devices those are, and how far it is.

Whoever stages says it before the change: from then on each version that is published goes to the share, until it is
given to everywhere or taken back. The other devices keep the newest version that everybody has; what is taken back of
pauses and registers reaches them too, as a version of their own (`policies.publish_registers`). It publishes nothing
(`policies`) and pushes nothing (`rounds`).
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Engine, func, insert, select, update

from collector.audit import record
from collector.errors import UsageError
from collector.store.engine import reading, take_turns, writing
from collector.store.schema import bundles, rollouts


class RolloutState(StrEnum):
    """How far a version is."""

    STAGED = "staged"
    COMPLETE = "complete"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A roll-out that is under way."""

    first_version: int
    """With which it began, or will begin; it decides which devices are in the share."""
    newest_version: int
    """The newest that is published; before the first one, that which everybody has."""
    share: int
    """Per cent of devices."""
    changed_at_ns: int
    changed_by: str

    @property
    def is_waiting(self) -> bool:
        """Whether nothing was published since it was staged."""
        return self.newest_version < self.first_version

    def includes(self, device_id: str) -> bool:
        """Return whether a device is in the share."""
        return not self.is_waiting and is_in_share(self.first_version, device_id, self.share)


def is_in_share(version: int, device_id: str, share: int) -> bool:
    """Return whether a device is among those that get a version first. A larger share holds all of a smaller one."""
    digest = hashlib.sha256(f"{version}{device_id}".encode()).digest()
    return int.from_bytes(digest, "big") % 100 < share


def find_rollout(connection: Connection, school_id: str) -> Rollout | None:
    """Return the roll-out that is under way, or None."""
    table = rollouts.c
    query = select(rollouts).where(table.school_id == school_id, table.state == RolloutState.STAGED)
    rows = connection.execute(query.order_by(table.version)).all()
    if not rows:
        return None
    return Rollout(
        first_version=rows[0].version,
        newest_version=find_newest_version(connection, school_id),
        share=rows[-1].share,
        changed_at_ns=rows[-1].changed_at_ns,
        changed_by=rows[-1].changed_by,
    )


def load_rollout(engine: Engine, school_id: str) -> Rollout | None:
    """Return the roll-out that is under way, or None."""
    with reading(engine) as connection:
        return find_rollout(connection, school_id)


def find_newest_version(connection: Connection, school_id: str) -> int:
    """Return the newest version that was published, to everybody or not; 0 for none."""
    query = select(func.max(bundles.c.version)).where(bundles.c.school_id == school_id)
    return connection.execute(query).scalar() or 0


def find_common_version(connection: Connection, school_id: str, *, older_than: int | None = None) -> int:
    """Return the newest version that everybody gets, or got before another one; 0 for none."""
    kept = select(rollouts.c.version).where(
        rollouts.c.school_id == school_id, rollouts.c.state != RolloutState.COMPLETE.value
    )
    query = select(func.max(bundles.c.version)).where(bundles.c.school_id == school_id, bundles.c.version.not_in(kept))
    if older_than is not None:
        query = query.where(bundles.c.version < older_than)
    return connection.execute(query).scalar() or 0


def stage(engine: Engine, school_id: str, share: int, *, actor: str, now_ns: int) -> Rollout:
    """Let what is published next go to a share of the devices only.

    Raises:
        UsageError: that is no share, or a roll-out is under way already.
    """
    _verify_share(share)
    with writing(engine) as connection:
        take_turns(connection, f"policy {school_id}")
        if find_rollout(connection, school_id) is not None:
            raise UsageError(
                "a roll-out is under way already",
                hint="change its share, or end it: policy share, policy everywhere, policy back",
            )
        version = find_newest_version(connection, school_id) + 1
        _put(connection, school_id, version, share, RolloutState.STAGED, actor=actor, now_ns=now_ns)
        detail = f"what is published next goes to {share} % of the devices"
        _record(connection, school_id, "rollout.staged", version, detail, actor=actor, now_ns=now_ns)
        return _find_existing(connection, school_id)


def change_share(engine: Engine, school_id: str, share: int, *, actor: str, now_ns: int) -> Rollout:
    """Give a roll-out to another share. Devices that have it and fall out keep it until a newer version comes.

    Raises:
        UsageError: that is no share, or no roll-out is under way.
    """
    _verify_share(share)
    with writing(engine) as connection:
        take_turns(connection, f"policy {school_id}")
        before = _find_existing(connection, school_id)
        _change(connection, school_id, {"share": share}, actor=actor, now_ns=now_ns)
        detail = f"{share} % of the devices instead of {before.share} %"
        _record(connection, school_id, "rollout.changed", before.first_version, detail, actor=actor, now_ns=now_ns)
        return _find_existing(connection, school_id)


def give_everywhere(engine: Engine, school_id: str, *, actor: str, now_ns: int) -> int:
    """End a roll-out by giving its newest version to every device; return that version.

    Raises:
        UsageError: no roll-out is under way.
    """
    with writing(engine) as connection:
        take_turns(connection, f"policy {school_id}")
        before = _find_existing(connection, school_id)
        values = {"state": RolloutState.COMPLETE.value, "share": 100}
        _change(connection, school_id, values, actor=actor, now_ns=now_ns)
        _record(connection, school_id, "rollout.completed", before.newest_version, "", actor=actor, now_ns=now_ns)
        return before.newest_version


def withdraw_rollout(connection: Connection, school_id: str, *, actor: str, now_ns: int, reason: str = "") -> bool:
    """End a roll-out without giving it to anybody else, in the transaction that publishes what was before; return
    whether one was under way."""
    before = find_rollout(connection, school_id)
    if before is None:
        return False
    _change(connection, school_id, {"state": RolloutState.WITHDRAWN.value}, actor=actor, now_ns=now_ns)
    _record(connection, school_id, "rollout.withdrawn", before.first_version, reason, actor=actor, now_ns=now_ns)
    return True


def note_version(
    connection: Connection, school_id: str, version: int, *, actor: str, now_ns: int, to_everybody: bool = False
) -> None:
    """Note a version that is being published: while a roll-out is under way, it goes to the share as well.

    One that is `to_everybody` even then is what all others have from now on; a roll-out that waits begins after it.
    """
    rollout = find_rollout(connection, school_id)
    if rollout is None or to_everybody:
        if rollout is not None and rollout.first_version == version:
            _put(connection, school_id, version + 1, rollout.share, RolloutState.STAGED, actor=actor, now_ns=now_ns)
        # Else one that was staged and taken back before anything was published.
        _forget(connection, school_id, version)
    elif version != rollout.first_version:
        _put(connection, school_id, version, rollout.share, RolloutState.STAGED, actor=actor, now_ns=now_ns)


def _find_existing(connection: Connection, school_id: str) -> Rollout:
    rollout = find_rollout(connection, school_id)
    if rollout is None:
        raise UsageError("no roll-out is under way", hint="begin one: schoolwarden-collector policy stage --share 10")
    return rollout


def _verify_share(share: int) -> None:
    if not 1 <= share <= 99:
        raise UsageError(f"{share} % is no share of the devices", hint="1 to 99; for all: policy everywhere")


def _put(
    connection: Connection, school_id: str, version: int, share: int, state: RolloutState, *, actor: str, now_ns: int
) -> None:
    _forget(connection, school_id, version)
    row = {"school_id": school_id, "version": version, "share": share, "state": state.value}
    connection.execute(insert(rollouts).values(row | {"changed_at_ns": now_ns, "changed_by": actor}))


def _forget(connection: Connection, school_id: str, version: int) -> None:
    connection.execute(rollouts.delete().where(rollouts.c.school_id == school_id, rollouts.c.version == version))


def _change(connection: Connection, school_id: str, values: dict[str, object], *, actor: str, now_ns: int) -> None:
    connection.execute(
        update(rollouts)
        .where(rollouts.c.school_id == school_id, rollouts.c.state == RolloutState.STAGED)
        .values(values | {"changed_at_ns": now_ns, "changed_by": actor})
    )


def _record(
    connection: Connection, school_id: str, action: str, version: int, detail: str, *, actor: str, now_ns: int
) -> None:
    subject = f"policy/{version}"
    record(connection, school_id, actor=actor, action=action, subject=subject, detail=detail, now_ns=now_ns)
