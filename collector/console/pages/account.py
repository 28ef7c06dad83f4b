# SPDX-License-Identifier: Apache-2.0
"""A user's own account: the password, being away, and the way out."""

from starlette.responses import Response

from collector.absences import end_absence, list_absences, note_absence, read_days
from collector.console.clock import find_zone
from collector.console.guard import Door, Route
from collector.console.visit import Visit
from collector.errors import PermissionDeniedError, UsageError
from collector.passwords import SHORTEST
from collector.roles import ROLES, Permission
from collector.sessions import end_every_session, end_session
from collector.users import change_password


def show_account(visit: Visit) -> Response:
    """Show who is signed in, and what the roles may do."""
    return _show_account(visit)


def note_own_absence(visit: Visit) -> Response:
    """Note that this user is away."""
    try:
        from_ns, until_ns = read_days(visit.field("from"), visit.field("until"), find_zone())
        note_absence(
            visit.engine,
            visit.school_id,
            user=visit.user.user,
            from_ns=from_ns,
            until_ns=until_ns,
            actor=visit.user.user,
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return _show_account(visit, error)
    return visit.redirect("/account", done="away")


def end_own_absence(visit: Visit) -> Response:
    """End this user's absence, or take back the next."""
    user = visit.user.user
    try:
        end_absence(visit.engine, visit.school_id, user=user, actor=user, now_ns=visit.now_ns)
    except UsageError as error:
        return _show_account(visit, error)
    return visit.redirect("/account", done="back")


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
        session_id = change_password(
            visit.engine,
            visit.school_id,
            visit.user.user,
            old,
            new,
            visit.now_ns,
            second_factor_at_ns=visit.user.second_factor_at_ns,
        )
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


def _show_account(visit: Visit, error: UsageError | None = None) -> Response:
    user = visit.user.user
    absences = list_absences(visit.engine, visit.school_id, visit.now_ns, user=user)
    return visit.page(
        "account.html",
        error=error,
        duties={role: ROLES[role] for role in sorted(visit.user.roles)},
        absences=absences,
        from_day=visit.field("from"),
        until_day=visit.field("until"),
    )


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
        for_one_factor=True,
    ),
    Route(method="POST", path="/account/absence", page=note_own_absence, needs=Permission.READ_FLAGS),
    Route(method="POST", path="/account/absence/end", page=end_own_absence, needs=Permission.READ_FLAGS),
    Route(method="POST", path="/account/sign-out-everywhere", page=sign_out_everywhere, needs=Door.SIGNED_IN),
)
