# SPDX-License-Identifier: Apache-2.0
"""Which policy is in force: a shipped pack, the school's own rule files and the allow list, signed as one bundle.

Versions only go up. The rules themselves, and what a bundle is, are in `rules`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, func, insert, select

from collector.config import Config
from collector.errors import StoreError, UsageError
from collector.proposals import load_approved
from collector.store.engine import reading, writing
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
    files = load_files(engine, school_id)
    problems = check_files(files)
    if problems:
        raise UsageError(
            f"the rules are not sound: {problems[0].message}", hint="run: schoolwarden-collector rules check"
        )
    approved = load_approved(engine, school_id)
    with writing(engine) as connection:
        newest = connection.execute(
            select(func.max(bundles.c.version)).where(bundles.c.school_id == school_id)
        ).scalar()
        version = (newest or 0) + 1
        bundle = make_bundle(
            signer, school_id=school_id, version=version, files=files, approved=approved, made_at_ns=now_ns
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
    return version


def add_rule_file(
    engine: Engine, school_id: str, signer: Signer, *, name: str, text: str, actor: str, now_ns: int
) -> int:
    """Add or replace one of the school's own rule files, if the whole policy is still sound with it, and publish.

    Raises:
        UsageError: it is not sound; nothing was changed.
    """
    files = load_files(engine, school_id) | {f"school/{name}": text}
    problems = check_files(files)
    if problems:
        raise UsageError(problems[0].message, hint=problems[0].hint)
    with writing(engine) as connection:
        connection.execute(rule_files.delete().where(rule_files.c.school_id == school_id, rule_files.c.name == name))
        connection.execute(
            insert(rule_files).values(school_id=school_id, name=name, text=text, added_at_ns=now_ns, added_by=actor)
        )
    return publish(engine, school_id, signer, actor=actor, reason=f"rule file {name}", now_ns=now_ns)


def load_files(engine: Engine, school_id: str) -> dict[str, str]:
    """Return the rule files that the next bundle will hold: the pack's and the school's own."""
    with reading(engine) as connection:
        own: Mapping[str, str] = {
            f"school/{row.name}": row.text
            for row in connection.execute(select(rule_files).where(rule_files.c.school_id == school_id))
        }
    return load_pack(PACK) | dict(own)


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
    query = select(bundles).where(bundles.c.school_id == school_id).order_by(bundles.c.version.desc())
    with reading(engine) as connection:
        return [Publication(row.version, row.made_at_ns, row.made_by, row.reason) for row in connection.execute(query)]
