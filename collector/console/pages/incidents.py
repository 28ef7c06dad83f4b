# SPDX-License-Identifier: Apache-2.0
"""The incidents: what was found, why it matters, and what is decided about it."""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from collector.console.coverage import count_heard
from collector.console.grouping import group_incidents
from collector.console.guard import Route
from collector.console.incident_page import find_allowable_of, find_incident_of, show_incident
from collector.console.visit import Visit
from collector.console.wording import SEVERITIES, STATES
from collector.errors import UsageError
from collector.incidents import (
    Action,
    Incident,
    IncidentState,
    decide,
    list_incidents,
)
from collector.proposals import approve_program
from collector.roles import Permission

SHOWN_AT_MOST = 500

STATE_CHOICES = {"waiting": "Open and acknowledged", **STATES, "all": "All"}
SEVERITY_CHOICES = (
    {"1": "All"} | {str(number): f"{SEVERITIES[number]} and above" for number in (2, 3, 4)} | {"5": SEVERITIES[5]}
)
WAITING = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the incidents is shown; it lives in the address, so that it can be kept and passed on."""

    state: str = "waiting"
    severity: str = "1"
    opened: tuple[str, ...] = ()
    """Groups whose members are shown."""

    @property
    def states(self) -> tuple[IncidentState, ...]:
        """The states to ask the database for."""
        if self.state == "waiting":
            return WAITING
        return tuple(IncidentState) if self.state == "all" else (IncidentState(self.state),)

    def address(self, *, toggled: str = "", path: str = "/incidents", **more: str) -> str:
        """Return the address of this filter, with one group opened or closed."""
        opened = set(self.opened) ^ {toggled} if toggled else set(self.opened)
        pairs = [("state", self.state), ("severity", self.severity), *(("open", each) for each in sorted(opened))]
        return f"{path}?{urlencode([*pairs, *more.items()])}"


def show_incidents(visit: Visit) -> Response:
    """Show the list."""
    chosen = _find_filter(visit)
    return visit.page(
        "incidents.html",
        chosen=chosen,
        state_choices=STATE_CHOICES,
        severity_choices=SEVERITY_CHOICES,
        **_list(visit, chosen),
    )


def show_rows(visit: Visit) -> Response:
    """Answer a page that asks what is new: its rows, or nothing when they are as it has them."""
    chosen = _find_filter(visit)
    listed = _list(visit, chosen)
    if listed["seen"] == visit.request.query_params.get("seen"):
        return Response(status_code=204)
    return visit.page("incident_rows.html", chosen=chosen, **listed)


def acknowledge(visit: Visit) -> Response:
    """Somebody looks after it."""
    return _decide(visit, Action.ACKNOWLEDGED)


def resolve(visit: Visit) -> Response:
    """It is dealt with; the note says how."""
    return _decide(visit, Action.RESOLVED)


def reopen(visit: Visit) -> Response:
    """It is not dealt with after all."""
    return _decide(visit, Action.REOPENED)


def add_note(visit: Visit) -> Response:
    """Write something down beside it."""
    return _decide(visit, Action.NOTED)


def allow(visit: Visit) -> Response:
    """The school has this program: it goes on the allow list, and the incident is resolved."""
    incident = find_incident_of(visit)
    name = find_allowable_of(visit, incident)
    if not name:
        return show_incident(visit, UsageError("The policy forbids this program whatever the allow list says."))
    approve_program(visit.engine, visit.school_id, name, actor=visit.user.user, now_ns=visit.now_ns)
    _note(visit, incident, Action.RESOLVED, f"{name} was put on the allow list.")
    visit.console.publish(visit.user.user, f"{name} on the allow list")
    return visit.redirect(f"/incidents/{incident.id}", done="allowed")


def _decide(visit: Visit, action: Action) -> Response:
    incident = find_incident_of(visit)
    try:
        _note(visit, incident, action, visit.field("note"))
    except UsageError as error:
        return show_incident(visit, error)
    return visit.redirect(f"/incidents/{incident.id}", done=action.value)


def _note(visit: Visit, incident: Incident, action: Action, note: str) -> None:
    decide(
        visit.engine,
        visit.school_id,
        incident.id,
        audiences=visit.audiences,
        actor=visit.user.user,
        action=action,
        note=note,
        now_ns=visit.now_ns,
    )


def _find_filter(visit: Visit) -> Filter:
    asked = visit.request.query_params
    state, severity = asked.get("state", ""), asked.get("severity", "")
    return Filter(
        state=state if state in STATE_CHOICES else "waiting",
        severity=severity if severity in SEVERITY_CHOICES else "1",
        opened=tuple(asked.getlist("open")[:50]),
    )


def _list(visit: Visit, chosen: Filter) -> dict[str, Any]:
    found = list_incidents(
        visit.engine,
        visit.school_id,
        audiences=visit.audiences,
        states=chosen.states,
        least_severity=int(chosen.severity),
        limit=SHOWN_AT_MOST + 1,
    )
    shown = found[:SHOWN_AT_MOST]
    coverage = count_heard(visit.engine, visit.school_id, visit.now_ns)
    seen = hashlib.sha256(repr((shown, coverage)).encode()).hexdigest()[:16]
    return {
        "groups": group_incidents(shown),
        "open": sum(incident.state == IncidentState.OPEN for incident in shown),
        "is_cut": len(found) > SHOWN_AT_MOST,
        "shown_at_most": SHOWN_AT_MOST,
        "coverage": coverage,
        "seen": seen,
        "rows_address": chosen.address(path="/incidents/rows", seen=seen),
    }


ROUTES = (
    Route(method="GET", path="/incidents", page=show_incidents, needs=Permission.SEE_INCIDENTS),
    Route(method="GET", path="/incidents/rows", page=show_rows, needs=Permission.SEE_INCIDENTS, refreshes_itself=True),
    Route(method="GET", path="/incidents/{incident_id}", page=show_incident, needs=Permission.SEE_INCIDENTS),
    Route(method="POST", path="/incidents/{incident_id}/allow", page=allow, needs=Permission.DECIDE_PROPOSALS),
    *(
        Route(method="POST", path=f"/incidents/{{incident_id}}/{name}", page=page, needs=Permission.DECIDE_INCIDENTS)
        for name, page in {
            "acknowledge": acknowledge,
            "resolve": resolve,
            "reopen": reopen,
            "note": add_note,
        }.items()
    ),
)
