# SPDX-License-Identifier: Apache-2.0
"""What of a reader's flags a page shows, and in which order: the most urgent first, drills apart. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from collector.console.clock import show_span
from collector.console.flag_wording import STATES, TIERS
from collector.flags import Flag, FlagState
from proto.events import Tier

STATE_CHOICES = {"waiting": "Not decided", **STATES, "all": "All"}
TIER_CHOICES = {"": "All", **{tier.name.lower(): text for tier, text in TIERS.items()}}
DRILLS_SHOWN_FOR_NS = 7 * 24 * 3600 * 10**9
"""In the list of what waits: nobody decides a drill, so that it would wait for ever."""
LATE_FROM_NS = 10 * 60 * 10**9
MINUTE_NS = 60 * 10**9


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the flags is shown; it lives in the address."""

    state: str = "waiting"
    tier: str = ""
    account: str = ""
    """The reference of an account in hexadecimal; empty for all."""
    before: str = ""
    """Only flags older than this number; empty for the newest."""

    @property
    def states(self) -> tuple[FlagState | None, ...]:
        """The states to ask for; None is all of them."""
        if self.state == "waiting":
            return FlagState.NEW, FlagState.READ
        return (None,) if self.state == "all" else (FlagState(self.state),)

    @property
    def is_plain(self) -> bool:
        """Whether it is what a reader sees who chose nothing."""
        return self == Filter()

    def address(self, path: str = "/flags", seen: str = "", **changed: str) -> str:
        """Return the address of this filter with something changed."""
        other = replace(self, **changed)
        pairs = {"state": other.state, "tier": other.tier, "account": other.account, "before": other.before}
        return f"{path}?{urlencode({name: value for name, value in {**pairs, 'seen': seen}.items() if value})}"


@dataclass(frozen=True, slots=True)
class Sorted:
    """Flags as a page shows them."""

    by_tier: dict[Tier, list[Flag]]
    """Only tiers that have some, the most urgent first; in each, what came last first."""
    drills: list[Flag]
    same: Counter[bytes]
    """How many flags came from each account; an account that nobody could tell is not counted."""


def read_filter(asked: Any) -> Filter:
    """Return the filter that an address asks for; what it does not know is left out."""
    state, tier, account, before = (str(asked.get(name, "")) for name in ("state", "tier", "account", "before"))
    is_account = len(account) == 32 and set(account) <= set("0123456789abcdef")
    is_number = before.isascii() and before.isdigit() and len(before) <= 18
    return Filter(
        state=state if state in STATE_CHOICES else "waiting",
        tier=tier if tier in TIER_CHOICES else "",
        account=account if is_account else "",
        before=before if is_number else "",
    )


def sort_flags(found: Sequence[Flag], chosen: Filter, now_ns: int) -> Sorted:
    """Return the flags that fit a filter, in the order of the page."""
    real = [flag for flag in found if not flag.drill]
    fitting = [
        flag
        for flag in real
        if chosen.tier in ("", flag.tier.name.lower()) and chosen.account in ("", flag.subject_ref.hex())
    ]
    newest_first = sorted(fitting, key=lambda flag: flag.number, reverse=True)
    by_tier = {tier: [flag for flag in newest_first if flag.tier is tier] for tier in TIERS}
    drills = [
        flag
        for flag in sorted(found, key=lambda flag: flag.number, reverse=True)
        if flag.drill and not chosen.tier and not chosen.account
        if chosen.state == "all" or flag.received_at_ns > now_ns - DRILLS_SHOWN_FOR_NS
    ]
    return Sorted(
        by_tier={tier: flags for tier, flags in by_tier.items() if flags},
        drills=drills,
        same=Counter(flag.subject_ref for flag in real if any(flag.subject_ref)),
    )


def is_late(flag: Flag) -> bool:
    """Return whether a flag was long on its way, by the device's clock."""
    return flag.received_at_ns - flag.device_time_ns > LATE_FROM_NS


def show_age(at_ns: int, now_ns: int) -> str:
    """Return how long ago something was, as a page that is made anew every minute can say it."""
    span_ns = now_ns - at_ns
    return "less than a minute" if span_ns < MINUTE_NS else show_span(span_ns)
