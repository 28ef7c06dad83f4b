# SPDX-License-Identifier: Apache-2.0
"""The users of the console: added, reset, disabled, away. A one-time password is shown once, in the answer."""

from starlette.responses import Response

from collector.absences import end_absence, list_absences, note_absence, read_days
from collector.console.clock import find_zone
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.roles import ROLES, Permission, Role, list_permissions
from collector.users import add_user, disable, enable, list_users, reset_password, reset_second_factor


def show_users(visit: Visit, error: UsageError | None = None) -> Response:
    """Show all users and the form for a new one."""
    everybody = list_users(visit.engine, visit.school_id)
    return visit.page(
        "users.html",
        error=error,
        users=everybody,
        readers=[user.name for user in everybody if Permission.READ_FLAGS in list_permissions(user.roles)],
        absences=list_absences(visit.engine, visit.school_id, visit.now_ns),
        away=visit.field("away"),
        from_day=visit.field("from"),
        until_day=visit.field("until"),
        roles=ROLES,
        name=visit.field("name"),
        chosen=visit.form.getlist("role"),
    )


def add(visit: Visit) -> Response:
    """Add a user and show the one-time password."""
    name = visit.field("name").strip().lower()
    try:
        roles = {role for role in Role if role in visit.form.getlist("role")}
        password = add_user(visit.engine, visit.school_id, name, roles, visit.now_ns, actor=visit.user.user)
    except UsageError as error:
        return show_users(visit, error)
    return visit.page("one_time_password.html", name=name, password=password, is_new=True)


def reset(visit: Visit) -> Response:
    """Give a user a new one-time password and show it."""
    name = visit.param("name")
    try:
        password = reset_password(visit.engine, visit.school_id, name, visit.now_ns, actor=visit.user.user)
    except UsageError as error:
        return show_users(visit, error)
    return visit.page("one_time_password.html", name=name, password=password, is_new=False)


def reset_code(visit: Visit) -> Response:
    """Take a user's second factor away."""
    try:
        reset_second_factor(visit.engine, visit.school_id, visit.param("name"), visit.now_ns, actor=visit.user.user)
    except UsageError as error:
        return show_users(visit, error)
    return visit.redirect("/users", done="second-factor-reset")


def note_away(visit: Visit) -> Response:
    """Note that a reader of flags is away."""
    try:
        from_ns, until_ns = read_days(visit.field("from"), visit.field("until"), find_zone())
        note_absence(
            visit.engine,
            visit.school_id,
            user=visit.field("away"),
            from_ns=from_ns,
            until_ns=until_ns,
            actor=visit.user.user,
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return show_users(visit, error)
    return visit.redirect("/users", done="away")


def note_back(visit: Visit) -> Response:
    """End a user's absence, or take back the next."""
    name, actor = visit.param("name"), visit.user.user
    try:
        end_absence(visit.engine, visit.school_id, user=name, actor=actor, now_ns=visit.now_ns)
    except UsageError as error:
        return show_users(visit, error)
    return visit.redirect("/users", done="back")


def disable_user(visit: Visit) -> Response:
    """Take a user's access away."""
    try:
        disable(visit.engine, visit.school_id, visit.param("name"), visit.now_ns, actor=visit.user.user)
    except UsageError as error:
        return show_users(visit, error)
    return visit.redirect("/users", done="disabled")


def enable_user(visit: Visit) -> Response:
    """Give a user's access back."""
    try:
        enable(visit.engine, visit.school_id, visit.param("name"), visit.now_ns, actor=visit.user.user)
    except UsageError as error:
        return show_users(visit, error)
    return visit.redirect("/users", done="enabled")


ROUTES = (
    Route(method="GET", path="/users", page=show_users, needs=Permission.MANAGE_USERS),
    Route(method="POST", path="/users", page=add, needs=Permission.MANAGE_USERS),
    Route(method="POST", path="/users/{name}/reset", page=reset, needs=Permission.MANAGE_USERS),
    Route(method="POST", path="/users/{name}/reset-second-factor", page=reset_code, needs=Permission.MANAGE_USERS),
    Route(method="POST", path="/users/{name}/disable", page=disable_user, needs=Permission.MANAGE_USERS),
    Route(method="POST", path="/users/{name}/enable", page=enable_user, needs=Permission.MANAGE_USERS),
    Route(method="POST", path="/absences", page=note_away, needs=Permission.MANAGE_PEOPLE),
    Route(method="POST", path="/absences/{name}/end", page=note_back, needs=Permission.MANAGE_PEOPLE),
)
