# SPDX-License-Identifier: Apache-2.0
"""The school's own list of its machines: which of them came, which did not, and taking a new one."""

from starlette.responses import Response

from collector.console import device_wording
from collector.console.device_list import PER_PAGE, read_page
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.expected_devices import import_expected_devices, page_expected
from collector.roles import Permission

REFUSED_SHOWN = 200
MAX_UPLOAD_BYTES = 1024 * 1024
CHOICES = {"all": ("All", None), "free": ("Not come", True), "matched": ("Matched", False)}


def show_expected(visit: Visit, error: UsageError | None = None) -> Response:
    """Show a page of the list, and the form for a new one."""
    asked = visit.asked("show")
    choice, number = asked if asked in CHOICES else "all", read_page(visit.asked("page"))
    found, total = page_expected(
        visit.engine,
        visit.school_id,
        is_free=CHOICES[choice][1],
        limit=PER_PAGE,
        offset=(number - 1) * PER_PAGE,
    )
    counts = {
        name: page_expected(visit.engine, visit.school_id, is_free=is_free, limit=0)[1]
        for name, (_, is_free) in CHOICES.items()
    }
    return visit.page(
        "devices_expected.html",
        error=error,
        found=found,
        total=total,
        counts=counts,
        choice=choice,
        choices={name: text for name, (text, _) in CHOICES.items()},
        number=number,
        first=(number - 1) * PER_PAGE + 1,
        is_last=number * PER_PAGE >= total,
        words=device_wording,
    )


def take_list(visit: Visit) -> Response:
    """Take the good lines of a file, or only look at it, and report what became of each."""
    content = visit.upload("file")
    try:
        if not content:
            raise UsageError("choose a file")
        report = import_expected_devices(
            visit.engine,
            visit.school_id,
            content,
            actor=visit.user.user,
            now_ns=visit.now_ns,
            removes_missing=visit.field("missing") == "remove",
            is_dry_run=visit.field("what") != "import",
        )
    except UsageError as error:
        return show_expected(visit, error)
    return visit.page("devices_report.html", report=report, refused=report.refused[:REFUSED_SHOWN])


ROUTES = (
    Route(method="GET", path="/devices/expected", page=show_expected, needs=Permission.SEE_DEVICES),
    Route(
        method="POST",
        path="/devices/expected",
        page=take_list,
        needs=Permission.DECIDE_DEVICES,
        max_files=1,
        max_body_bytes=MAX_UPLOAD_BYTES,
    ),
)
