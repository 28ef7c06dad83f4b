# SPDX-License-Identifier: Apache-2.0
"""Which policy is in force, and how the next one comes: put together, held against it, signed as one bundle.

Versions only go up. What goes into a bundle is in `composition`, what a rule means in `rules`. Every publication
passes here, and one that takes something away from a safeguard needs a second person: `changes` asks for him.
"""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection, Engine, insert

from collector import approved_media, own_rules, rollouts
from collector.approved_media import MediumKey
from collector.audit import record
from collector.composition import Composition, compose, recompose
from collector.config import Config
from collector.errors import StoreError, UsageError
from collector.proposals import withdraw_program
from collector.publications import Publication as Publication
from collector.publications import find_bundle as find_bundle
from collector.publications import find_version
from collector.publications import list_publications as list_publications
from collector.store.engine import take_turns, writing
from collector.store.schema import bundles
from proto.keys import Signer, load_signer, to_verifier
from proto.wire import Bundle
from rules.bundle import make_bundle, open_bundle
from rules.model import Policy

PACK = own_rules.BASELINE
"""The pack of a school that chose none."""


def publish(engine: Engine, school_id: str, signer: Signer, *, actor: str, reason: str, now_ns: int) -> int:
    """Sign what is in force now as a new version and return the version; connected devices get it within seconds.

    Raises:
        UsageError: the rules do not pass their own tests, or a safeguard would be weaker. The version in force stays.
    """
    return publish_change(engine, school_id, signer, lambda connection: None, actor=actor, reason=reason, now_ns=now_ns)


def publish_change(
    engine: Engine,
    school_id: str,
    signer: Signer,
    change: Callable[[Connection], None],
    *,
    actor: str,
    reason: str,
    now_ns: int,
    seconded_by: str = "",
) -> int:
    """Change what goes into the policy and publish it, both or neither; return the new version.

    Raises:
        UsageError: the policy would not be sound, or a safeguard would be weaker and nobody seconded it.
    """
    with writing(engine) as connection:
        # Before the audit log's lock, as everywhere: two who take them in different orders wait for each other.
        take_turns(connection, f"policy {school_id}")
        change(connection)
        composition = compose(connection, school_id, to_verifier(signer.algorithm, signer.public_key), now_ns=now_ns)
        return publish_composition(
            connection,
            school_id,
            signer,
            composition,
            actor=actor,
            reason=reason,
            now_ns=now_ns,
            seconded_by=seconded_by,
        )


def publish_registers(
    engine: Engine,
    school_id: str,
    signer: Signer,
    change: Callable[[Connection], None],
    *,
    actor: str,
    reason: str,
    now_ns: int,
) -> int:
    """Take something back that was let off, and publish it to every device, both or neither; return the new version.

    What is stricter waits for nothing: neither for a roll-out, whose share keeps what it has under a newer version,
    nor for a second person's word on what a newer pack of the program takes away.

    Raises:
        UsageError: what is in force cannot be read any more.
        StoreError: nothing is in force.
    """
    verifier = to_verifier(signer.algorithm, signer.public_key)
    with writing(engine) as connection:
        take_turns(connection, f"policy {school_id}")
        change(connection)
        common = rollouts.find_common_version(connection, school_id)
        newest_version = 0
        for version in sorted({common, rollouts.find_newest_version(connection, school_id)}):
            bundle = find_version(connection, school_id, version)
            if bundle is None:
                raise StoreError("no policy was ever published", hint="the database was not made by init")
            composition = recompose(connection, school_id, bundle, verifier, now_ns=now_ns)
            newest_version = publish_composition(
                connection,
                school_id,
                signer,
                replace(composition, is_for_everybody=version == common),
                actor=actor,
                reason=reason,
                now_ns=now_ns,
            )
        return newest_version


def publish_composition(
    connection: Connection,
    school_id: str,
    signer: Signer,
    composition: Composition,
    *,
    actor: str,
    reason: str,
    now_ns: int,
    seconded_by: str = "",
) -> int:
    """Sign what was put together in this transaction, which has taken its turn, and return the version.

    While a roll-out is under way it is for the share, unless it says otherwise.

    Raises:
        UsageError: a safeguard would be weaker, and nobody seconded it or only who asked for it.
    """
    if composition.weakenings and seconded_by in ("", actor):
        raise UsageError(
            f"this takes something away from a safeguard: {'; '.join(composition.weakenings)}"[:500],
            hint="a second person has to agree: propose it as a change of rules, of the pack or as a pause",
        )
    version = rollouts.find_newest_version(connection, school_id) + 1
    bundle = make_bundle(
        signer,
        school_id=school_id,
        version=version,
        files=composition.files,
        approved=composition.approved,
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
    rollouts.note_version(
        connection, school_id, version, actor=actor, now_ns=now_ns, to_everybody=composition.is_for_everybody
    )
    detail = f"{reason}, with the word of {seconded_by}" if seconded_by else reason
    subject = f"policy/{version}"
    record(connection, school_id, actor=actor, action="policy.published", subject=subject, detail=detail, now_ns=now_ns)
    return version


def choose_pack(
    engine: Engine,
    school_id: str,
    signer: Signer,
    *,
    pack: str,
    actor: str,
    reason: str,
    now_ns: int,
    seconded_by: str = "",
) -> int:
    """Let the school work under a pack and publish; return the policy's new version.

    Raises:
        UsageError: there is no such pack, the policy is not sound with it, or a safeguard would be weaker.
    """

    def change(connection: Connection) -> None:
        own_rules.put_pack(connection, school_id, pack, actor=actor, now_ns=now_ns)

    return publish_change(
        engine, school_id, signer, change, actor=actor, reason=reason, now_ns=now_ns, seconded_by=seconded_by
    )


def add_rule_file(
    engine: Engine, school_id: str, signer: Signer, *, name: str, text: str, actor: str, now_ns: int
) -> int:
    """Add or replace one of the school's own rule files, if the whole policy is still sound with it, and publish.

    Raises:
        UsageError: it is not sound, weakens a safeguard, or has the name of a file that the collector writes.
    """

    def change(connection: Connection) -> None:
        own_rules.put_own_file(connection, school_id, name, text, actor=actor, now_ns=now_ns)

    return publish_change(engine, school_id, signer, change, actor=actor, reason=f"rule file {name}", now_ns=now_ns)


def remove_allowed(engine: Engine, school_id: str, signer: Signer, *, name: str, actor: str, now_ns: int) -> int:
    """Take a program off the allow list and publish; return the policy's new version.

    Raises:
        UsageError: it is not on the list; nothing was changed.
    """

    def change(connection: Connection) -> None:
        withdraw_program(connection, school_id, name, actor=actor, now_ns=now_ns)

    reason = f"{name} is not allowed"
    return publish_registers(engine, school_id, signer, change, actor=actor, reason=reason, now_ns=now_ns)


def approve_medium(
    engine: Engine, school_id: str, signer: Signer, key: MediumKey, *, note: str, until: str, actor: str, now_ns: int
) -> int:
    """Put a USB device into the register and publish; return the policy's new version.

    Raises:
        UsageError: it cannot be in the register as it is told; nothing was changed.
    """

    def change(connection: Connection) -> None:
        approved_media.put_in_register(connection, school_id, key, note=note, until=until, actor=actor, now_ns=now_ns)

    reason = f"USB device {key}"
    return publish_change(engine, school_id, signer, change, actor=actor, reason=reason, now_ns=now_ns)


def withdraw_medium(engine: Engine, school_id: str, signer: Signer, key: MediumKey, *, actor: str, now_ns: int) -> int:
    """Take a USB device out of the register and publish; return the policy's new version.

    Raises:
        UsageError: it is not there; nothing was changed.
    """

    def change(connection: Connection) -> None:
        approved_media.take_from_register(connection, school_id, key, actor=actor, now_ns=now_ns)

    reason = f"USB device {key} withdrawn"
    return publish_registers(engine, school_id, signer, change, actor=actor, reason=reason, now_ns=now_ns)


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
