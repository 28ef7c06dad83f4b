# SPDX-License-Identifier: Apache-2.0
"""Signing in, and where one lands."""

from starlette.responses import Response

from collector.console.guard import Door, Route
from collector.console.visit import NAVIGATION, Visit
from collector.errors import PermissionDeniedError
from collector.users import sign_in


def show_form(visit: Visit) -> Response:
    """Show the form."""
    return visit.page("sign_in.html", name="", next=visit.next_page)


def take_form(visit: Visit) -> Response:
    """Check name and password; a new session starts, whatever cookie the browser brought."""
    name, next_page = visit.field("name").strip().lower(), visit.next_page
    visit.console.attempts.count(name, visit.address)
    try:
        session_id = sign_in(
            visit.engine, visit.school_id, name, visit.field("password"), visit.now_ns, address=visit.address
        )
    except PermissionDeniedError as error:
        visit.console.attempts.note_failure(visit.address)
        return visit.page("sign_in.html", status=403, error=error, name=name, next=next_page)
    visit.console.attempts.note_success(name, visit.address)
    response = visit.redirect(next_page or "/")
    visit.console.cookie.set(response, session_id)
    return response


def show_start(visit: Visit) -> Response:
    """Lead to the first page that this user may see."""
    return visit.redirect(next(href for href, _, permission in NAVIGATION if visit.may(permission)))


ROUTES = (
    Route(method="GET", path="/sign-in", page=show_form, needs=Door.PUBLIC),
    Route(method="POST", path="/sign-in", page=take_form, needs=Door.PUBLIC),
    Route(method="GET", path="/", page=show_start, needs=Door.SIGNED_IN),
)
