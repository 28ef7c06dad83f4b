# SPDX-License-Identifier: Apache-2.0
"""The console's words for exceptions from rules."""

from collections.abc import Mapping
from datetime import date

from collector.console.clock import MONTHS, find_zone, show_day, show_time
from collector.exceptions import ExceptionRequest, Scope, Status
from collector.exceptions.request import to_day

STATUSES = {
    Status.WAITING: "To be decided",
    Status.TO_COME: "To come",
    Status.IN_FORCE: "In force",
    Status.ENDED: "Ended",
    Status.LAPSED: "Not decided in time",
    Status.REFUSED: "Refused",
    Status.WITHDRAWN: "Withdrawn",
}

STATUS_COLOURS = {Status.WAITING: "magenta", Status.TO_COME: "blue", Status.IN_FORCE: "green", Status.REFUSED: "red"}
"""Of all others: grey."""

STATES = {"asked": "Asked", "granted": "Granted", "refused": "Refused", "withdrawn": "Withdrawn"}

DURING = {
    "lesson": "Lessons",
    "break": "Breaks",
    "lunch": "Lunch",
    "registration": "Registration",
    "club": "Clubs",
    "exam": "Examinations",
    "school_hours": "School hours",
    "out_of_hours": "Out of hours",
    "closed": "Days without school",
}


def name_scope(scope: Scope, titles: Mapping[str, str]) -> str:
    """Return what it is about: the titles of its rules, or `USB device 0951:1666 60a44c`."""
    return f"USB device {scope.stick}" if scope.stick else ", ".join(titles.get(each, each) for each in scope.rules)


def name_end(request: ExceptionRequest) -> str:
    """Return when it ends, as people write it: the last day rather than the midnight after it."""
    is_midnight = show_time(request.last_ns).endswith("00:00")
    return show_day(request.last_ns - 1) if is_midnight else show_time(request.last_ns)


def name_review(request: ExceptionRequest) -> str:
    """Return when somebody looks at it again; one that ends before is not reviewed."""
    day = date.fromisoformat(request.review_on)
    if day >= to_day(request.last_ns - 1, find_zone()):
        return "none before it ends"
    return f"on {day.day} {MONTHS[day.month - 1]} {day.year} at the latest"
