# SPDX-License-Identifier: Apache-2.0
"""Who reads a safeguarding flag. Pure: the device chooses recipients with it, the collector chooses readers with it.

The law, held by a property test over all positions, absences and conflicts: **nobody whom a flag may be about is ever
among its readers.** A flag may be about whoever typed it and about every role-holder whose name stands in it. It goes
to the lowest rung that lies above all of them and has a holder: a sentence about the deputy does not go to the
designated safeguarding lead, who works beside him, but to the head. Sources: KCSIE part 4 (an allegation against the
head goes to the chair of governors) and clause BX-12 (no report ever reaches its own subject).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from proto.recipients import RecipientSet


class Position(StrEnum):
    """A position in the school that makes somebody a reader of flags."""

    DSL = "dsl"
    DEPUTY_DSL = "deputy_dsl"
    HEADTEACHER = "headteacher"
    CHAIR_OF_GOVERNORS = "chair_of_governors"


class Route(StrEnum):
    """To whom a flag goes, from the lowest rung up."""

    DSL = "dsl"
    HEAD = "head"
    CHAIR = "chair"
    OUTSIDE = "outside"
    """Nobody in the school may read it: the local authority's designated officer (LADO) is told in person."""


RUNGS: Mapping[Route, frozenset[Position]] = {
    Route.DSL: frozenset({Position.DSL, Position.DEPUTY_DSL}),
    Route.HEAD: frozenset({Position.HEADTEACHER}),
    Route.CHAIR: frozenset({Position.CHAIR_OF_GOVERNORS}),
}
"""From the lowest up."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who holds one or several positions."""

    id: str
    positions: frozenset[Position]


def choose_route(holders: Collection[Holder], subjects: Collection[str]) -> Route:
    """Return the lowest route above everybody whom the flag may be about. `subjects` are ids of holders."""
    about = {position for holder in holders if holder.id in subjects for position in holder.positions}
    rungs = list(RUNGS.items())
    above = max((place for place, (_, positions) in enumerate(rungs) if positions & about), default=-1) + 1
    for route, positions in rungs[above:]:
        if any(holder.positions & positions for holder in holders):
            return route
    return Route.OUTSIDE


def find_readers(holders: Collection[Holder], route: Route, absent: Collection[str] = ()) -> frozenset[str]:
    """Return the ids of those who read what goes this way; nobody for `OUTSIDE`.

    Somebody who is absent stays a reader: he will be back. But when nobody of a rung is there, the next one up reads
    as well, until there is somebody. Absence never takes the reader away, so it cannot be used to choose another.
    """
    readers: set[str] = set()
    rungs = list(RUNGS.items())
    if route is Route.OUTSIDE:
        return frozenset()
    for _, positions in rungs[list(RUNGS).index(route) :]:
        here = {holder.id for holder in holders if holder.positions & positions}
        readers |= here
        if here - set(absent):
            break
    return frozenset(readers)


def list_holders(content: RecipientSet) -> tuple[Holder, ...]:
    """Return those of a signed set who count as readers: who holds a position and has opened a test item.

    Both sides use this.
    """
    known = {position.value: position for position in Position}
    tested = [
        Holder(each.id, frozenset(known[name] for name in each.positions if name in known)) for each in content.tested
    ]
    return tuple(holder for holder in tested if holder.positions)
