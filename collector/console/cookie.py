# SPDX-License-Identifier: Apache-2.0
"""The cookie that carries a session's id. What the id stands for is in `collector.sessions`."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Cookie:
    """Reads and writes the cookie."""

    is_secure: bool
    """Whether the console is reached over TLS; without, it is served on loopback only."""

    @property
    def name(self) -> str:
        """The prefix makes a browser refuse the cookie from another host, path or plain HTTP."""
        return "__Host-schoolwarden" if self.is_secure else "schoolwarden"

    def find(self, request: Request) -> str | None:
        """Return the session id that a browser sent, or None."""
        return request.cookies.get(self.name)

    def set(self, response: Response, session_id: str) -> None:
        """Give a session's id to the browser, which forgets it when it is closed."""
        response.set_cookie(
            self.name,
            session_id,
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite="strict",
        )

    def clear(self, response: Response) -> None:
        """Take it back."""
        response.delete_cookie(self.name, path="/", secure=self.is_secure, httponly=True, samesite="strict")
