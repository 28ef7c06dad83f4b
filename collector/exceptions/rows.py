# SPDX-License-Identifier: Apache-2.0
"""The register as rows for other programs and for paper: what was asked, what was decided and by whom."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from collector.csv_file import write_csv
from collector.exceptions.request import ExceptionRequest

LISTS = ("rules", "programs", "people", "devices", "during")


def to_row(request: ExceptionRequest, now_ns: int) -> dict[str, Any]:
    """Return one as plain values; people by their ids, times in UTC."""
    scope = request.scope
    return {
        "id": request.id,
        "status": request.find_status(now_ns).value,
        "asked_at": _to_rfc3339(request.asked_at_ns),
        "asked_by": request.asked_by,
        "rules": list(scope.rules),
        "stick": str(scope.stick) if scope.stick else "",
        "programs": list(scope.programs),
        "people": list(scope.people),
        "devices": list(scope.devices),
        "during": list(scope.during),
        "reason": request.reason,
        "first_at": _to_rfc3339(request.first_ns),
        "last_at": _to_rfc3339(request.last_ns),
        "review_on": request.review_on,
        "decided_by": request.decided_by,
        "decided_at": _to_rfc3339(request.decided_at_ns),
        "decision_note": request.decision_note,
        "reviewed_by": request.reviewed_by,
        "reviewed_at": _to_rfc3339(request.reviewed_at_ns),
    }


def to_csv(requests: Iterable[ExceptionRequest], now_ns: int) -> str:
    """Return them as a CSV file that no spreadsheet calculates, with its header if there are none."""
    return write_csv((flatten(to_row(request, now_ns)) for request in requests), COLUMNS)


def flatten(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose lists are texts."""
    return row | {name: ", ".join(row[name]) for name in LISTS}


COLUMNS = (
    *("id", "status", "asked_at", "asked_by", "rules", "stick", "programs", "people", "devices", "during", "reason"),
    *("first_at", "last_at", "review_on", "decided_by", "decided_at", "decision_note", "reviewed_by", "reviewed_at"),
)


def _to_rfc3339(at_ns: int | None) -> str:
    return "" if at_ns is None else f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"
