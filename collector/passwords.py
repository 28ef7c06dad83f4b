# SPDX-License-Identifier: Apache-2.0
"""Passwords: how they are hashed, what a new one must be, and one-time ones that we make ourselves.

argon2id with the parameters that OWASP gives for servers: 19 MiB and two passes, about 20 ms. The library's own
default takes 64 MiB and four threads for each sign-in. Whose password it is belongs to `people`.
"""

import secrets
import unicodedata
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from collector.errors import UsageError

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
AT_ONCE = 4
"""Hashes computed at the same time, so that a flood of sign-ins takes 76 MiB and not all memory."""

SHORTEST = 12
LONGEST = 256
LEFT_WITHOUT_NAME = 8
"""Characters that must be left of a password when the user's name is taken out of it."""

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without characters that are read for one another: i l 1, o 0."""
GROUPS = 5
GROUP_LENGTH = 4

_slots = BoundedSemaphore(AT_ONCE)


def make_one_time_password() -> str:
    """Return a new password of 99 random bits that can be read out: `k7mp-x2vd-9thq-c4wn-yb6r`."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join(groups)


def hash_password(password: str) -> str:
    """Return the hash to keep of a password."""
    with _slots:
        return HASHER.hash(_normalise(password))


def is_password(kept: str | None, password: str) -> bool:
    """Return whether a password is the one behind a kept hash. Without a hash it takes as long and says no."""
    try:
        with _slots:
            HASHER.verify(kept or _nobodys_hash(), _normalise(password))
    except (VerifyMismatchError, InvalidHashError):
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Return whether a hash was made with other parameters than today's."""
    return HASHER.check_needs_rehash(kept)


def verify_new_password(password: str, *, name: str) -> None:
    """Check that a password may be chosen by the user of this name.

    Raises:
        UsageError: it is too short, too long, or little more than the name.
    """
    chosen = _normalise(password)
    if len(chosen) < SHORTEST:
        raise UsageError(
            f"the new password is shorter than {SHORTEST} characters", hint="three or four words are easy to remember"
        )
    if len(chosen) > LONGEST:
        raise UsageError(f"the new password is longer than {LONGEST} characters")
    if len(set(chosen)) < LEFT_WITHOUT_NAME / 2:
        raise UsageError("the new password is the same few characters again and again")
    if len(chosen.casefold().replace(name, "")) < min(LEFT_WITHOUT_NAME, len(chosen)):
        raise UsageError("the new password is little more than the user's name")


@cache
def _nobodys_hash() -> str:
    """What an unknown name's password is compared with, so that the time taken does not say who exists."""
    return HASHER.hash(secrets.token_hex(16))


def _normalise(password: str) -> str:
    # The same letters typed on another system may come in other code points.
    return unicodedata.normalize("NFKC", password)[: LONGEST + 1]
