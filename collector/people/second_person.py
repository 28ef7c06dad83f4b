# SPDX-License-Identifier: Apache-2.0
"""Whether two users of the console can be taken for two people, where a second person's word is needed.

People are told apart by their user name and, since somebody can be given a second one, by the accounts that the
register of people ever had under it. A user whom somebody made is not another person's word either: whoever made it
had its password first. Two users that no list of people names, made by a third, cannot be seen to be one person.
"""

from sqlalchemy import Connection, select

from collector.audit import COMMAND_LINE
from collector.store.schema import accounts, audit, people, user_accounts

_MADE = ("user.added", "user.roles_changed", "password.reset", "second_factor.reset")
"""What somebody who manages users does to become another one, or to give another one the second word."""


def is_same_person(connection: Connection, school_id: str, user: str, other: str) -> bool:
    """Return whether two user names are one person's, as far as names and the register of people tell."""
    if user.casefold() == other.casefold():
        return True
    own = list_accounts_of(connection, school_id, user)
    return bool(own and own & list_accounts_of(connection, school_id, other))


def is_made_by(connection: Connection, school_id: str, user: str, other: str) -> bool:
    """Return whether a user was ever added, given roles, a new password or a new second factor by another one.

    The command line is no user: at many schools everybody was made there, and whoever runs it has the database too.
    """
    if other == COMMAND_LINE:
        return False
    query = (
        select(audit.c.actor)
        .where(audit.c.school_id == school_id, audit.c.subject == f"user/{user}", audit.c.action.in_(_MADE))
        .distinct()
    )
    return any(is_same_person(connection, school_id, maker, other) for maker in connection.execute(query).scalars())


def list_accounts_of(connection: Connection, school_id: str, user: str) -> set[str]:
    """Return what is or ever was an account of a user of the console."""
    same_person = (people.c.school_id == accounts.c.school_id) & (people.c.person_id == accounts.c.person_id)
    now = (
        select(accounts.c.account)
        .join_from(accounts, people, same_person)
        .where(people.c.school_id == school_id, people.c.user_name == user)
    )
    ever = select(user_accounts.c.account).where(
        user_accounts.c.school_id == school_id, user_accounts.c.user_name == user
    )
    # Most people are no users, and their user name is empty.
    return {*connection.execute(now).scalars(), *connection.execute(ever).scalars()} if user else set()
