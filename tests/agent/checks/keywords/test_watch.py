# SPDX-License-Identifier: Apache-2.0
"""Tests of one watcher as the service sees it, from its start to its end."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from agent.checks.keywords.watch import LIVE_S, MAX_WAITING, STARTING_S, Wanted, Watch
from agent.session.messages import Accepted, Setup, State
from proto.events import Tier
from tests.agent.safeguarding import make_found, make_session
from tests.agent.watchers import FakeStarter, FakeWatcher
from tests.fakes import FakeClock

SETUP = Setup(("en",), "1", "Notice", "You are watched.", is_accepted=False)
WANTED = Wanted(make_session(), "pupil", SETUP)
AT_NS = 1_790_000_000_000_000_000


class Watched:
    """A watcher, and what the service holds of it."""

    def __init__(self, wanted: Wanted = WANTED) -> None:
        self.clock, self.woken, starter = FakeClock(), 0, FakeStarter()
        self.watch = Watch(wanted, starter, self._wake, self.clock, lambda: AT_NS)
        self.watcher: FakeWatcher = starter.started[0]

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def watched() -> Watched:
    """A watcher that was just started."""
    return Watched()


def test_a_watcher_begins_waits_and_watches(watched: Watched) -> None:
    """By what it says; each word wakes the service."""
    watch = watched.watch
    states = [(watch.is_waiting, watch.is_watching, watch.why_not)]
    watched.watcher.begin()
    states.append((watch.is_waiting, watch.is_watching, watch.why_not))
    watched.watcher.say(State("watching"))
    states.append((watch.is_waiting, watch.is_watching, watch.why_not))

    assert states == [(False, False, ""), (True, False, ""), (False, True, "")]
    assert watched.woken == 3


def test_what_was_found_has_the_time_of_the_device(watched: Watched) -> None:
    """And is given once."""
    watched.watcher.watch()
    watched.watcher.say(make_found())

    assert watched.watch.take_found() == ([(AT_NS, make_found())], Counter())
    assert watched.watch.take_found() == ([], Counter())


def test_nothing_is_taken_before_the_notice_was_accepted(watched: Watched) -> None:
    """Nor after another notice was."""
    watched.watcher.say(Accepted("0"))
    watched.watcher.say(make_found())

    assert watched.watch.take_found() == ([], Counter({"before_notice": 1}))
    assert not watched.watch.take_accepted()


def test_acceptance_is_taken_once(watched: Watched) -> None:
    """However often it is said."""
    for _ in range(2):
        watched.watcher.say(Accepted("1"))

    assert [watched.watch.take_accepted(), watched.watch.take_accepted()] == [True, False]


def test_what_waits_here_has_a_limit_for_each_tier_and_for_drills(watched: Watched) -> None:
    """Neither many counts nor invented answers to drills keep a call out."""
    watched.watcher.watch()
    for _ in range(MAX_WAITING + 2):
        watched.watcher.say(make_found(tier=Tier.COUNT))
        watched.watcher.say(make_found(nonce="00", tier=Tier.ALERT))
    watched.watcher.say(make_found("kill myself tonight"))
    found, dropped = watched.watch.take_found()

    assert len(found) == 2 * MAX_WAITING + 1
    assert found[-1][1].sentence == "kill myself tonight"
    assert dropped == Counter({"flood_count": 2, "flood_alert": 2})


def test_silence_is_told_from_waiting_and_from_death(watched: Watched) -> None:
    """One that never speaks hangs, and one that stopped speaking; one that shows the notice has nothing to say."""
    watch, watcher = watched.watch, watched.watcher
    watched.clock.advance(STARTING_S)
    assert (watch.hangs, watch.why_not) == (True, "its watcher says nothing")
    watcher.begin()
    watched.clock.advance(LIVE_S)
    assert not watch.hangs
    watcher.say(State("watching"))
    assert not watch.hangs
    watched.clock.advance(LIVE_S)
    assert (watch.hangs, watch.is_watching) == (True, False)
    watcher.die()
    assert (watch.hangs, watch.why_not) == (False, "its watcher ended")


@pytest.mark.parametrize(
    ("changes", "is_like"),
    [
        ({"setup": replace(SETUP, is_accepted=True)}, True),
        ({"session": make_session(environment={"XAUTHORITY": "/elsewhere"})}, True),
        ({"session": make_session(began="830872.9999")}, False),
        ({"setup": replace(SETUP, notice_version="2")}, False),
        ({"account_kind": "staff"}, False),
    ],
)
def test_when_a_watcher_does_for_what_is_wanted_now(changes: dict[str, Any], is_like: bool) -> None:
    """Not for another sitting, notice or kind of account; what the session's programs say does not end it."""
    assert WANTED.is_like(replace(WANTED, **changes)) is is_like
