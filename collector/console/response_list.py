# SPDX-License-Identifier: Apache-2.0
"""Lays out for the page of an incident what the school's policy names for it, and what was done.

The rule names a row of the policy; whoever looks after the incident may say that another fits better, for no machine
knows an accident from intent. What stands in the list can be recorded, and for any incident something else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from collector.console.response_wording import SIDES, tell_when
from collector.incidents import Incident
from collector.parents import Decision, ParentState
from collector.responses import NAMES, OTHER, About, Offered, Recorded, list_offers
from rules.model import Policy, Rule
from rules.responses import Response, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One step under one side, with what was recorded of it."""

    step: str
    name: str
    is_due: bool
    when: str
    done: tuple[Recorded, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What the row names for a pupil, or for a member of staff."""

    about: About
    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One thing that can be recorded."""

    value: str
    """`pupil/warning`: see `read_choice`."""
    name: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """All that the page shows of it."""

    row: Response | None
    """None: the policy names nothing."""
    rows: tuple[Response, ...]
    """Every row of the policy, to choose another."""
    times: int
    sides: tuple[Side, ...]
    others: tuple[Recorded, ...]
    """What was done that the row does not name."""
    choices: tuple[tuple[str, tuple[Choice, ...]], ...]
    parents: Decision | None
    is_vetoed: bool
    """Whether the DSL said that parents are not told."""
    may_ask: bool
    """Whether it is a question that parents are told, and nobody asked it yet."""
    lacks_police: bool
    """Whether it waits for a record of what was decided about the police."""


def find_row(policy: Policy, incident: Incident, rule: Rule | None, *, chosen: str = "") -> Response | None:
    """Return the row that was chosen, or else the one that the incident's rule named when it was seen, or names now."""
    rows = {row.id: row for row in policy.responses}
    for name in (chosen, incident.response, rule.response if rule else ""):
        if name in rows:
            return rows[name]
    return None


def lay_out_responses(
    incident: Incident,
    row: Response | None,
    rows: Sequence[Response],
    *,
    done: Sequence[Recorded],
    parents: Decision | None,
) -> Panel:
    """Return what the page shows."""
    offers = {About.PUPIL: row.pupil, About.STAFF: row.staff} if row else {}
    sides = tuple(
        _make_side(about, list_offers(named, severity=incident.severity, times=incident.times), done)
        for about, named in offers.items()
        if named
    )
    listed = {id(each) for side in sides for item in side.items for each in item.done}
    is_question = row is None or any(offer.step is Step.PARENTS for offer in row.pupil)
    lacks_police = incident.is_illegal and all(each.step != Step.POLICE for each in done)
    return Panel(
        row=row,
        rows=tuple(rows),
        times=incident.times,
        sides=sides,
        others=tuple(each for each in done if id(each) not in listed),
        choices=_list_choices(sides, is_illegal=incident.is_illegal, may_tell=_may_tell(parents)),
        parents=parents,
        is_vetoed=parents is not None and parents.state is ParentState.VETOED,
        may_ask=is_question and parents is None,
        lacks_police=lacks_police,
    )


def read_choice(value: str) -> tuple[str, About] | None:
    """Return step and side of what was chosen in the form, or None if there is no such choice."""
    about, _, step = value.partition("/")
    return (step, About(about)) if step in NAMES and about in set(About) else None


def _make_side(about: About, offered: Sequence[Offered], done: Sequence[Recorded]) -> Side:
    items = tuple(
        Item(
            step=each.step,
            name=NAMES[each.step],
            is_due=each.is_due,
            when="" if each.is_due else tell_when(each),
            done=tuple(record for record in done if record.step == each.step and record.about == about),
        )
        for each in offered
    )
    return Side(about=about, title=SIDES[about], items=items)


def _list_choices(
    sides: Sequence[Side], *, is_illegal: bool, may_tell: bool
) -> tuple[tuple[str, tuple[Choice, ...]], ...]:
    groups = [
        (
            side.title,
            tuple(
                Choice(
                    value=f"{side.about}/{item.step}",
                    name=item.name,
                    hint="" if item.is_due else "the policy names it for later",
                )
                for item in side.items
                if item.step != Step.PARENTS or may_tell
            ),
        )
        for side in sides
    ]
    named = {item.step for side in sides for item in side.items}
    # Without a row, anything that any policy names; with one, what holds for every incident of its class.
    free: list[Step] = [] if sides else [each for each in Step if each is not Step.PARENTS]
    if is_illegal and sides:
        # Also where the row names them for one of the two only.
        free.append(Step.POLICE)
    if may_tell and Step.PARENTS not in named:
        free.append(Step.PARENTS)
    everybody = tuple(Choice(value=f"{About.UNKNOWN}/{step}", name=NAMES[step]) for step in (*free, OTHER))
    return (*groups, (SIDES[About.UNKNOWN], everybody))


def _may_tell(parents: Decision | None) -> bool:
    return parents is not None and parents.state is ParentState.AGREED
