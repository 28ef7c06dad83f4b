# SPDX-License-Identifier: Apache-2.0
"""The cookie that carries a session's id. What the id stands for is in `collector.sessions`."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Cookie:
    """Reads and writes the cookie."""

    school_id: str
    is_secure: bool
    """Whether the console is reached over TLS; without, it is served on loopback only."""

    @property
    def name(self) -> str:
        """Of this school's own: browsers tell the consoles on one machine not apart by their ports.

        The prefix makes a browser refuse the cookie from another host, path or plain HTTP.
        """
        name = f"schoolwarden-{self.school_id[:8]}"
        return f"__Host-{name}" if self.is_secure else name

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
