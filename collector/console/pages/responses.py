# SPDX-License-Identifier: Apache-2.0
"""What is done about an incident: recorded by whoever decides it; whether parents are told is asked of the DSL."""

from starlette.responses import Response

from collector import parents
from collector.console.guard import Route
from collector.console.incident_page import find_incident_of, show_incident
from collector.console.response_list import read_choice
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.responses import Deed, record_response
from collector.roles import Permission


def respond(visit: Visit) -> Response:
    """Keep what was done and what came of it."""
    incident = find_incident_of(visit)
    choice = read_choice(visit.field("deed"))
    try:
        if choice is None:
            raise UsageError("choose what was done")
        step, about = choice
        record_response(
            visit.engine,
            visit.school_id,
            incident.id,
            Deed(step, about, visit.field("outcome")),
            audiences=visit.audiences,
            actor=visit.user.user,
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return show_incident(visit, error, error_field="outcome" if choice else "deed")
    return visit.redirect(f"/incidents/{incident.id}", row=visit.field("row"), done="responded")


def ask_parents(visit: Visit) -> Response:
    """Put the question before the DSL."""
    incident = find_incident_of(visit)
    parents.ask(
        visit.engine,
        visit.school_id,
        incident.id,
        audiences=visit.audiences,
        actor=visit.user.user,
        now_ns=visit.now_ns,
    )
    return visit.redirect(f"/incidents/{incident.id}", row=visit.field("row"), done="parents-asked")


ROUTES = (
    Route(method="POST", path="/incidents/{incident_id}/respond", page=respond, needs=Permission.DECIDE_INCIDENTS),
    Route(
        method="POST", path="/incidents/{incident_id}/ask-parents", page=ask_parents, needs=Permission.DECIDE_INCIDENTS
    ),
)
