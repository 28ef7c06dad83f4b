# SPDX-License-Identifier: Apache-2.0
"""The people who use the console: their names, roles and passwords. Everything done here is in the audit log.

A new or reset password is used once: it must be changed before anything else. How passwords are hashed is in
`passwords`, who is signed in in `sessions`, what a role may do in `roles`.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from collector.audit import COMMAND_LINE as COMMAND_LINE
from collector.audit import record
from collector.errors import PermissionDeniedError, UsageError
from collector.passwords import hash_password, is_outdated, is_password, make_one_time_password, verify_new_password
from collector.roles import Permission, Role, dump_roles, find_conflict, list_permissions, load_roles
from collector.sessions import drop_sessions, start_session
from collector.store.engine import reading, writing
from collector.store.schema import users

NAME = re.compile(r"[a-z0-9._-]{2,64}")
NOBODY = "nobody"
"""The actor of a sign-in with a name that does not exist."""
RESERVED = frozenset({"init", NOBODY, "schoolwarden"})
"""Actors that are nobody's names: a user of such a name could not be told from them in the logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user, without the password."""

    name: str
    roles: frozenset[Role]
    must_change_password: bool
    is_disabled: bool
    made_at_ns: int
    last_sign_in_at_ns: int | None
    has_second_factor: bool


def add_user(
    engine: Engine, school_id: str, name: str, roles: Collection[Role], now_ns: int, actor: str = COMMAND_LINE
) -> str:
    """Add a user and return the one-time password, which nobody can read again.

    Raises:
        UsageError: the name is taken, reserved or not a name, or the roles do not go together.
    """
    _verify_roles(roles)
    if name in RESERVED:
        raise UsageError(f"the name {name} is reserved: it stands in logs for the program", hint="choose another name")
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a user's name", hint="2 to 64 small letters, digits, dots, hyphens and underscores"
        )
    password = make_one_time_password()
    password_hash = hash_password(password)
    with writing(engine) as connection:
        if _find(connection, school_id, name):
            raise UsageError(f"there is a user {name} already", hint="choose another name")
        connection.execute(
            insert(users).values(
                school_id=school_id,
                name=name,
                roles=dump_roles(roles),
                password_hash=password_hash,
                must_change_password=True,
                made_at_ns=now_ns,
            )
        )
        _record(connection, school_id, actor, "user.added", name, now_ns, detail=", ".join(sorted(roles)))
    return password


def sign_in(engine: Engine, school_id: str, name: str, password: str, now_ns: int, address: str = "") -> str:
    """Start a session for the user of this name and password, and return its id.

    Raises:
        PermissionDeniedError: name or password are not right, or the user is disabled: which of them is not said.
    """
    # (1) The same work whether or not the name exists; no transaction is open while the hash is computed.
    with reading(engine) as connection:
        found = _find(connection, school_id, name)
    is_right = is_password(found.password_hash if found else None, password)
    # (2) A hash made with older parameters is made anew while the password is at hand.
    renewed = hash_password(password) if found and is_right and is_outdated(found.password_hash) else None
    with writing(engine) as connection:
        # (3) What was true before the hashing must be true still: nobody disabled or reset the user meanwhile.
        current = _find(connection, school_id, name, for_update=True)
        if found and current and is_right and current.password_hash == found.password_hash and not current.disabled:
            _update(
                connection,
                school_id,
                name,
                {"last_sign_in_at_ns": now_ns, "password_hash": renewed or found.password_hash},
            )
            _record(connection, school_id, name, "user.signed_in", name, now_ns, detail=address)
            return start_session(connection, school_id, name, now_ns)
        # (4) A failure is written down too, but not a name that does not exist: it may be a password typed there.
        actor = found.name if found else NOBODY
        _record(connection, school_id, actor, "sign_in.failed", actor, now_ns, detail=address)
    raise PermissionDeniedError(
        "the name or the password is not right", hint="an administrator can give you a new one-time password"
    )


def change_password(
    engine: Engine,
    school_id: str,
    name: str,
    old: str,
    new: str,
    now_ns: int,
    *,
    second_factor_at_ns: int | None = None,
) -> str:
    """Change a user's own password: all sessions of the user end, and the id of a new one is returned.

    The new one has the second factor of the one in which it is done.

    Raises:
        PermissionDeniedError: the old password is not right.
        UsageError: the new one may not be chosen.
    """
    with reading(engine) as connection:
        found = _find(connection, school_id, name)
    if found is None or not is_password(found.password_hash, old):
        with writing(engine) as connection:
            _record(connection, school_id, name, "password_change.failed", name, now_ns)
        raise PermissionDeniedError("the present password is not right")
    verify_new_password(new, name=name)
    if is_password(found.password_hash, new):
        raise UsageError("the new password is the present one", hint="choose another")
    password_hash = hash_password(new)
    with writing(engine) as connection:
        current = _find(connection, school_id, name, for_update=True)
        if current is None or current.password_hash != found.password_hash or current.disabled:
            raise PermissionDeniedError("the present password was just changed by somebody else")
        _update(connection, school_id, name, {"password_hash": password_hash, "must_change_password": False})
        drop_sessions(connection, school_id, name)
        _record(connection, school_id, name, "password.changed", name, now_ns)
        return start_session(connection, school_id, name, now_ns, second_factor_at_ns=second_factor_at_ns)


def reset_password(engine: Engine, school_id: str, name: str, now_ns: int, actor: str = COMMAND_LINE) -> str:
    """Give a user a new one-time password and return it; all sessions of the user end.

    Raises:
        UsageError: there is no such user, or it is the actor.
    """
    if name == actor:
        raise UsageError("nobody resets his own password", hint="change it on the page Account")
    password = make_one_time_password()
    password_hash = hash_password(password)
    with writing(engine) as connection:
        _update(connection, school_id, name, {"password_hash": password_hash, "must_change_password": True})
        drop_sessions(connection, school_id, name)
        _record(connection, school_id, actor, "password.reset", name, now_ns)
    return password


def change_roles(
    engine: Engine, school_id: str, name: str, roles: Collection[Role], now_ns: int, actor: str = COMMAND_LINE
) -> None:
    """Give a user these roles instead of the ones held before; all sessions of the user end.

    Raises:
        UsageError: there is no such user, it is the actor, the roles do not go together, or nobody would be left to
            manage users.
    """
    if name == actor:
        raise UsageError("nobody changes his own roles", hint="another administrator can do it")
    _verify_roles(roles)
    with writing(engine) as connection:
        # The log's lock comes first, as in `disable`.
        _record(connection, school_id, actor, "user.roles_changed", name, now_ns, detail=", ".join(sorted(roles)))
        _update(connection, school_id, name, {"roles": dump_roles(roles)})
        _verify_administrator_left(connection, school_id)
        drop_sessions(connection, school_id, name)


def reset_second_factor(engine: Engine, school_id: str, name: str, now_ns: int, actor: str = COMMAND_LINE) -> None:
    """Take a user's second factor away, who registers a new one at the next sign-in; all sessions of the user end.

    Raises:
        UsageError: there is no such user, the user has none, or it is the actor.
    """
    if name == actor:
        raise UsageError("nobody resets his own second factor", hint="another administrator can do it")
    with writing(engine) as connection:
        _record(connection, school_id, actor, "second_factor.reset", name, now_ns)
        found = _find(connection, school_id, name, for_update=True)
        if found is not None and found.second_factor is None:
            raise UsageError(f"{name} has no second factor")
        # The newest step stays: a code of the old app that was seen is no code of the new one anyway.
        _update(connection, school_id, name, {"second_factor": None})
        drop_sessions(connection, school_id, name)


def disable(engine: Engine, school_id: str, name: str, now_ns: int, actor: str = COMMAND_LINE) -> None:
    """Take a user's access away; all sessions of the user end at once. What the user did stays in the log.

    Raises:
        UsageError: there is no such user, it is the actor, or nobody would be left to manage users.
    """
    if name == actor:
        raise UsageError("nobody disables himself", hint="another administrator can do it")
    with writing(engine) as connection:
        # The log's lock comes first: two administrators who disable each other at once are one after the other.
        _record(connection, school_id, actor, "user.disabled", name, now_ns)
        _update(connection, school_id, name, {"disabled": True})
        _verify_administrator_left(connection, school_id)
        drop_sessions(connection, school_id, name)


def enable(engine: Engine, school_id: str, name: str, now_ns: int, actor: str = COMMAND_LINE) -> None:
    """Give a disabled user's access back, with the password as it was.

    Raises:
        UsageError: there is no such user.
    """
    with writing(engine) as connection:
        _update(connection, school_id, name, {"disabled": False})
        _record(connection, school_id, actor, "user.enabled", name, now_ns)


def list_users(engine: Engine, school_id: str) -> list[User]:
    """Return all users of a school by name."""
    query = select(users).where(users.c.school_id == school_id).order_by(users.c.name)
    with reading(engine) as connection:
        return [_to_user(row) for row in connection.execute(query)]


def _verify_roles(roles: Collection[Role]) -> None:
    if not roles:
        raise UsageError("choose a role")
    if conflict := find_conflict(roles):
        raise UsageError(f"these roles do not go together: {conflict}", hint="give them to two people")


def _verify_administrator_left(connection: Connection, school_id: str) -> None:
    query = select(users.c.roles).where(users.c.school_id == school_id, users.c.disabled.is_(False))
    left = connection.execute(query).scalars()
    if not any(Permission.MANAGE_USERS in list_permissions(load_roles(roles)) for roles in left):
        raise UsageError("nobody would be left to manage users", hint="add another administrator first")


def _find(connection: Connection, school_id: str, name: str, *, for_update: bool = False) -> Row[Any] | None:
    query = select(users).where(users.c.school_id == school_id, users.c.name == name)
    return connection.execute(query.with_for_update() if for_update else query).first()


def _update(connection: Connection, school_id: str, name: str, values: dict[str, Any]) -> None:
    changed = connection.execute(
        update(users).where(users.c.school_id == school_id, users.c.name == name).values(values)
    )
    if changed.rowcount == 0:
        raise UsageError(f"there is no user {name}")


def _record(
    connection: Connection, school_id: str, actor: str, action: str, name: str, now_ns: int, *, detail: str = ""
) -> None:
    record(connection, school_id, actor=actor, action=action, subject=f"user/{name}", detail=detail, now_ns=now_ns)


def _to_user(row: Row[Any]) -> User:
    return User(
        name=row.name,
        roles=load_roles(row.roles),
        must_change_password=row.must_change_password,
        is_disabled=row.disabled,
        made_at_ns=row.made_at_ns,
        last_sign_in_at_ns=row.last_sign_in_at_ns,
        has_second_factor=row.second_factor is not None,
    )
