# SPDX-License-Identifier: Apache-2.0
"""The users of the console: added, reset, disabled. A one-time password is shown once, on the page that answers."""

from starlette.responses import Response

from collector.console.guard import Route
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.users import add_user, disable, enable, list_users, reset_password
from collector.roles import ROLES, Permission, Role


def show_users(visit: Visit, error: UsageError | None = None) -> Response:
    """Show all users and the form for a new one."""
    return visit.page(
        "users.html",
        error=error,
        users=list_users(visit.engine, visit.school_id),
        roles=ROLES,
        name=visit.field("name"),
        role=visit.field("role"),
    )


def add(visit: Visit) -> Response:
    """Add a user and show the one-time password."""
    name = visit.field("name").strip().lower()
    try:
        if visit.field("role") not in list(Role):
            raise UsageError("choose a role")
        role = Role(visit.field("role"))
        password = add_user(visit.engine, visit.school_id, name, role, visit.now_ns, actor=visit.user.user)
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
    Route(method="POST", path="/users/{name}/disable", page=disable_user, needs=Permission.MANAGE_USERS),
    Route(method="POST", path="/users/{name}/enable", page=enable_user, needs=Permission.MANAGE_USERS),
)
