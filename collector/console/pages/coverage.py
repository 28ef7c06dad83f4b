# SPDX-License-Identifier: Apache-2.0
"""What the school's policy asks, clause by clause, and what carries it out: for governors and for whoever doubts."""

from collections import Counter
from functools import cache

from starlette.responses import Response

from collector.console.guard import Route
from collector.console.visit import Visit
from collector.policies import load_policy
from collector.roles import Permission
from rules.coverage import Coverage, Extent
from rules.errors import RulesError
from rules.load import load_coverage, load_pack, parse_files


def show_coverage(visit: Visit) -> Response:
    """Show every clause of the pack in force, or those that are carried out so far and no further."""
    policy = load_policy(visit.engine, visit.console.config)
    rows, pack_rules = _load(policy.pack)
    wanted = visit.asked("extent")
    return visit.page(
        "coverage.html",
        policy=policy,
        counts=Counter(row.extent for row in rows),
        extents=tuple(Extent),
        wanted=wanted if wanted in set(Extent) else "",
        rows=[row for row in rows if wanted in ("", row.extent) or wanted not in set(Extent)],
        total=len(rows),
        switched_off=pack_rules - {rule.id for rule in policy.rules},
    )


@cache
def _load(pack: str) -> tuple[list[Coverage], frozenset[str]]:
    """Return the rows of a pack and the ids of its rules; neither for one that this version does not come with."""
    try:
        return load_coverage(pack), frozenset(rule.id for rule in parse_files(load_pack(pack)).rules)
    except RulesError:
        return [], frozenset()


ROUTES = (Route(method="GET", path="/coverage", page=show_coverage, needs=Permission.SEE_POLICY),)
