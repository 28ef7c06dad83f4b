# SPDX-License-Identifier: Apache-2.0
"""Which policy is in force: a shipped pack, the school's own rule files, its allow list and its register of USB
devices, signed as one bundle.

Versions only go up. The rules themselves, and what a bundle is, are in `rules`.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, insert, select

from collector import approved_media
from collector.approved_media import RULE_FILE, MediumKey, list_approved_media, write_rule_files
from collector.audit import record
from collector.config import Config
from collector.errors import StoreError, UsageError
from collector.proposals import list_approved, withdraw_program
from collector.store.engine import reading, take_turns, writing
from collector.store.schema import bundles, rule_files
from proto.keys import Signer, load_signer, to_verifier
from proto.wire import Bundle
from rules.bundle import make_bundle, open_bundle
from rules.check import check_files
from rules.load import load_pack
from rules.model import Policy

PACK = "uk-baseline"


@dataclass(frozen=True, slots=True)
class Publication:
    """A bundle as it was published."""

    version: int
    made_at_ns: int
    made_by: str
    reason: str


def publish(engine: Engine, school_id: str, signer: Signer, *, actor: str, reason: str, now_ns: int) -> int:
    """Sign what is in force now as a new version and return the version; connected devices get it within seconds.

    Raises:
        UsageError: the rules do not pass their own tests. The version in force stays.
    """
    with writing(engine) as connection:
        return _publish(connection, school_id, signer, actor=actor, reason=reason, now_ns=now_ns)


def add_rule_file(
    engine: Engine, school_id: str, signer: Signer, *, name: str, text: str, actor: str, now_ns: int
) -> int:
    """Add or replace one of the school's own rule files, if the whole policy is still sound with it, and publish.

    Raises:
        UsageError: it is not sound, or its name is that of the register; nothing was changed.
    """
    if name.startswith(RULE_FILE):
        raise UsageError(f"{name} is the name of the register of USB devices", hint="give the file another name")
    with writing(engine) as connection:
        connection.execute(rule_files.delete().where(rule_files.c.school_id == school_id, rule_files.c.name == name))
        connection.execute(
            insert(rule_files).values(school_id=school_id, name=name, text=text, added_at_ns=now_ns, added_by=actor)
        )
        return _publish(connection, school_id, signer, actor=actor, reason=f"rule file {name}", now_ns=now_ns)


def remove_allowed(engine: Engine, school_id: str, signer: Signer, *, name: str, actor: str, now_ns: int) -> int:
    """Take a program off the allow list and publish; return the policy's new version.

    Raises:
        UsageError: it is not on the list; nothing was changed.
    """
    with writing(engine) as connection:
        # Before the audit log's lock, as everywhere: two who take them in different orders wait for each other.
        take_turns(connection, f"policy {school_id}")
        withdraw_program(connection, school_id, name, actor=actor, now_ns=now_ns)
        return _publish(connection, school_id, signer, actor=actor, reason=f"{name} is not allowed", now_ns=now_ns)


def approve_medium(
    engine: Engine, school_id: str, signer: Signer, key: MediumKey, *, note: str, until: str, actor: str, now_ns: int
) -> int:
    """Put a USB device into the register and publish; return the policy's new version.

    Raises:
        UsageError: it cannot be in the register as it is told; nothing was changed.
    """
    with writing(engine) as connection:
        take_turns(connection, f"policy {school_id}")
        approved_media.put_in_register(connection, school_id, key, note=note, until=until, actor=actor, now_ns=now_ns)
        return _publish(connection, school_id, signer, actor=actor, reason=f"USB device {key}", now_ns=now_ns)


def withdraw_medium(engine: Engine, school_id: str, signer: Signer, key: MediumKey, *, actor: str, now_ns: int) -> int:
    """Take a USB device out of the register and publish; return the policy's new version.

    Raises:
        UsageError: it is not there; nothing was changed.
    """
    with writing(engine) as connection:
        take_turns(connection, f"policy {school_id}")
        approved_media.take_from_register(connection, school_id, key, actor=actor, now_ns=now_ns)
        return _publish(connection, school_id, signer, actor=actor, reason=f"USB device {key} withdrawn", now_ns=now_ns)


def _publish(connection: Connection, school_id: str, signer: Signer, *, actor: str, reason: str, now_ns: int) -> int:
    # One at a time, and what goes in is read inside: a newer version never holds less than an older one.
    take_turns(connection, f"policy {school_id}")
    files = _load_files(connection, school_id)
    problems = check_files(files)
    if problems:
        first = problems[0]
        place = f"{first.file}, rule {first.rule}" if first.rule else first.file
        raise UsageError(f"{place}: {first.what}", hint=first.hint or "run: schoolwarden-collector rules check")
    newest = connection.execute(select(func.max(bundles.c.version)).where(bundles.c.school_id == school_id)).scalar()
    version = (newest or 0) + 1
    bundle = make_bundle(
        signer,
        school_id=school_id,
        version=version,
        files=files,
        approved=list_approved(connection, school_id),
        made_at_ns=now_ns,
    )
    connection.execute(
        insert(bundles).values(
            school_id=school_id,
            version=version,
            made_at_ns=now_ns,
            made_by=actor,
            reason=reason,
            body=bundle.body,
            algorithm=bundle.algorithm,
            signature=bundle.signature,
        )
    )
    record(
        connection,
        school_id,
        actor=actor,
        action="policy.published",
        subject=f"policy/{version}",
        detail=reason,
        now_ns=now_ns,
    )
    return version


def _load_files(connection: Connection, school_id: str) -> dict[str, str]:
    """Return the rule files of the next bundle: the pack's, the school's own and its register of USB devices."""
    rows = connection.execute(select(rule_files).where(rule_files.c.school_id == school_id))
    own = {row.name: row.text for row in rows} | write_rule_files(list_approved_media(connection, school_id))
    return load_pack(PACK) | {f"school/{name}": text for name, text in own.items()}


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
    if row is None:
        return None
    return Bundle(version=row.version, body=row.body, algorithm=row.algorithm, signature=row.signature)


def load_policy(engine: Engine, config: Config) -> Policy:
    """Return the policy in force, after checking our own signature on it.

    Raises:
        StoreError: there is none.
        BundleError: somebody changed it in the database.
    """
    bundle = find_bundle(engine, config.school_id)
    if bundle is None:
        raise StoreError("no policy was ever published", hint="the database was not made by init: restore a backup")
    return open_own_bundle(bundle, config)


def open_own_bundle(bundle: Bundle, config: Config) -> Policy:
    """Return the policy in a bundle of ours.

    Raises:
        BundleError: it is not ours.
    """
    signer = load_signer(config.signing_key)
    return open_bundle(bundle, to_verifier(signer.algorithm, signer.public_key), school_id=config.school_id)


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
