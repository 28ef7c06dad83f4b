# SPDX-License-Identifier: Apache-2.0
"""The one door of the console: every request passes here before a page sees it.

    1 origin      a form comes from a page of ours, not from another site
    2 session     the cookie names a session in force; otherwise: sign in
    3 password    a one-time password is changed before anything else
    4 factor      then whoever reads safeguarding gives the second factor, before anything else
    5 permission  a role of the user has what the route needs (`collector.roles`)
    6 token       a form carries the session's own token

What each route needs is data, beside its page. Which incidents a user reads is the business of the queries, which
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
from collector.console.wording import ROLES
from collector.roles import Permission, list_permissions
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
    for_one_factor: bool = False
    """Open to a user who has still to give the second factor."""
    max_files: int = 0
    """How many files its form may carry."""
    max_body_bytes: int = MAX_FORM_BYTES


def make_endpoint(console: Console, route: Route) -> Callable[[Request], Awaitable[Response]]:
    """Return what Starlette calls for a route. Everything but reading the form runs in a thread: it may block."""

    async def endpoint(request: Request) -> Response:
        form = FormData()
        if route.method == "POST":
            verify_same_site(request)
            form = await request.form(max_files=route.max_files, max_fields=MAX_FORM_FIELDS)
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
        # (4) A password alone does not open what a role with a second factor may do, nor its user's other roles.
        if session.lacks_second_factor and not session.must_change_password and not route.for_one_factor:
            return RedirectResponse(_with_next("/account/second-factor", request), status_code=303)
        # (5) What the roles may do is read from the table of users at every request.
        if isinstance(route.needs, Permission) and route.needs not in list_permissions(session.roles):
            yours = " and ".join(ROLES[role] for role in sorted(session.roles))
            raise HTTPException(403, f"This is for a role that may {route.needs}. Yours: {yours}.")
        # (6) Another site cannot know the token, even if a browser lets it send a form with the cookie.
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
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in?done=session-ended"})
    return RedirectResponse(_with_next(address, request), status_code=303)


def _with_next(address: str, request: Request) -> str:
    """Return an address with the page that was asked for, to come back to."""
    if request.method == "POST" or request.url.path == "/":
        return address
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return address + ("&" if "?" in address else "?") + f"next={quote(back, safe='')}"


def _has_token(form: FormData, session: Session) -> bool:
    token = form.get("csrf")
    return isinstance(token, str) and compare_digest(token.encode(), session.csrf_token.encode())
