# SPDX-License-Identifier: Apache-2.0
"""The school's register of people: how many there are, who they are, and taking a new list. Nobody is deleted."""

from starlette.responses import Response

from collector.console.guard import Route
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.people import count_people, import_people, list_people, list_years
from collector.roles import Permission

PER_PAGE = 50
REFUSED_SHOWN = 200
MAX_UPLOAD_BYTES = 1024 * 1024
"""A form of up to this size stays in memory: the names of a school's pupils are not spooled to a disk."""


def show_people(visit: Visit, error: UsageError | None = None) -> Response:
    """Show how many there are of each kind, one page of the list, and the form for a new list."""
    search, year, number = visit.asked("search"), visit.asked("year"), _read_number(visit.asked("page"))
    found, total = list_people(
        visit.engine,
        visit.school_id,
        search=search,
        year=year or None,
        limit=PER_PAGE,
        offset=(number - 1) * PER_PAGE,
    )
    return visit.page(
        "people.html",
        error=error,
        counts=count_people(visit.engine, visit.school_id),
        years=list_years(visit.engine, visit.school_id),
        people=found,
        total=total,
        search=search,
        year=year,
        number=number,
        first=(number - 1) * PER_PAGE + 1,
        is_last=number * PER_PAGE >= total,
    )


def take_list(visit: Visit) -> Response:
    """Take the good lines of a file, or only look at it, and report what became of each."""
    content = visit.upload("file")
    try:
        if not content:
            raise UsageError("choose a file")
        report = import_people(
            visit.engine,
            visit.school_id,
            content,
            actor=visit.user.user,
            now_ns=visit.now_ns,
            ends_missing=visit.field("missing") == "end",
            is_dry_run=visit.field("what") != "import",
        )
    except UsageError as error:
        return show_people(visit, error)
    return visit.page("people_report.html", report=report, refused=report.refused[:REFUSED_SHOWN])


def _read_number(text: str) -> int:
    """Return which page is asked for."""
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text) else 1


ROUTES = (
    Route(method="GET", path="/people", page=show_people, needs=Permission.MANAGE_PEOPLE),
    Route(
        method="POST",
        path="/people",
        page=take_list,
        needs=Permission.MANAGE_PEOPLE,
        max_files=1,
        max_body_bytes=MAX_UPLOAD_BYTES,
    ),
)
