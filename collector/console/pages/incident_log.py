# SPDX-License-Identifier: Apache-2.0
"""The incident log: for reading, for signing on paper, and as a file. It holds what its reader sees as incidents."""

from datetime import date, timedelta
from urllib.parse import urlencode

from starlette.responses import Response

from collector import audit
from collector.console.clock import MONTHS
from collector.console.guard import Route
from collector.console.log_rows import COLUMNS, DAYS, find_bounds_ns, find_day, to_row
from collector.console.visit import Visit
from collector.csv_file import write_csv
from collector.incident_log import LoggedIncident, list_log
from collector.roles import Permission
from collector.store.engine import writing
from proto.events import Audience

SHOWN_AT_MOST = 500

WHOSE = {Audience.SECURITY: "security", Audience.STAFF_CONDUCT: "the conduct of staff"}


def show_log(visit: Visit) -> Response:
    """Show the log of some days."""
    first, last = _find_days(visit)
    found = _list(visit, first, last, SHOWN_AT_MOST + 1)
    days = {"from": first.isoformat(), "until": last.isoformat()}
    return visit.page(
        "incident_log.html",
        rows=found[-SHOWN_AT_MOST:],
        is_cut=len(found) > SHOWN_AT_MOST,
        first=days["from"],
        last=days["until"],
        first_day=_show(first),
        last_day=_show(last),
        whose=" and ".join(WHOSE[each] for each in sorted(visit.audiences) if each in WHOSE),
        csv_address=f"/incidents/log.csv?{urlencode(days)}",
    )


def download_log(visit: Visit) -> Response:
    """Answer with the log of some days as a CSV file. That it was taken is in the audit log."""
    first, last = _find_days(visit)
    found = _list(visit, first, last)
    with writing(visit.engine) as connection:
        audit.record(
            connection,
            visit.school_id,
            actor=visit.user.user,
            action="incident-log.taken",
            subject="incidents",
            detail=f"{len(found)} from {first.isoformat()} to {last.isoformat()}",
            now_ns=visit.now_ns,
        )
    name = f"incident-log-{first.isoformat()}-{last.isoformat()}.csv"
    # The mark at the beginning tells a spreadsheet that it is UTF-8.
    content = "\ufeff" + write_csv([to_row(each) for each in found], COLUMNS)
    return Response(
        content, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _list(visit: Visit, first: date, last: date, limit: int | None = None) -> list[LoggedIncident]:
    since_ns, until_ns = find_bounds_ns(first, last)
    more = {} if limit is None else {"limit": limit}
    return list_log(
        visit.engine, visit.school_id, audiences=visit.audiences, since_ns=since_ns, until_ns=until_ns, **more
    )


def _find_days(visit: Visit) -> tuple[date, date]:
    """Return the days that were asked for; where one is missing or none that can be, the last term or so."""
    today = find_day(visit.now_ns)
    last = _read_day(visit.asked("until")) or today
    first = _read_day(visit.asked("from")) or last - timedelta(days=DAYS)
    return min(first, last), max(first, last)


def _read_day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # Before and after lies nothing that a clock of ours counts.
    return day if 2000 <= day.year <= 2200 else None


def _show(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


ROUTES = (
    Route(method="GET", path="/incidents/log", page=show_log, needs=Permission.SEE_INCIDENTS),
    Route(method="GET", path="/incidents/log.csv", page=download_log, needs=Permission.SEE_INCIDENTS),
)
