# SPDX-License-Identifier: Apache-2.0
"""Who may decide an exception. The law: **nobody decides what he asked for, nor what is for himself.**

It is held here for whoever calls, beside the permission that the console's door asks for. People are told apart by
their user name at the console and, since somebody can be given a second one, by the accounts that the register of
people ever had under a user name. Two users that no list of people names cannot be seen to be one person.
"""

from sqlalchemy import Connection, select

from collector.audit import COMMAND_LINE
from collector.exceptions.request import ExceptionRequest
from collector.people.register import load_people
from collector.store.schema import accounts, people, user_accounts


def find_objection(connection: Connection, school_id: str, request: ExceptionRequest, user: str) -> str:
    """Return why a user may not decide or review a request; empty when he may.

    1. The command line knows nobody, and so cannot be known to be somebody else.
    2. Whoever asked does not decide, under no user name of his.
    3. Nor does anybody whom it is for.
    """
    # (1) A name is needed.
    if user == COMMAND_LINE:
        return "the command line does not know who decides: an exception is decided at the console"
    own = _list_accounts(connection, school_id, user)
    # (2) Not his own request.
    if user == request.asked_by or own & _list_accounts(connection, school_id, request.asked_by):
        return "whoever asked for an exception does not decide it: somebody else does"
    # (3) Not his own exception.
    for person in load_people(connection, school_id, request.scope.people).values():
        if person.user_name == user or own.intersection(person.accounts):
            return "nobody decides an exception that is for himself: somebody else does"
    return ""


def _list_accounts(connection: Connection, school_id: str, user: str) -> set[str]:
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
    return {*connection.execute(now).scalars(), *connection.execute(ever).scalars()}
