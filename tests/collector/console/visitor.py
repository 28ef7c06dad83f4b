# SPDX-License-Identifier: Apache-2.0
"""A browser for tests without a browser: speaks ASGI to the console, keeps cookies and the token of the last form."""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette

ORIGIN = "https://console.example"
HOST = "console.example"
SAME_ORIGIN = {"origin": "null", "sec-fetch-site": "same-origin"}
"""What a browser sends with a form of ours: our pages tell nobody where they are."""


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: list[tuple[str, str]]
    text: str
    body: bytes = b""
    """What the text was; for a download, which is none."""

    def header(self, name: str) -> str:
        """Return a header, empty when it is not there."""
        return next((value for each, value in self.headers if each == name.lower()), "")

    @property
    def location(self) -> str:
        """Where it leads."""
        return self.header("location")

    @property
    def cookies(self) -> list[str]:
        """Every Set-Cookie."""
        return [value for name, value in self.headers if name == "set-cookie"]

    @property
    def words(self) -> str:
        """The text that a person reads, tags taken out and spaces made one."""
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.text)).split())


@dataclass
class Visitor:
    """Somebody with a browser."""

    app: Starlette
    address: str = "192.0.2.7"
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""
    """The token of the last form that was seen."""
    bug: type[Exception] | None = None
    """An error that the console is made to fail with: it answers and hands the error on, and a server would log it."""

    def get(self, path: str, **headers: str) -> Answer:
        """Open a page."""
        return self.send("GET", path, headers={"sec-fetch-site": "none", **_dashed(headers)})

    def post(self, path: str, fields: Any = (), *, headers: dict[str, str] | None = None) -> Answer:
        """Send a form of the console, with the token that was last seen."""
        pairs = list(fields.items()) if isinstance(fields, dict) else list(fields)
        if self.csrf and not any(name == "csrf" for name, _ in pairs):
            pairs.append(("csrf", self.csrf))
        return self.send(
            "POST", path, body=urlencode(pairs).encode(), headers=SAME_ORIGIN if headers is None else headers
        )

    def send(self, method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Send any request and keep what the answer says about cookies and tokens."""
        sent = {"host": HOST, "content-length": str(len(body)), **(headers or {})}
        if method == "POST":
            sent.setdefault("content-type", "application/x-www-form-urlencoded")
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = asyncio.run(self._ask(method, path, body, sent))
        for header in answer.cookies:
            for name, morsel in SimpleCookie(header).items():
                if morsel.value and morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        shown = re.search(r'name="csrf" value="([^"]+)"', answer.text)
        self.csrf = shown.group(1) if shown else self.csrf
        return answer

    def sign_in(self, name: str, password: str) -> Answer:
        """Sign in and open the start page."""
        answer = self.post("/sign-in", {"name": name, "password": password})
        if answer.status == 303:
            self.get("/account/password")
        return answer

    def give_code(self, code: str) -> Answer:
        """Give the second factor and see the page that it leads to."""
        self.get("/account/second-factor")
        answer = self.post("/account/second-factor", {"code": code})
        if answer.status == 303:
            self.get("/account")
        return answer

    async def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        url = urlsplit(path)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": url.path,
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": (self.address, 50000),
            "server": (HOST, 443),
        }
        messages: list[Any] = []
        parts = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not parts:
                # Nothing more comes, and nobody hangs up.
                await asyncio.Event().wait()
            return parts.pop()

        async def send(message: Any) -> None:
            messages.append(message)

        with suppress(*([self.bug] if self.bug else [])):
            await self.app(scope, receive, send)
        start, body = messages[0], b"".join(message.get("body", b"") for message in messages[1:])
        received = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]
        return Answer(start["status"], received, body.decode(errors="replace"), body)


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
