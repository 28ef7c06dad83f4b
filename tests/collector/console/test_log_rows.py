# SPDX-License-Identifier: Apache-2.0
"""Tests of the incident log as rows of a file, and of its days."""

from datetime import date

from collector.console.log_rows import COLUMNS, find_bounds_ns, find_day, to_row
from collector.incident_log import Entry, LoggedIncident
from collector.incidents import Action
from tests.collector.school import START_NS

HOUR_NS = 3600 * 10**9


def test_day_that_is_longer_is_whole() -> None:
    """The clocks went back on 25 October 2026 and forward on 29 March: those days had 25 and 23 hours."""
    for day, hours in ((date(2026, 10, 25), 25), (date(2026, 3, 29), 23), (date(2026, 11, 21), 24)):
        begin_ns, end_ns = find_bounds_ns(day, day)
        assert end_ns - begin_ns == hours * HOUR_NS
        assert find_day(begin_ns) == find_day(end_ns - 1) == day


def test_row_says_what_the_paper_form_asks() -> None:
    """All that was done in one cell, each who recorded it once, and nothing where the signature goes."""
    entries = tuple(
        Entry(at_ns=START_NS, actor=actor, action=Action.NOTED, words=words)
        for actor, words in (("anna", "asked\nthe class"), ("ben", "removed it"), ("anna", "told the head"))
    )
    logged = LoggedIncident(
        incident="ab" * 8,
        opened_at_ns=START_NS,
        last_seen_at_ns=START_NS,
        hostname="",
        rule_title="Tor",
        summary="It was started",
        severity=4,
        count=3,
        state="resolved",
        entries=entries,
    )
    assert tuple(to_row(logged)) == COLUMNS
    assert tuple(to_row(logged).values()) == (
        "21 Nov 2026, 20:46",
        "no name given",
        "Tor: It was started",
        "asked the class; removed it; told the head",
        "anna, ben",
        "",
        "High",
        "Resolved",
        3,
        "abababababababab",
    )
