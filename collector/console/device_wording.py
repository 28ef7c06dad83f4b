# SPDX-License-Identifier: Apache-2.0
"""The console's words for a device: its clock, its keys, how it came to go on for another, how it left the school."""

from collector.disposals import Method
from proto.enrolment import ENROLLED_AGAIN, FORKED, ROLLED_BACK
from proto.keys import ED25519, P256

CLOCK_SHOWN_FROM_NS = 60 * 10**9
"""A clock that is off by less is not worth a word."""
UNITS = ((365 * 86_400, "year"), (86_400, "day"), (3_600, "h"), (60, "min"), (1, "s"))

STATES = {"pending": "To be confirmed", "active": "In use", "revoked": "Revoked", "retired": "Retired"}

KEYS = {
    ED25519: "Ed25519: made and held by software",
    P256: "ECDSA P-256: it may be held in a chip of the machine, which nobody can see from here",
}
"""By the algorithm of the evidence key, as far as that tells something."""

SUCCESSIONS = {
    FORKED: "Two machines spoke under one identity. This one asked for keys of its own.",
    ROLLED_BACK: "It knew less than it had said before: it was set back, or it is a copy. It asked for new keys.",
    ENROLLED_AGAIN: "It was enrolled again with a token, and held the keys from before.",
}

METHODS = {
    Method.RECYCLED: "Recycled",
    Method.SOLD: "Sold",
    Method.DONATED: "Donated",
    Method.RETURNED: "Returned to its owner",
    Method.DESTROYED: "Destroyed",
    Method.LOST: "Lost or stolen",
}


def show_clock(offset_ns: int) -> str:
    """Return how far a machine's clock is off: `3 h 12 min ahead`; empty when it is not worth a word."""
    if abs(offset_ns) < CLOCK_SHOWN_FROM_NS:
        return ""
    seconds, parts = abs(offset_ns) // 10**9, []
    for size, name in UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            is_plural = count > 1 and name in ("year", "day")
            parts.append(f"{count} {name}{'s' if is_plural else ''}")
        if len(parts) == 2 or (parts and not count):
            break
    return f"{' '.join(parts)} {'ahead' if offset_ns > 0 else 'behind'}"


def show_key(algorithm: str) -> str:
    """Return what is known of where a key lives."""
    return KEYS.get(algorithm, algorithm)
