# SPDX-License-Identifier: Apache-2.0
"""An incident's page as whoever decides it sees it, for proofs of what the policy names and of what was done."""

import re

from collector.roles import Role
from proto.events import Audience, Kind
from tests.clauses.proof import replaced
from tests.clauses.world import World
from tests.collector.console.visitor import Answer, Visitor

HEADING = "What the policy names for this"
WITHOUT_ROWS = replaced("collector.console.incident_page.find_row", lambda *_, **__: None)
"""Take away that an incident's page finds the row of the policy that goes with it."""


def open_incident(
    world: World,
    event: Kind,
    rule_id: str,
    *,
    role: Role = Role.TECHNICIAN,
    audience: Audience = Audience.SECURITY,
) -> tuple[Visitor, str]:
    """Publish the pack, let an event happen, and return somebody who is signed in, with the address of its incident."""
    world.publish()
    world.report(event)
    told = world.incidents(rule_id, audience=audience)
    assert told, f"there is no incident of {rule_id}"
    return world.visit(role), f"/incidents/{told[0].id}"


def record(visitor: Visitor, page: str, deed: str, outcome: str) -> Answer:
    """Record what was done: `staff/headteacher`."""
    visitor.get(page)
    return visitor.post(f"{page}/respond", {"deed": deed, "outcome": outcome})


def list_steps(words: str) -> str:
    """Return the part of a page that says what the policy names."""
    return words.partition(HEADING)[2].partition("Record a step")[0]


def find_steps(page: Answer, side: str) -> dict[str, str]:
    """Return the steps that a page offers for a `pupil` or for `staff`, each with Due, Done or Later."""
    listed = page.text.partition(f'aria-labelledby="side-{side}"')[2].partition('aria-labelledby="')[0]
    return dict(re.findall(r'sw-steps__name">([^<]*)</span>\s*<strong[^>]*>(\w+)', listed))
