# SPDX-License-Identifier: Apache-2.0
"""A user's own account: the password, and the way out."""

from starlette.responses import Response

from collector.console.guard import Door, Route
from collector.console.visit import Visit
from collector.errors import PermissionDeniedError, UsageError
from collector.passwords import SHORTEST
from collector.users import change_password
from collector.roles import ROLES
from collector.sessions import end_every_session, end_session


def show_account(visit: Visit) -> Response:
    """Show who is signed in, and what the role may do."""
    return visit.page("account.html", duties=ROLES[visit.user.role])


def show_password(visit: Visit) -> Response:
    """Show the form for a new password; the only page for a user with a one-time one."""
    return visit.page("password.html", shortest=SHORTEST, wrong_field="")


def take_password(visit: Visit) -> Response:
    """Change the password; this browser stays signed in, with a new session."""
    old, new = visit.field("old"), visit.field("new")
    visit.console.attempts.count(visit.user.user, visit.address)
    try:
        if new != visit.field("again"):
            raise UsageError("the two new passwords are not the same")
        session_id = change_password(visit.engine, visit.school_id, visit.user.user, old, new, visit.now_ns)
    except PermissionDeniedError as error:
        visit.console.attempts.note_failure(visit.address)
        return visit.page("password.html", status=403, error=error, shortest=SHORTEST, wrong_field="old")
    except UsageError as error:
        return visit.page("password.html", error=error, shortest=SHORTEST, wrong_field="new")
    visit.console.attempts.note_success(visit.user.user, visit.address)
    response = visit.redirect("/" if visit.user.must_change_password else "/account", done="password")
    visit.console.cookie.set(response, session_id)
    return response


def sign_out(visit: Visit) -> Response:
    """End this session."""
    end_session(visit.engine, visit.school_id, visit.user, visit.now_ns)
    return _leave(visit)


def sign_out_everywhere(visit: Visit) -> Response:
    """End every session of this user."""
    end_every_session(visit.engine, visit.school_id, visit.user, visit.now_ns)
    return _leave(visit)


def _leave(visit: Visit) -> Response:
    response = visit.redirect("/sign-in", done="signed-out")
    visit.console.cookie.clear(response)
    return response


ROUTES = (
    Route(method="GET", path="/account", page=show_account, needs=Door.SIGNED_IN),
    Route(
        method="GET",
        path="/account/password",
        page=show_password,
        needs=Door.SIGNED_IN,
        for_one_time_password=True,
    ),
    Route(
        method="POST",
        path="/account/password",
        page=take_password,
        needs=Door.SIGNED_IN,
        for_one_time_password=True,
    ),
    Route(
        method="POST",
        path="/account/sign-out",
        page=sign_out,
        needs=Door.SIGNED_IN,
        for_one_time_password=True,
    ),
    Route(method="POST", path="/account/sign-out-everywhere", page=sign_out_everywhere, needs=Door.SIGNED_IN),
)
