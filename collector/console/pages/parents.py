# SPDX-License-Identifier: Apache-2.0
"""Whether parents are told of incidents: the safeguarding lead's answers, and the grounds that nobody else sees."""

from starlette.responses import Response

from collector.console import response_wording
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.errors import CollectorError, PermissionDeniedError, UsageError
from collector.parents import Ground, ParentState, decide, list_deciders, list_questions
from collector.roles import Permission

SHOWN_AT_MOST = 200


def show_questions(visit: Visit, error: CollectorError | None = None, *, failed: str = "") -> Response:
    """Show the questions, those that wait first, or what was wrong in the answer to one."""
    found = list_questions(visit.engine, visit.school_id, limit=SHOWN_AT_MOST + 1)
    shown = found[:SHOWN_AT_MOST]
    return visit.page(
        "parents.html",
        error=error,
        failed=failed,
        waiting=[each for each in reversed(shown) if each.state is ParentState.ASKED],
        decided=[each for each in shown if each.state is not ParentState.ASKED],
        is_cut=len(found) > SHOWN_AT_MOST,
        words=response_wording,
        has_other_decider=bool(list_deciders(visit.engine, visit.school_id) - {visit.user.user}),
    )


def agree(visit: Visit) -> Response:
    """Parents may be told."""
    return _decide(visit, None, "parents-agreed")


def veto(visit: Visit) -> Response:
    """They are not told."""
    ground = visit.field("ground")
    if ground not in set(Ground):
        error = UsageError("choose why they are not told", hint="nobody but the safeguarding leads sees it")
        return show_questions(visit, error, failed=visit.param("incident_id"))
    return _decide(visit, Ground(ground), "parents-vetoed")


def _decide(visit: Visit, ground: Ground | None, done: str) -> Response:
    incident_id = visit.param("incident_id")
    try:
        decide(visit.engine, visit.school_id, incident_id, ground=ground, actor=visit.user.user, now_ns=visit.now_ns)
    except (UsageError, PermissionDeniedError) as error:
        return show_questions(visit, error, failed=incident_id)
    return visit.redirect("/parents", done=done)


ROUTES = (
    Route(method="GET", path="/parents", page=show_questions, needs=Permission.DECIDE_PARENTS),
    Route(method="POST", path="/parents/{incident_id}/agree", page=agree, needs=Permission.DECIDE_PARENTS),
    Route(method="POST", path="/parents/{incident_id}/veto", page=veto, needs=Permission.DECIDE_PARENTS),
)
