# SPDX-License-Identifier: Apache-2.0
"""What of a reader's flags a page asks for and shows: the most urgent first, drills apart. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from collector.console.clock import show_span
from collector.console.flag_wording import STATES, TIERS
from collector.flags import Flag, FlagState, Wanted
from proto.events import Tier

STATE_CHOICES = {"waiting": "Not decided", **STATES, "all": "All"}
TIER_CHOICES = {"": "All", **{tier.name.lower(): text for tier, text in TIERS.items()}}
DRILLS_SHOWN_FOR_NS = 7 * 24 * 3600 * 10**9
"""In the list of what waits: nobody decides a drill, so that it would wait for ever."""
LATE_FROM_NS = 10 * 60 * 10**9
MINUTE_NS = 60 * 10**9
PLACE = re.compile(r"(call|alert|review|count)-([0-9]{1,18})")
"""Of a flag in the list: its tier and number."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the flags is shown; it lives in the address."""

    state: str = "waiting"
    tier: str = ""
    account: str = ""
    """The reference of an account in hexadecimal; empty for all."""
    before: str = ""
    """Only what stands after this place in the list; empty for its beginning."""

    @property
    def states(self) -> tuple[FlagState, ...] | None:
        """The states to ask for; None is all of them."""
        if self.state == "waiting":
            return FlagState.NEW, FlagState.READ
        return None if self.state == "all" else (FlagState(self.state),)

    @property
    def wanted(self) -> Wanted:
        """Which flags to ask for; drills are asked for apart."""
        return Wanted(
            states=self.states,
            tier=Tier[self.tier.upper()] if self.tier else None,
            subject_ref=bytes.fromhex(self.account) if self.account else None,
            drill=False,
        )

    @property
    def wanted_drills(self) -> Wanted | None:
        """Which drills to ask for; None are shown with the flags of one tier or account."""
        return None if self.tier or self.account else Wanted(states=self.states, drill=True)

    @property
    def last_seen(self) -> tuple[Tier, int] | None:
        """The tier and number of the flag after which the list goes on."""
        place = PLACE.fullmatch(self.before)
        return (Tier[place[1].upper()], int(place[2])) if place else None

    @property
    def is_plain(self) -> bool:
        """Whether it is what a reader sees who chose nothing."""
        return self == Filter()

    def address(self, path: str = "/flags", seen: str = "", **changed: str) -> str:
        """Return the address of this filter with something changed."""
        other = replace(self, **changed)
        pairs = {"state": other.state, "tier": other.tier, "account": other.account, "before": other.before}
        return f"{path}?{urlencode({name: value for name, value in {**pairs, 'seen': seen}.items() if value})}"


def read_filter(asked: Any) -> Filter:
    """Return the filter that an address asks for; what it does not know is left out."""
    state, tier, account, before = (str(asked.get(name, "")) for name in ("state", "tier", "account", "before"))
    is_account = len(account) == 32 and set(account) <= set("0123456789abcdef")
    return Filter(
        state=state if state in STATE_CHOICES else "waiting",
        tier=tier if tier in TIER_CHOICES else "",
        account=account if is_account else "",
        before=before if PLACE.fullmatch(before) else "",
    )


def name_place(flag: Flag) -> str:
    """Return where in the list a flag stands, as an address says it."""
    return f"{flag.tier.name.lower()}-{flag.number}"


def group_by_tier(found: Sequence[Flag]) -> dict[Tier, list[Flag]]:
    """Return flags in the order that they came in, by tier: the most urgent first, and only tiers that have some."""
    by_tier = {tier: [flag for flag in found if flag.tier is tier] for tier in TIERS}
    return {tier: flags for tier, flags in by_tier.items() if flags}


def leave_out_old(drills: Sequence[Flag], chosen: Filter, now_ns: int) -> list[Flag]:
    """Return the drills that a page shows: under `all` every one, else those of the last days."""
    return [flag for flag in drills if chosen.state == "all" or flag.received_at_ns > now_ns - DRILLS_SHOWN_FOR_NS]


def is_late(flag: Flag) -> bool:
    """Return whether a flag was long on its way, by the device's clock."""
    return flag.received_at_ns - flag.device_time_ns > LATE_FROM_NS


def show_age(at_ns: int, now_ns: int) -> str:
    """Return how long ago something was, as a page that is made anew every minute can say it."""
    span_ns = now_ns - at_ns
    return "less than a minute" if span_ns < MINUTE_NS else show_span(span_ns)
