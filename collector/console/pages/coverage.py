# SPDX-License-Identifier: Apache-2.0
"""What the school's policy asks, clause by clause, and what carries it out: for governors and for whoever doubts."""

from collections import Counter
from functools import cache

from starlette.responses import Response

from collector.console.guard import Route
from collector.console.visit import Visit
from collector.policies import load_policy
from collector.roles import Permission
from rules.coverage import Coverage, Extent, hold_against
from rules.errors import RulesError
from rules.load import load_coverage, load_pack, parse_files
from rules.model import Policy


def show_coverage(visit: Visit) -> Response:
    """Show every clause of the pack in force, or those that are carried out so far and no further."""
    policy = load_policy(visit.engine, visit.console.config)
    pack = _load(policy.pack)
    rows = hold_against(*pack, policy) if pack else []
    wanted = visit.asked("extent")
    return visit.page(
        "coverage.html",
        policy=policy,
        counts=Counter(row.extent for row in rows),
        extents=tuple(Extent),
        wanted=wanted if wanted in set(Extent) else "",
        rows=[row for row in rows if wanted in ("", row.extent) or wanted not in set(Extent)],
        total=len(rows),
        switched_off=sum(bool(row.switched_off) for row in rows),
    )


@cache
def _load(name: str) -> tuple[list[Coverage], Policy] | None:
    """Return the rows of a pack and the pack; None for one that this version does not come with."""
    try:
        return load_coverage(name), parse_files(load_pack(name))
    except RulesError:
        return None


ROUTES = (Route(method="GET", path="/coverage", page=show_coverage, needs=Permission.SEE_POLICY),)
