# SPDX-License-Identifier: Apache-2.0
"""Counts attempts at passwords, so that guessing takes longer than a school exists.

Counted in memory: a restart forgets, and whoever can restart the collector needs no password. By name every
attempt counts until one succeeds; by address only failures, because a whole school may come from one.
"""

import time

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.exceptions import HTTPException

ALLOWED = 10
WINDOW_MIN = 5


class Attempts:
    """The attempts at passwords of one console."""

    def __init__(self) -> None:
        self._limit = parse(f"{ALLOWED} per {WINDOW_MIN} minutes")
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, name: str, address: str) -> None:
        """Count an attempt before the password is looked at.

        Raises:
            HTTPException: there were too many: 429, with the time after which it can be tried again.
        """
        if not self._limiter.test(self._limit, "address", address):
            raise self._refuse("address", address)
        if not self._limiter.hit(self._limit, "name", name):
            raise self._refuse("name", name)

    def note_failure(self, address: str) -> None:
        """Count a failed attempt against the address that it came from."""
        self._limiter.hit(self._limit, "address", address)

    def note_success(self, name: str) -> None:
        """Forget the attempts at a name."""
        self._limiter.clear(self._limit, "name", name)

    def _refuse(self, kind: str, value: str) -> HTTPException:
        free_at = self._limiter.get_window_stats(self._limit, kind, value).reset_time
        wait_s = max(1, int(free_at - time.time()) + 1)
        return HTTPException(429, headers={"Retry-After": str(wait_s)})
