# SPDX-License-Identifier: Apache-2.0
"""The register in the database: whose which account is, asked in several ways. What writes to it is in `intake`."""

import json
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, Engine, func, or_, select

from collector.people.person import Person, PersonKind, Post
from collector.store.engine import reading
from collector.store.schema import accounts, people, user_accounts

_SAME_PERSON = (people.c.school_id == accounts.c.school_id) & (people.c.person_id == accounts.c.person_id)
_SEARCHED = (people.c.person_id, people.c.name, people.c.class_name)


def find_person(engine: Engine, school_id: str, account: str) -> Person | None:
    """Return whose an account is, or None when it is unmapped."""
    query = select(accounts.c.person_id).where(accounts.c.school_id == school_id, accounts.c.account == account)
    with reading(engine) as connection:
        person_id = connection.execute(query).scalar_one_or_none()
        return None if person_id is None else load_people(connection, school_id, [person_id])[person_id]


def find_person_by_id(engine: Engine, school_id: str, person_id: str) -> Person | None:
    """Return the person of an id, or None."""
    with reading(engine) as connection:
        return load_people(connection, school_id, [person_id]).get(person_id)


def list_people(
    engine: Engine, school_id: str, *, search: str = "", year: str | None = None, limit: int, offset: int = 0
) -> tuple[list[Person], int]:
    """Return a part of the register, by year and name, and how many fit: in id, name or class."""
    fits = [people.c.school_id == school_id]
    if search:
        fits.append(or_(*(column.icontains(search, autoescape=True) for column in _SEARCHED)))
    if year is not None:
        fits.append(people.c.year_group == year)
    ids = select(people.c.person_id).where(*fits).order_by(people.c.year_group, people.c.name, people.c.person_id)
    with reading(engine) as connection:
        total = connection.execute(select(func.count()).select_from(people).where(*fits)).scalar_one()
        shown = list(connection.execute(ids.limit(limit).offset(offset)).scalars())
        found = load_people(connection, school_id, shown)
    return [found[person_id] for person_id in shown], total


def count_people(engine: Engine, school_id: str) -> dict[PersonKind, int]:
    """Return how many there are of each kind."""
    query = (
        select(people.c.kind, func.count().label("people"))
        .where(people.c.school_id == school_id)
        .group_by(people.c.kind)
    )
    with reading(engine) as connection:
        counted = {row.kind: row.people for row in connection.execute(query)}
    return {kind: counted.get(kind.value, 0) for kind in PersonKind}


def list_years(engine: Engine, school_id: str) -> list[str]:
    """Return the year groups that somebody is in."""
    query = select(people.c.year_group).where(people.c.school_id == school_id).distinct().order_by(people.c.year_group)
    with reading(engine) as connection:
        return [year for year in connection.execute(query).scalars() if year]


def list_accounts_of_user(engine: Engine, school_id: str, user_name: str) -> list[str]:
    """Return the accounts of the person who is this user of the console now."""
    query = (
        select(accounts.c.account)
        .join_from(accounts, people, _SAME_PERSON)
        .where(people.c.school_id == school_id, people.c.user_name == user_name)
        .order_by(accounts.c.account)
    )
    with reading(engine) as connection:
        # Most people are no users, and their user name is empty.
        return list(connection.execute(query).scalars()) if user_name else []


def list_accounts_ever(engine: Engine, school_id: str, user_name: str) -> list[str]:
    """Return what was ever an account of this user of the console: what is typed there is not shown to him."""
    query = select(user_accounts.c.account).where(
        user_accounts.c.school_id == school_id, user_accounts.c.user_name == user_name
    )
    with reading(engine) as connection:
        kept = set(connection.execute(query).scalars())
    return sorted(kept.union(list_accounts_of_user(engine, school_id, user_name)))


def list_directory(engine: Engine, school_id: str) -> list[tuple[str, str, str]]:
    """Return account, name and class of everybody: a reader's browser finds the name of an account in it by itself."""
    query = (
        select(accounts.c.account, people.c.name, people.c.class_name)
        .join_from(accounts, people, _SAME_PERSON)
        .where(accounts.c.school_id == school_id)
        .order_by(accounts.c.account)
    )
    with reading(engine) as connection:
        return [(row.account, row.name, row.class_name) for row in connection.execute(query)]


def load_people(connection: Connection, school_id: str, ids: Collection[str] | None = None) -> dict[str, Person]:
    """Return people by id: everybody, or those of some ids."""

    def chosen(column: ColumnElement[str]) -> list[ColumnElement[bool]]:
        return [] if ids is None else [column.in_(ids)]

    held: dict[str, list[str]] = {}
    query = select(accounts).where(accounts.c.school_id == school_id, *chosen(accounts.c.person_id))
    for row in connection.execute(query.order_by(accounts.c.account)):
        held.setdefault(row.person_id, []).append(row.account)
    return {
        row.person_id: Person(
            person_id=row.person_id,
            name=row.name,
            kind=PersonKind(row.kind),
            roles=tuple(Post(each) for each in json.loads(row.roles)),
            aliases=tuple(json.loads(row.aliases)),
            year_group=row.year_group,
            class_name=row.class_name,
            accounts=tuple(sorted(held.get(row.person_id, ()))),
            user_name=row.user_name,
            from_date=row.from_date,
            until_date=row.until_date,
        )
        for row in connection.execute(
            select(people).where(people.c.school_id == school_id, *chosen(people.c.person_id))
        )
    }
