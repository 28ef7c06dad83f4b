# SPDX-License-Identifier: Apache-2.0
"""One request on its way through the console: who asks, what was sent, and how to answer.

A visit is made by `guard` after all its checks; pages get nothing else.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Engine
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from collector.config import Config
from collector.console.attempts import Attempts
from collector.console.cookie import Cookie
from collector.console.rendering import Rendering
from collector.console.wording import NEWS, NOTICES
from collector.errors import CollectorError
from collector.roles import Permission, list_audiences, list_permissions
from collector.sessions import Session
from proto.events import Audience

NAVIGATION = (
    ("/flags", "Flags", Permission.READ_FLAGS),
    ("/incidents", "Incidents", Permission.SEE_INCIDENTS),
    ("/parents", "Parents", Permission.DECIDE_PARENTS),
    ("/devices", "Devices", Permission.SEE_DEVICES),
    ("/proposals", "Allow list", Permission.DECIDE_PROPOSALS),
    ("/media", "USB devices", Permission.SEE_DEVICES),
    ("/exceptions", "Exceptions", Permission.ASK_EXCEPTIONS),
    ("/policy", "Policy", Permission.SEE_POLICY),
    ("/coverage", "Policy coverage", Permission.SEE_POLICY),
    ("/people", "People", Permission.MANAGE_PEOPLE),
    ("/users", "Users", Permission.MANAGE_USERS),
    ("/readers", "Readers", Permission.SEE_READERS),
    ("/identity", "My key", Permission.READ_FLAGS),
    ("/audit", "Audit log", Permission.REVIEW_AUDIT),
)

Publish = Callable[[str, str], int]
"""Puts the policy in force on its way to the devices: actor and reason in, version out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What all visits share."""

    config: Config
    engine: Engine
    publish: Publish
    clock_ns: Callable[[], int]
    rendering: Rendering
    cookie: Cookie
    attempts: Attempts
    """At passwords."""
    code_attempts: Attempts
    """At codes of the second factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request."""

    console: Console
    request: Request
    session: Session | None
    """None on the pages that anybody may see."""
    form: FormData
    now_ns: int

    @property
    def engine(self) -> Engine:
        """The database."""
        return self.console.engine

    @property
    def school_id(self) -> str:
        """The school that every query is for."""
        return self.console.config.school_id

    @property
    def user(self) -> Session:
        """Who is signed in; only for pages that ask for it."""
        if self.session is None:
            raise RuntimeError("this page is open to anybody and has no user")
        return self.session

    @property
    def audiences(self) -> Collection[Audience]:
        """Whose incidents this user reads."""
        return list_audiences(self.user.roles)

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.request.client.host if self.request.client else "unknown"

    def may(self, permission: Permission) -> bool:
        """Return whether this user has a permission: for what a page offers, `guard` decides what it does."""
        return self.session is not None and permission in list_permissions(self.session.roles)

    def field(self, name: str) -> str:
        """Return a field of the form, empty when it was not sent.

        Raises:
            HTTPException: it holds what no text holds.
        """
        value = self.form.get(name, "")
        return _to_text(value) if isinstance(value, str) else ""

    def asked(self, name: str) -> str:
        """Return a part of the address behind the question mark, empty when it is not there.

        Raises:
            HTTPException: it holds what no text holds.
        """
        return _to_text(self.request.query_params.get(name, ""))

    def param(self, name: str) -> str:
        """Return a part of the path.

        Raises:
            HTTPException: it holds what no text holds.
        """
        return _to_text(str(self.request.path_params[name]))

    def upload(self, name: str) -> bytes:
        """Return the content of a file that the form carries, empty when it carries none of this name."""
        value = self.form.get(name)
        return value.file.read() if isinstance(value, UploadFile) else b""

    @property
    def next_page(self) -> str:
        """The page of ours that the form, or else the address, says to go to next; one elsewhere is nothing."""
        address = self.field("next") or self.asked("next")
        is_ours = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
        return address if is_ours else ""

    def page(
        self, template: str, *, status: int = 200, error: CollectorError | None = None, **context: Any
    ) -> HTMLResponse:
        """Answer with a page; with an error, that says at its top what was not right."""
        text = self.console.rendering.render(template, self._context() | {"error": error} | context)
        return HTMLResponse(text, status_code=400 if error and status == 200 else status)

    def redirect(self, path: str, **parameters: str) -> Response:
        """Answer a form with the address of the page to see next."""
        return RedirectResponse(f"{path}?{urlencode(parameters)}" if parameters else path, status_code=303)

    @property
    def _is_let_in(self) -> bool:
        """Whether nothing is asked of this user any more before the pages are open."""
        session = self.session
        return session is not None and not session.must_change_password and not session.lacks_second_factor

    def _context(self) -> dict[str, Any]:
        path, done = self.request.url.path, self.request.query_params.get("done", "")
        return {
            "visit": self,
            "user": self.session,
            "csrf": self.session.csrf_token if self.session else "",
            "notice": NOTICES.get(done),
            "is_news": done in NEWS,
            "navigation": [
                {"href": href, "text": text, "is_current": path == href, "is_here": path.startswith(href)}
                for href, text, permission in NAVIGATION
                if self.may(permission) and self._is_let_in
            ],
            "Permission": Permission,
        }


def _to_text(value: str) -> str:
    if "\x00" in value:
        # No browser sends it, PostgreSQL takes it in no text, and an error of the database is no answer.
        raise HTTPException(400, "What was sent holds a character that no text holds.")
    return value
