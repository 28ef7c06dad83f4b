# SPDX-License-Identifier: Apache-2.0
"""Takes a list of people into the register and reports what became of each line.

Nobody is deleted: what is recorded about an account has to find its person later as well. Who is missing in a new list
can have his time at the school ended. What was ever an account of a user of the console is kept as that.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update

from collector.audit import record
from collector.people.claims import settle
from collector.people.person import Person
from collector.people.register import load_people
from collector.people.roster import Refusal, Roster, read_roster
from collector.store.engine import reading, writing
from collector.store.schema import accounts, people, user_accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of a file."""

    taken: tuple[str, ...]
    """Ids of people who are new."""
    changed: tuple[str, ...]
    unchanged: int
    missing: tuple[str, ...]
    """Ids of people who are at the school and not in the file."""
    ended: tuple[str, ...]
    """Those of them whose time at the school was ended."""
    refused: tuple[Refusal, ...]
    """Everything that was wrong; a line may be wrong in several ways."""
    is_dry_run: bool

    @property
    def refused_lines(self) -> int:
        """How many lines were refused."""
        return len({refusal.line for refusal in self.refused})


def import_people(
    engine: Engine,
    school_id: str,
    content: bytes,
    *,
    actor: str,
    now_ns: int,
    ends_missing: bool = False,
    is_dry_run: bool = False,
) -> ImportReport:
    """Take the good lines of a file and report the others; a dry run reports only.

    Raises:
        UsageError: the file as a whole cannot be read: nothing of it is taken.
    """
    roster = read_roster(content)
    if is_dry_run:
        with reading(engine) as connection:
            return _plan(load_people(connection, school_id), roster, _to_day(now_ns), ends_missing, is_dry_run).report
    with writing(engine) as connection:
        known = load_people(connection, school_id)
        plan = _plan(known, roster, _to_day(now_ns), ends_missing, is_dry_run)
        _carry_out(connection, school_id, plan, now_ns)
        _keep_user_accounts(connection, school_id, known, (*plan.new, *plan.changed), now_ns)
        report = plan.report
        detail = (
            f"{len(report.taken)} new, {len(report.changed)} changed, {report.unchanged} unchanged, "
            f"{len(report.ended)} ended, {report.refused_lines} refused; SHA-256 {hashlib.sha256(content).hexdigest()}"
        )
        record(
            connection, school_id, actor=actor, action="people.imported", subject="people", detail=detail, now_ns=now_ns
        )
        for person_id, detail in plan.reassigned:
            subject = f"person/{person_id}"
            record(
                connection,
                school_id,
                actor=actor,
                action="person.accounts_changed",
                subject=subject,
                detail=detail,
                now_ns=now_ns,
            )
    return report


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an import will do."""

    report: ImportReport
    new: tuple[Person, ...]
    changed: tuple[Person, ...]
    last_day: str
    reassigned: tuple[tuple[str, str], ...]
    """People who are users of the console and whose accounts change, with what to write in the log."""


def _plan(known: dict[str, Person], roster: Roster, today: str, ends_missing: bool, is_dry_run: bool) -> _Plan:
    good, refused = settle(known, roster)
    new = tuple(person for person in good.values() if person.person_id not in known)
    changed = tuple(person for each, person in good.items() if each in known and known[each] != person)
    missing = tuple(
        sorted(
            each
            for each, person in known.items()
            if each not in roster.mentioned and not (person.until_date and person.until_date <= today)
        )
    )
    report = ImportReport(
        taken=tuple(person.person_id for person in new),
        changed=tuple(person.person_id for person in changed),
        unchanged=len(good) - len(new) - len(changed),
        missing=missing,
        ended=missing if ends_missing else (),
        refused=tuple(sorted((*roster.refused, *refused), key=lambda each: each.line)),
        is_dry_run=is_dry_run,
    )
    return _Plan(report, new, changed, today, tuple(_list_reassigned(known, (*new, *changed))))


def _list_reassigned(known: dict[str, Person], written: Iterable[Person]) -> Iterable[tuple[str, str]]:
    for person in written:
        before = known.get(person.person_id)
        old = (before.user_name, before.accounts) if before else ("", ())
        if (person.user_name or old[0]) and (person.user_name, person.accounts) != old:
            now = f"{person.user_name or 'nobody'} with {len(person.accounts)} accounts"
            yield person.person_id, f"user {now}; before: {old[0] or 'nobody'} with {len(old[1])}"


def _carry_out(connection: Connection, school_id: str, plan: _Plan, now_ns: int) -> None:
    if plan.changed:
        of_person = (people.c.school_id == school_id) & (people.c.person_id == bindparam("its_id"))
        its_accounts = (accounts.c.school_id == school_id) & (accounts.c.person_id == bindparam("its_id"))
        # First all go, then all come: an account may move from one to the other.
        connection.execute(delete(accounts).where(its_accounts), [{"its_id": each.person_id} for each in plan.changed])
        connection.execute(
            update(people).where(of_person),
            [_to_values(person, now_ns) | {"its_id": person.person_id} for person in plan.changed],
        )
    if plan.new:
        connection.execute(
            insert(people),
            [
                {"school_id": school_id, "person_id": person.person_id} | _to_values(person, now_ns)
                for person in plan.new
            ],
        )
    held = [
        {"school_id": school_id, "account": account, "person_id": person.person_id}
        for person in (*plan.new, *plan.changed)
        for account in person.accounts
    ]
    if held:
        connection.execute(insert(accounts), held)
    if plan.report.ended:
        ended = (people.c.school_id == school_id) & (people.c.person_id == bindparam("its_id"))
        connection.execute(
            update(people).where(ended).values(until_date=plan.last_day),
            [{"its_id": person_id} for person_id in plan.report.ended],
        )


def _keep_user_accounts(
    connection: Connection, school_id: str, known: dict[str, Person], written: Iterable[Person], now_ns: int
) -> None:
    """Add what a user of the console had before and has now: a list that takes it away shows him no flag of his own."""
    query = select(user_accounts.c.user_name, user_accounts.c.account).where(user_accounts.c.school_id == school_id)
    kept = {(row.user_name, row.account) for row in connection.execute(query)}
    his: set[tuple[str, str]] = set()
    for person in written:
        before = known.get(person.person_id, person)
        names = {before.user_name, person.user_name} - {""}
        # Whoever gets another user name stays who he is.
        held = {*before.accounts, *person.accounts, *(account for name, account in kept if name in names)}
        his |= {(name, account) for name in names for account in held}
    rows = [
        {"school_id": school_id, "user_name": name, "account": account, "since_ns": now_ns}
        for name, account in sorted(his - kept)
    ]
    if rows:
        connection.execute(insert(user_accounts), rows)


def _to_values(person: Person, now_ns: int) -> dict[str, Any]:
    return {
        "name": person.name,
        "kind": person.kind.value,
        "roles": json.dumps(person.roles),
        "aliases": json.dumps(person.aliases),
        "year_group": person.year_group,
        "class_name": person.class_name,
        "user_name": person.user_name,
        "from_date": person.from_date,
        "until_date": person.until_date,
        "imported_at_ns": now_ns,
    }


def _to_day(now_ns: int) -> str:
    return datetime.fromtimestamp(now_ns // 10**9, UTC).date().isoformat()
