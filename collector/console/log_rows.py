# SPDX-License-Identifier: Apache-2.0
"""The incident log as a file: its days in the school's own time, and its columns, those of the paper form of a policy.

The cells hold what people and devices wrote: `csv_file` keeps a spreadsheet from calculating them.
"""

from datetime import date, datetime, time, timedelta
from typing import Any

from collector.console.clock import find_zone, show_time
from collector.console.wording import SEVERITIES, STATES
from collector.incident_log import LoggedIncident

COLUMNS = (
    "date",
    "where_it_took_place",
    "description",
    "action_taken",
    "recorded_by",
    "signature",
    "severity",
    "state",
    "times_seen",
    "incident",
)
DAYS = 90
"""How far back the log goes when nobody says."""


def find_bounds_ns(first: date, last: date) -> tuple[int, int]:
    """Return the beginning of the first day and the end of the last, in nanoseconds since 1970."""
    zone = find_zone()
    begin = datetime.combine(first, time(), zone)
    # The next day's midnight and not 24 hours: two days a year are shorter or longer.
    end = datetime.combine(last + timedelta(days=1), time(), zone)
    return int(begin.timestamp()) * 10**9, int(end.timestamp()) * 10**9


def find_day(at_ns: int) -> date:
    """Return the school's own day of a time."""
    return datetime.fromtimestamp(at_ns // 10**9, find_zone()).date()


def to_row(logged: LoggedIncident) -> dict[str, Any]:
    """Return an incident under the columns. The signature is given by hand."""
    return {
        "date": show_time(logged.opened_at_ns),
        "where_it_took_place": logged.hostname or "no name given",
        "description": f"{logged.rule_title}: {logged.summary}",
        "action_taken": "; ".join(" ".join(each.words.split()) for each in logged.entries),
        "recorded_by": ", ".join(logged.recorders),
        "signature": "",
        "severity": SEVERITIES[logged.severity],
        "state": STATES[logged.state],
        "times_seen": logged.count,
        "incident": logged.incident,
    }
