# SPDX-License-Identifier: Apache-2.0
"""Tests of drafts: counted for the machine, told once a day without a word of the text, and gone by themselves."""

from datetime import UTC, datetime, timedelta

from agent.session.messages import Counted
from proto.events import Tier
from tests.agent.checks.room import Room, make_rules
from tests.agent.safeguarding import make_session

DAY_S = 24 * 3600.0
DRAFT = """
[[keywords.draft]]
id = "county-lines"
why = "Would these words find what is looked for?"
texts = ["going country", "out trapping"]
first = "{first}"
last = "{last}"
"""


def with_draft(room: Room, *, first: int = 0, last: int = 5) -> None:
    """Let the policy try a draft from some days after today to some days after it."""
    today = datetime.fromtimestamp(room.now_ns / 1e9, UTC).astimezone().date()
    days = {"first": today + timedelta(days=first), "last": today + timedelta(days=last)}
    room.rules = make_rules(DRAFT.format(**days))


def test_a_draft_is_counted_and_told_the_next_day(room: Room) -> None:
    """All sessions together, once a day, as a flag that is nobody's and holds no text."""
    with_draft(room)
    room.system.sessions = [make_session(), make_session(uid=1008, account_name="pupil8", display=":1")]
    room.watch()
    for watcher in room.starter.started:
        watcher.watch()
        watcher.say(Counted("county-lines"))
    room.look()
    assert room.hits == []
    room.look(DAY_S)
    (hit,) = room.hits

    assert (hit.account, hit.account_name, hit.account_kind) == ("draft", "", "draft")
    assert (hit.found.tier, hit.found.category, hit.found.rule) == (Tier.COUNT, "draft", "draft.county-lines")
    assert hit.found.sentence.startswith("2 times on this machine")
    assert hit.found.sentence[hit.found.start : hit.found.end] == "2 times"
    assert (hit.found.window, hit.found.application, hit.around) == ("", "", "")
    assert "country" not in f"{hit.found.sentence} {hit.found.why}"


def test_a_watcher_is_told_the_drafts_of_today_and_counts_no_others(room: Room) -> None:
    """One that begins tomorrow or ended yesterday is not looked for; what a session makes up is not counted."""
    with_draft(room)
    watcher = room.watch()
    assert watcher.setup.drafts == ("county-lines:going country", "county-lines:out trapping")
    watcher.say(Counted("made-up"))
    room.look(DAY_S)
    assert room.hits == []
    for first, last in ((1, 3), (-5, -1)):
        with_draft(room, first=first, last=last)
        assert room.watch().setup.drafts == ()


def test_a_draft_that_never_fitted_is_not_told(room: Room) -> None:
    """A day without it is no news."""
    with_draft(room)
    room.watch()
    room.look(DAY_S)
    assert room.hits == []


def test_what_was_counted_is_told_when_the_agent_ends(room: Room) -> None:
    """Nothing is lost with an agent that ends in order."""
    with_draft(room)
    room.watch().say(Counted("county-lines"))
    room.told = list(room.check.finish())
    room.check.close()
    (hit,) = room.hits
    assert hit.found.sentence.startswith("once on this machine")
