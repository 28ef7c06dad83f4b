# SPDX-License-Identifier: Apache-2.0
"""How a change of the policy comes into force: alone, or with a second person's word.

    ask       put together with the change and held against what is in force: unsound is refused, nothing is kept
    publish   at once, if it takes nothing away from a safeguard
    wait      otherwise: nothing changes until a second person, never who asked, agrees
    agree     done to what is in force then and held against it anew; more than what was shown is shown again first

What is weaker is in `rules.weakening`; that nothing weaker is published without a second person holds also in
`policies`, where all publications pass, whoever asks for them.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from collector import own_rules, pauses, rollouts
from collector.changes.amendments import Amendment, Circumstances, WentBack, read_choice
from collector.changes.register import (
    Change,
    ChangeState,
    decide,
    find_change,
    find_waiting,
    keep,
    show_anew,
    verify_room,
)
from collector.composition import Composition, compose, read_files
from collector.errors import UsageError
from collector.policies import publish_composition, publish_registers
from collector.publications import find_version
from collector.store.engine import reading, take_turns, writing
from proto.keys import Signer, to_verifier

MAX_REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class School:
    """Whose policy is changed, and what signs it."""

    engine: Engine
    id: str
    signer: Signer

    def compose(self, connection: Connection, now_ns: int) -> Composition:
        """Return what would be published now."""
        return compose(connection, self.id, to_verifier(self.signer.algorithm, self.signer.public_key), now_ns=now_ns)


def request_change(school: School, amendment: Amendment, *, author: str, reason: str, now_ns: int) -> Change:
    """Publish a change, or let it wait for a second person if it takes something away from a safeguard.

    Raises:
        UsageError: it cannot be done, the policy would not be sound, no reason is given, or too many wait.
    """
    reason = _read_words(reason, "say why: a few words, for whoever looks back")
    about = Circumstances(school_id=school.id, author=author, seconded_by="", reason=reason, now_ns=now_ns)
    with writing(school.engine) as connection:
        take_turns(connection, f"policy {school.id}")
        with connection.begin_nested() as attempt:
            amendment.apply(connection, about)
            composition = school.compose(connection, now_ns)
            if composition.weakenings:
                attempt.rollback()
        version = None
        if composition.weakenings:
            verify_room(connection, school.id)
        else:
            words = f"{amendment.subject}: {reason}"
            version = publish_composition(
                connection, school.id, school.signer, composition, actor=author, reason=words, now_ns=now_ns
            )
        change = Change(
            id=secrets.token_hex(8),
            subject=amendment.subject,
            author=author,
            reason=reason,
            difference=composition.difference,
            weakens=composition.weakenings,
            state=ChangeState.PROPOSED if version is None else ChangeState.PUBLISHED,
            made_at_ns=now_ns,
            decided_at_ns=None,
            decided_by=None,
            decision_note="",
            version=version,
        )
        keep(connection, school.id, change, amendment)
        return change


def agree(school: School, change_id: str, *, actor: str, note: str = "", now_ns: int) -> Change:
    """Publish a change that waits, with the word of a second person, and return it.

    Raises:
        UsageError: it does not wait, cannot be done any more, or would take more away than was shown: look again.
        PermissionDeniedError: who agrees is who asked for it.
    """
    note = note.strip()[:MAX_REASON_CHARACTERS]
    with writing(school.engine) as connection:
        take_turns(connection, f"policy {school.id}")
        change, amendment = find_waiting(connection, school.id, change_id, actor)
        about = Circumstances(
            school_id=school.id, author=change.author, seconded_by=actor, reason=change.reason, now_ns=now_ns
        )
        with connection.begin_nested() as attempt:
            amendment.apply(connection, about)
            composition = school.compose(connection, now_ns)
            is_more = not _shape(composition.weakenings) <= _shape(change.weakens)
            if is_more:
                attempt.rollback()
        if is_more:
            show_anew(connection, change_id, composition)
        else:
            _publish_agreed(connection, school, change, composition, actor=actor, note=note, now_ns=now_ns)
    if is_more:
        raise UsageError(
            "since it was proposed something else was changed, and it would take more away now",
            hint="look at it again: what it takes away stands there anew",
        )
    return _find_existing(school.engine, school.id, change_id)


def refuse(engine: Engine, school_id: str, change_id: str, *, actor: str, note: str, now_ns: int) -> None:
    """Refuse a change that waits; nothing changes.

    Raises:
        UsageError: it does not wait, or no reason is given.
        PermissionDeniedError: who refuses is who asked for it.
    """
    note = _read_words(note, "say why it is refused")
    with writing(engine) as connection:
        take_turns(connection, f"policy {school_id}")
        change, _ = find_waiting(connection, school_id, change_id, actor)
        decide(connection, school_id, change, ChangeState.REFUSED, actor=actor, note=note, now_ns=now_ns)


def withdraw(engine: Engine, school_id: str, change_id: str, *, actor: str, now_ns: int) -> None:
    """Take a change back that waits; nothing changes.

    Raises:
        UsageError: it does not wait.
    """
    with writing(engine) as connection:
        take_turns(connection, f"policy {school_id}")
        change, _ = find_waiting(connection, school_id, change_id, "")
        decide(connection, school_id, change, ChangeState.WITHDRAWN, actor=actor, note="", now_ns=now_ns)


def end_pause(school: School, what: str, *, actor: str, now_ns: int) -> int:
    """End a pause before its time on every device; anybody may. Return the policy's new version.

    Raises:
        UsageError: it is not paused.
    """

    def change(connection: Connection) -> None:
        pauses.end_pause(connection, school.id, what, actor=actor, now_ns=now_ns)

    reason = f"pause of {what} ended"
    return publish_registers(school.engine, school.id, school.signer, change, actor=actor, reason=reason, now_ns=now_ns)


def go_back(school: School, *, author: str, reason: str, now_ns: int) -> Change | None:
    """Go back to the last good version; None when that is in force, and only a roll-out that had not begun is over.

    Raises:
        UsageError: there is none, or no reason is given.
    """
    words = _read_words(reason, "say why: a few words, for whoever looks back")
    with writing(school.engine) as connection:
        take_turns(connection, f"policy {school.id}")
        rollout = rollouts.find_rollout(connection, school.id)
        if rollout is not None and rollout.is_waiting:
            rollouts.withdraw_rollout(connection, school.id, actor=author, now_ns=now_ns, reason=words)
            return None
    version = find_last_good(school.engine, school.id)
    return request_change(school, WentBack(version), author=author, reason=reason, now_ns=now_ns)


def find_last_good(engine: Engine, school_id: str) -> int:
    """Return the version to go back to: what everybody has while a roll-out is under way, else the newest that
    everybody had with another pack or other rule files than now.

    Raises:
        UsageError: there is none.
    """
    with reading(engine) as connection:
        version = rollouts.find_common_version(connection, school_id)
        if version and rollouts.find_rollout(connection, school_id) is not None:
            return version
        chosen = own_rules.find_pack(connection, school_id), own_rules.list_own_files(connection, school_id)
        # Most versions change a register alone, and going back leaves registers as they are.
        while version := rollouts.find_common_version(connection, school_id, older_than=version):
            bundle = find_version(connection, school_id, version)
            files = read_files(bundle) if bundle else {}
            if files and read_choice(files) != chosen:
                return version
    raise UsageError(
        "no version before this one had another pack or other rule files",
        hint="see: schoolwarden-collector policy history",
    )


def _read_words(text: str, ask: str) -> str:
    text = text.strip()
    if not text:
        raise UsageError("no reason is given", hint=ask)
    if len(text) > MAX_REASON_CHARACTERS or not text.isprintable():
        raise UsageError(f"the reason is not one line of up to {MAX_REASON_CHARACTERS} characters", hint="shorten it")
    return text


def _shape(weakenings: tuple[str, ...]) -> set[str]:
    """Return what is weakened; of a pause only that it is one, since it begins when it is agreed to."""
    return {each.partition(" from ")[0] if each.startswith("pause:") else each for each in weakenings}


def _publish_agreed(
    connection: Connection,
    school: School,
    change: Change,
    composition: Composition,
    *,
    actor: str,
    note: str,
    now_ns: int,
) -> None:
    version = publish_composition(
        connection,
        school.id,
        school.signer,
        composition,
        actor=change.author,
        reason=f"{change.subject}: {change.reason}",
        now_ns=now_ns,
        seconded_by=actor,
    )
    show_anew(connection, change.id, composition, version=version)
    decide(connection, school.id, change, ChangeState.PUBLISHED, actor=actor, note=note, now_ns=now_ns)


def _find_existing(engine: Engine, school_id: str, change_id: str) -> Change:
    change = find_change(engine, school_id, change_id)
    assert change is not None
    return change
