# SPDX-License-Identifier: Apache-2.0
"""How the rows of a policy's response matrices become `Response`s. What is offered when is `collector.responses`'.

    [[response]]
    id = "bypass"
    title = "Attempting to bypass the school's filtering"
    clauses = ["BX-02", "BX-03"]
    note = "The headteacher decides."           # optional: what the policy says beside it

    [[response.pupil]]                          # and [[response.staff]]: a column that is ticked, see `responses.Step`
    step = "class_teacher"

    [[response.pupil]]
    step = "parents"
    from_severity = 3                           # optional: dependent on severity, from this one on...
    from_time = 2                               # ...or on persistence, from the second time on: either is enough

A row of the same id in a higher layer takes the place.
"""

from collections.abc import Sequence

from rules.errors import RuleFormatError
from rules.layers import Layer, read_listed
from rules.responses import Offer, Response, Step
from rules.table import CLAUSE, Table

KEY = "response"
LATEST_TIME = 100

_KEYS = ("id", "title", "clauses", "note", "pupil", "staff")
_STEPS = {each.value: each for each in Step}


def read_responses(layers: Sequence[Layer]) -> tuple[tuple[Response, ...], list[RuleFormatError]]:
    """Read the rows of all files. What is not right is returned."""
    return read_listed(layers, KEY, _KEYS, _parse_response, lambda each: each.id)


def _parse_response(table: Table) -> Response:
    response = Response(
        id=table.id(),
        title=table.text("title"),
        clauses=table.codes("clauses", CLAUSE, "a clause looks like BX-07", default=None),
        pupil=_parse_offers(table, "pupil"),
        staff=_parse_offers(table, "staff"),
        note=table.text("note", ""),
    )
    if not response.pupil and not response.staff and not response.note:
        hint = "add a [[response.pupil]] or a [[response.staff]], or a note"
        raise table.fault("names nothing to be done", hint=hint)
    return response


def _parse_offers(table: Table, key: str) -> tuple[Offer, ...]:
    offers: list[Offer] = []
    for each in table.inner_tables(key, ("step", "from_severity", "from_time")):
        offer = Offer(
            step=each.choice("step", _STEPS),
            from_severity=each.integer("from_severity", 2, 5) if "from_severity" in each else 1,
            from_time=each.integer("from_time", 2, LATEST_TIME) if "from_time" in each else 1,
        )
        if any(offer.step is earlier.step for earlier in offers):
            raise each.fault(f"{offer.step.value!r} is there twice", key="step", hint="a step has one place in a row")
        offers.append(offer)
    return tuple(offers)
