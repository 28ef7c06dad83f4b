# SPDX-License-Identifier: Apache-2.0
"""The one door of the console: every request passes here before a page sees it.

    1 origin      a form comes from a page of ours, not from another site
    2 session     the cookie names a session in force; otherwise: sign in
    3 password    a one-time password is changed before anything else
    4 permission  the user's role has what the route needs (`collector.roles`)
    5 token       a form carries the session's own token

What each route needs is data, beside its page. Which incidents a role reads is the business of the queries, which
take the audiences of `Visit.audiences`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from secrets import compare_digest
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from collector.console.visit import Console, Visit
from collector.roles import ROLES, Permission
from collector.sessions import Session, find_session

MAX_FORM_BYTES = 2 * 1024 * 1024
MAX_FORM_FIELDS = 20_000
"""A proposal has a field for each program, and a machine some thousands of programs."""

Page = Callable[[Visit], Response]


class Door(StrEnum):
    """What a route needs that is no permission."""

    PUBLIC = "nothing"
    SIGNED_IN = "any session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An address, its page, and who may come in."""

    method: str
    path: str
    page: Page
    needs: Permission | Door
    refreshes_itself: bool = False
    """Asked for by a page on its own: that keeps no session alive."""
    for_one_time_password: bool = False
    """Open to a user who has still to choose a password."""


def make_endpoint(console: Console, route: Route) -> Callable[[Request], Awaitable[Response]]:
    """Return what Starlette calls for a route. Everything but reading the form runs in a thread: it may block."""

    async def endpoint(request: Request) -> Response:
        form = FormData()
        if route.method == "POST":
            verify_same_site(request)
            form = await request.form(max_files=0, max_fields=MAX_FORM_FIELDS)
        return await run_in_threadpool(_admit, console, route, request, form)

    return endpoint


def verify_same_site(request: Request) -> None:
    """Check that a form was sent from a page of this console.

    Raises:
        HTTPException: it was sent from elsewhere, or by something that does not say from where.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    # Our own pages send `null`, because they tell nobody where they are; then Sec-Fetch-Site has to speak for them.
    is_own_origin = origin not in (None, "null") and urlsplit(origin).netloc == request.headers.get("host")
    if site is not None:
        is_own = site == "same-origin" and (origin in (None, "null") or is_own_origin)
    else:
        is_own = is_own_origin
    if not is_own:
        raise HTTPException(403, "This form was not sent from a page of this console.")


def _admit(console: Console, route: Route, request: Request, form: FormData) -> Response:
    # (1) was done before the form was read; it needs no database.
    now_ns = console.clock_ns()
    session = None
    if route.needs is not Door.PUBLIC:
        # (2) Who is it?
        session = _find_session(console, route, request, now_ns)
        if session is None:
            return _ask_to_sign_in(console, request)
        # (3) Nothing else is open to a one-time password.
        if session.must_change_password and not route.for_one_time_password:
            return RedirectResponse("/account/password", status_code=303)
        # (4) What the role may do is read from the table of users at every request.
        if isinstance(route.needs, Permission) and route.needs not in ROLES[session.role].permissions:
            raise HTTPException(403, f"This is for a role that may {route.needs}. Yours is {session.role}.")
        # (5) Another site cannot know the token, even if a browser lets it send a form with the cookie.
        if route.method == "POST" and not _has_token(form, session):
            raise HTTPException(403, "This form is not of your session. Open the page again and repeat what you did.")
    return route.page(Visit(console=console, request=request, session=session, form=form, now_ns=now_ns))


def _find_session(console: Console, route: Route, request: Request, now_ns: int) -> Session | None:
    session_id = console.cookie.find(request)
    if session_id is None:
        return None
    return find_session(
        console.engine, console.config.school_id, session_id, now_ns, is_activity=not route.refreshes_itself
    )


def _ask_to_sign_in(console: Console, request: Request) -> Response:
    address = "/sign-in"
    if console.cookie.find(request) is not None:
        address += "?done=session-ended"
    if request.method != "POST" and request.url.path != "/":
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        address += ("&" if "?" in address else "?") + f"next={quote(back, safe='')}"
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in?done=session-ended"})
    return RedirectResponse(address, status_code=303)


def _has_token(form: FormData, session: Session) -> bool:
    token = form.get("csrf")
    return isinstance(token, str) and compare_digest(token.encode(), session.csrf_token.encode())
