# SPDX-License-Identifier: Apache-2.0
"""Tests of what an incident's page offers: which row, and what can be recorded when."""

from dataclasses import replace
from functools import cache

import pytest

from collector.console.response_list import Panel, find_row, lay_out_responses, read_choice
from collector.incidents import Incident
from collector.parents import Decision, ParentState
from collector.responses import About, Recorded
from rules.load import load_pack, parse_files
from rules.model import Policy

INCIDENT = Incident(
    id="ab" * 8,
    school="",
    rule="bypass-tor",
    rule_title="Tor",
    audience="security",
    severity=4,
    action_class="unacceptable",
    state="open",
    device="",
    hostname="pc-1",
    subject="",
    group="",
    opened_at_ns=0,
    last_seen_at_ns=0,
    count=1,
    reopened=0,
    escalated=0,
    response="",
    summary="",
    clauses=(),
    first_event_id=1,
    last_event_id=1,
    is_unconfirmed=False,
)


@cache
def bexton() -> Policy:
    """Return the policy with the matrices."""
    return parse_files(load_pack("bexton"))


def lay_out(
    incident: Incident,
    row: str,
    *,
    done: tuple[Recorded, ...] = (),
    state: ParentState | None = None,
) -> Panel:
    """Return what the page shows under a row of the policy, or under none."""
    rows = {each.id: each for each in bexton().responses}
    parents = Decision(state=state, asked_by="anna", asked_at_ns=0, decided_at_ns=None) if state else None
    return lay_out_responses(incident, rows.get(row), tuple(rows.values()), done=done, parents=parents)


def values(panel: Panel) -> set[str]:
    """Return what can be recorded."""
    return {choice.value for _, choices in panel.choices for choice in choices}


def test_row_is_the_chosen_one_or_the_incidents_or_the_rules() -> None:
    """In this order; what the policy does not have any more is passed over."""
    (rule,) = [each for each in bexton().rules if each.id == "bypass-tor"]
    assert rule.response
    named = replace(INCIDENT, response="copyright")
    for incident, chosen, found in (
        (named, "disrepute", "disrepute"),
        (named, "gone", "copyright"),
        (replace(INCIDENT, response="gone"), "", rule.response),
        (INCIDENT, "", rule.response),
    ):
        row = find_row(bexton(), incident, rule, chosen=chosen)
        assert row is not None
        assert row.id == found
    assert find_row(bexton(), INCIDENT, None) is None


@pytest.mark.parametrize("row", ["filter-bypass", ""])
def test_parents_can_be_recorded_only_after_the_dsl_agreed(row: str) -> None:
    """With a row that names them, and without any."""
    for state, is_offered in (
        (None, False),
        (ParentState.ASKED, False),
        (ParentState.VETOED, False),
        (ParentState.AGREED, True),
    ):
        panel = lay_out(INCIDENT, row, state=state)
        assert any(each.endswith("/parents") for each in values(panel)) is is_offered
        assert "staff/parents" not in values(panel)
        assert panel.may_ask is (state is None)


def test_question_is_not_put_where_the_policy_names_no_parents() -> None:
    """Nobody is asked about a row that is about staff alone."""
    assert not lay_out(INCIDENT, "careless-data").may_ask


def test_illegal_waits_for_the_police_under_any_row() -> None:
    """Whoever it was, and whatever the row names; until something is recorded of it."""
    illegal = replace(INCIDENT, action_class="illegal")
    for row in ("careless-data", "offensive-message", "illegal-material", ""):
        panel = lay_out(illegal, row)
        assert panel.lacks_police
        assert "unknown/police" in values(panel)
        done = Recorded(step="police", about="unknown", outcome="not reported", recorded_by="anna", recorded_at_ns=1)
        assert not lay_out(illegal, row, done=(done,)).lacks_police
    assert "unknown/police" not in values(lay_out(INCIDENT, "careless-data"))


def test_nothing_that_was_done_is_lost() -> None:
    """Each record stands once: beside its step, or with what the row does not name."""
    done = tuple(
        Recorded(step=step, about=about, outcome=about, recorded_by="anna", recorded_at_ns=1)
        for step in ("warning", "governors", "step-of-a-later-version")
        for about in ("pupil", "staff", "unknown")
    )
    panel = lay_out(INCIDENT, "filter-bypass", done=done)
    shown = [each for side in panel.sides for item in side.items for each in item.done]
    assert [(each.step, each.about) for each in shown] == [("warning", "pupil"), ("warning", "staff")]
    assert len(panel.others) == len(done) - 2
    assert {each.name for each in panel.others} == {"Warning", "Governors", "step-of-a-later-version"}


def test_every_choice_that_is_offered_can_be_read() -> None:
    """And what nobody offers is none."""
    for row in ("illegal-material", "mobile-device", ""):
        for value in values(lay_out(INCIDENT, row, state=ParentState.AGREED)):
            assert read_choice(value) is not None
    assert read_choice("staff/warning") == ("warning", About.STAFF)
    for value in ("", "/", "pupil/", "warning", "pupil/flogging", "nobody/warning", "pupil/warning/more"):
        assert read_choice(value) is None
