# SPDX-License-Identifier: Apache-2.0
"""Who reads which flags now: the signed set, the roles and the absences, put together by `rules.route`.

The device has chosen the route and sealed to its readers by the same function, so the two agree. What somebody may not
see although he reads the route now is what he typed himself, and what may be about a position that he held before.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine, select

from collector.absences import list_absent
from collector.identities import list_identities
from collector.people import list_accounts_ever, list_accounts_of_user
from collector.recipients import load_set, load_sets
from collector.roles import Permission, Role, list_permissions, load_roles
from collector.store.engine import reading
from collector.store.schema import people, users
from collector.subjects import make_refs
from proto.recipients import RecipientSet
from rules.route import RUNGS, Position, Route, find_readers, list_holders


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A user of the console who asks for flags. Without routes he sees nothing."""

    name: str
    routes: frozenset[Route]
    """The routes that he reads now."""
    own_refs: frozenset[bytes]
    """The references of all accounts that were ever his own: what is typed there is never shown to him."""
    barred: frozenset[tuple[int, Route]]
    """Versions of the set and routes above every position that he held in them: such a flag may be about him."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A user whose roles make him a reader, if the safeguarding root signs a set with him."""

    id: str
    """The user's name."""
    positions: tuple[str, ...]
    age_key: str
    """Of the identity that he keeps here; empty when he has made none yet."""
    aliases: tuple[str, ...]
    accounts: tuple[str, ...]


def find_reader(engine: Engine, school_id: str, user: str, *, subject_key: bytes, now_ns: int) -> Reader:
    """Return what a user may read now. To be asked anew at every request.

    Raises:
        RecipientsError: the set in force does not verify.
        StoreError: the database does not answer.
    """
    sets = load_sets(engine, school_id)
    signed = {
        account for content in sets for each in content.recipients if each.id == user for account in each.accounts
    }
    return Reader(
        name=user,
        routes=find_routes(engine, school_id, user, now_ns),
        own_refs=make_refs(subject_key, signed | set(list_accounts_ever(engine, school_id, user))),
        barred=frozenset(pair for content in sets for pair in _list_barred(content, user)),
    )


def find_routes(engine: Engine, school_id: str, user: str, now_ns: int) -> frozenset[Route]:
    """Return the routes that a user reads now.

    1. He is in the signed set and has opened a test item, and `rules.route` gives him the route.
    2. He is a user here who is not disabled, and one of his roles reads flags.

    Raises:
        RecipientsError: the set in force does not verify.
        StoreError: the database does not answer.
    """
    return frozenset(route for route, names in _list_all(engine, school_id, now_ns).items() if user in names)


def list_readers(engine: Engine, school_id: str, route: Route, now_ns: int) -> frozenset[str]:
    """Return the names of the users who read a route now; nobody reads `outside`.

    Raises:
        RecipientsError: the set in force does not verify.
        StoreError: the database does not answer.
    """
    return _list_all(engine, school_id, now_ns).get(route, frozenset())


def _list_all(engine: Engine, school_id: str, now_ns: int) -> dict[Route, frozenset[str]]:
    content = load_set(engine, school_id)
    if content is None:
        return {}
    absent, here = list_absent(engine, school_id, now_ns), _load_users(engine, school_id).keys()
    # 1 and 2 of `find_routes`
    return {route: find_readers(list_holders(content), route, absent) & here for route in RUNGS}


def list_candidates(engine: Engine, school_id: str) -> list[Candidate]:
    """Return who may be named in the next set, by user. It is our word only: whoever signs it sees that it is right.

    Raises:
        StoreError: the database does not answer.
    """
    keys = {each.user: each.age_key for each in list_identities(engine, school_id)}
    query = select(people.c.user_name, people.c.aliases).where(
        people.c.school_id == school_id, people.c.user_name != ""
    )
    with reading(engine) as connection:
        aliases = {row.user_name: json.loads(row.aliases) for row in connection.execute(query)}
    return [
        Candidate(
            id=name,
            positions=tuple(sorted(position.value for position in Position if position.value in roles)),
            age_key=keys.get(name, ""),
            aliases=tuple(aliases.get(name, ())),
            accounts=tuple(list_accounts_of_user(engine, school_id, name)),
        )
        for name, roles in sorted(_load_users(engine, school_id).items())
    ]


def list_unsigned(engine: Engine, school_id: str, content: RecipientSet) -> dict[str, tuple[str, ...]]:
    """Return which accounts of its readers a set does not name: a device seals what is typed there to their owners.

    Raises:
        StoreError: the database does not answer.
    """
    held = {each.id: set(list_accounts_of_user(engine, school_id, each.id)) for each in content.recipients}
    found = {each.id: tuple(sorted(held[each.id].difference(each.accounts))) for each in content.recipients}
    return {user: unsigned for user, unsigned in found.items() if unsigned}


def _list_barred(content: RecipientSet, user: str) -> Iterator[tuple[int, Route]]:
    # A deputy who became the head must not find what was sent to the head because it was about the deputy.
    positions = {position for each in content.recipients if each.id == user for position in each.positions}
    held = [place for place, rung in enumerate(RUNGS.values()) if rung & positions]
    for route in list(RUNGS)[max(held) + 1 :] if held else ():
        yield content.version, route
        # And what came without its content, which says of no set that it was sealed to it.
        yield 0, route


def _load_users(engine: Engine, school_id: str) -> dict[str, frozenset[Role]]:
    """Return the users with a role that reads flags, and what they are."""
    query = select(users.c.name, users.c.roles).where(users.c.school_id == school_id, users.c.disabled.is_(False))
    with reading(engine) as connection:
        found = {row.name: load_roles(row.roles) for row in connection.execute(query)}
    return {name: roles for name, roles in found.items() if Permission.READ_FLAGS in list_permissions(roles)}
