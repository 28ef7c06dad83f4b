# SPDX-License-Identifier: Apache-2.0
"""Counts attempts at passwords and codes, so that guessing takes longer than a school exists.

Counted in memory: a restart forgets, and whoever can restart the collector needs no password. By name every attempt
counts until one succeeds: few from one address, so that a stranger's guesses do not lock the user out, and more from
all of them together. By address alone only failures count, because a whole school may come from one.
"""

import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.exceptions import HTTPException

ALLOWED = 10
"""At one name from one address, and failures from one address."""
ALLOWED_FROM_ALL = 100
"""At one name, wherever from."""
WINDOW_MIN = 5
CODES_ALLOWED_FROM_ALL = 10
CODES_WINDOW_MIN = 60
"""A code has a million values, and three are right: with these, guessing takes years, and each guess is in the log."""
LONGEST_NAME = 64
"""No user has a longer one; what is longer is not worth keeping in memory."""


class Attempts:
    """The attempts at the passwords, or at the codes, of one console."""

    def __init__(self, *, allowed_from_all: int = ALLOWED_FROM_ALL, window_min: int = WINDOW_MIN) -> None:
        self._few = parse(f"{ALLOWED} per {window_min} minutes")
        self._many = parse(f"{allowed_from_all} per {window_min} minutes")
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, name: str, address: str) -> None:
        """Count an attempt before the password is looked at.

        Raises:
            HTTPException: there were too many: 429, with the time after which it can be tried again.
        """
        name = name[:LONGEST_NAME]
        if not self._limiter.test(self._few, "address", address):
            raise self._refuse(self._few, "address", address)
        # Who is refused here does not use up what others may try at the same name.
        if not self._limiter.hit(self._few, "pair", name, address):
            raise self._refuse(self._few, "pair", name, address)
        if not self._limiter.hit(self._many, "name", name):
            raise self._refuse(self._many, "name", name)

    def note_failure(self, address: str) -> None:
        """Count a failed attempt against the address that it came from."""
        self._limiter.hit(self._few, "address", address)

    def note_success(self, name: str, address: str) -> None:
        """Forget the attempts at a name from an address, and from all of them together."""
        name = name[:LONGEST_NAME]
        self._limiter.clear(self._few, "pair", name, address)
        self._limiter.clear(self._many, "name", name)

    def _refuse(self, limit: RateLimitItem, *key: str) -> HTTPException:
        free_at = self._limiter.get_window_stats(limit, *key).reset_time
        wait_s = max(1, int(free_at - time.time()) + 1)
        return HTTPException(429, headers={"Retry-After": str(wait_s)})
