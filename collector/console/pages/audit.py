# SPDX-License-Identifier: Apache-2.0
"""The audit log: who did what here, and whether somebody else has looked at it."""

from starlette.responses import Response

from collector.audit_reviews import (
    Viewer,
    count_waiting,
    list_actors,
    list_log,
    list_reviews,
    list_waiting,
    review,
)
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.roles import Permission

PER_PAGE = 100


def show_log(visit: Visit, error: UsageError | None = None) -> Response:
    """Show what waits for a review, as far as it is signed off together, one page of the log, and the last reviews."""
    viewer = _to_viewer(visit)
    actor, before = visit.asked("actor"), _read_number(visit.asked("before"))
    waiting_only = visit.asked("show") == "waiting"
    entries = list_log(
        visit.engine, visit.school_id, viewer, actor=actor, waiting=waiting_only, before=before, limit=PER_PAGE + 1
    )
    return visit.page(
        "audit.html",
        error=error,
        entries=entries[:PER_PAGE],
        next_before=entries[PER_PAGE - 1].number if len(entries) > PER_PAGE else 0,
        before=before,
        actor=actor,
        actors=list_actors(visit.engine, visit.school_id, viewer),
        waiting_only=waiting_only,
        waiting=count_waiting(visit.engine, visit.school_id, viewer),
        to_sign=list_waiting(visit.engine, visit.school_id, viewer),
        reads_flags=viewer.reads_flags,
        reviews=list_reviews(visit.engine, visit.school_id),
        note=visit.field("note"),
    )


def take_review(visit: Visit) -> Response:
    """Keep that this user looked at the rows that the page showed him above the button."""
    try:
        review(
            visit.engine,
            visit.school_id,
            _to_viewer(visit),
            first_number=_read_number(visit.field("first")),
            last_number=_read_number(visit.field("last")),
            note=visit.field("note"),
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return show_log(visit, error)
    return visit.redirect("/audit", done="audit-reviewed")


def _to_viewer(visit: Visit) -> Viewer:
    # Whoever reads flags in one of his roles counts as a reader, an auditor too.
    return Viewer(visit.user.user, reads_flags=visit.may(Permission.READ_FLAGS))


def _read_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


ROUTES = (
    Route(method="GET", path="/audit", page=show_log, needs=Permission.REVIEW_AUDIT),
    Route(method="POST", path="/audit", page=take_review, needs=Permission.REVIEW_AUDIT),
)
