# SPDX-License-Identifier: Apache-2.0
"""Who may decide an exception. The law: **nobody decides what he asked for, nor what is for himself.**

It is held here for whoever calls, beside the permission that the console's door asks for. How people are told apart is
in `people.second_person`.
"""

from sqlalchemy import Connection

from collector.audit import COMMAND_LINE
from collector.exceptions.request import ExceptionRequest
from collector.people.register import load_people
from collector.people.second_person import is_made_by, is_same_person, list_accounts_of


def find_objection(connection: Connection, school_id: str, request: ExceptionRequest, user: str) -> str:
    """Return why a user may not decide or review a request; empty when he may.

    1. The command line knows nobody, and so cannot be known to be somebody else.
    2. Whoever asked does not decide, under no user name of his, nor a user whom he made.
    3. Nor does anybody whom it is for.
    """
    # (1) A name is needed.
    if user == COMMAND_LINE:
        return "the command line does not know who decides: an exception is decided at the console"
    # (2) Not his own request.
    if is_same_person(connection, school_id, user, request.asked_by):
        return "whoever asked for an exception does not decide it: somebody else does"
    if is_made_by(connection, school_id, user, request.asked_by):
        return "whoever asked for it made your user, or gave it its roles or a password: somebody else decides"
    # (3) Not his own exception.
    own = list_accounts_of(connection, school_id, user)
    for person in load_people(connection, school_id, request.scope.people).values():
        if person.user_name == user or own.intersection(person.accounts):
            return "nobody decides an exception that is for himself: somebody else does"
    return ""
