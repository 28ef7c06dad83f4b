# SPDX-License-Identifier: Apache-2.0
"""The pages for when something is not right, in plain words. They need no database and no session."""

import logging
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from collector.console.clock import show_span
from collector.console.headers import protect
from collector.console.rendering import Rendering
from collector.errors import PermissionDeniedError, StoreError, UsageError
from proto.errors import SchoolwardenError

TITLES = {
    400: "This cannot be done",
    403: "You may not do this",
    404: "There is no such page",
    405: "There is no such page",
    413: "That was too much at once",
    429: "Too many attempts",
    500: "Something went wrong here",
    503: "The console cannot answer at the moment",
}
TEXTS = {
    404: "The address may be mistyped, or what it showed is not there for you.",
    405: "This address is part of a form. Go to the start page and find the form again.",
    413: "The form is larger than this console takes.",
    429: "There were too many attempts with a wrong password or code. Nothing is wrong with your account.",
    500: "It is not your mistake. What happened is in the collector's log; please tell whoever looks after it.",
}

log = logging.getLogger(__name__)

Handler = Callable[[Request, Exception], Awaitable[Response]]


def make_handlers(rendering: Rendering) -> dict[type[Exception], Handler]:
    """Return what Starlette calls for each family of errors."""

    def answer(status: int, text: str = "", hint: str = "", headers: dict[str, str] | None = None) -> Response:
        title = TITLES.get(status, TITLES[400])
        context = {"title": title, "text": text or TEXTS.get(status, ""), "hint": hint}
        return HTMLResponse(rendering.render("failure.html", context), status_code=status, headers=headers)

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        # Starlette's own detail is the name of the status; ours are sentences.
        text = error.detail if error.detail.endswith(".") else ""
        headers = dict(error.headers or {})
        wait_s = int(headers.get("Retry-After", 0))
        hint = f"Try again in {show_span(max(wait_s, 60) * 10**9)}." if wait_s else ""
        return answer(error.status_code, text, hint, headers)

    async def known(_request: Request, error: Exception) -> Response:
        assert isinstance(error, SchoolwardenError)
        if isinstance(error, UsageError | PermissionDeniedError):
            status = 400 if isinstance(error, UsageError) else 403
            return answer(status, _sentence(error.message), _sentence(error.hint))
        # The message may name hosts and accounts of the database; who is not signed in may read this page.
        log.error("a page could not be made: %s", error.message)
        text = "The database cannot be used." if isinstance(error, StoreError) else "What it needs does not verify."
        return answer(503, text, _sentence(error.hint))

    async def unexpected(_request: Request, _error: Exception) -> Response:
        # Starlette answers outside all middleware, then hands the error on to the server, which logs it.
        response = answer(500)
        protect(response.headers)
        return response

    return {HTTPException: refused, SchoolwardenError: known, Exception: unexpected}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""
