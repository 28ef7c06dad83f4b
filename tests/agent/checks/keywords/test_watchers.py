# SPDX-License-Identifier: Apache-2.0
"""Tests of watchers that die, fall silent, cannot be started, or find too much."""

import pytest

from agent.checks.keywords.limit import FOUND_AT_MOST, FOUND_WITHIN_S
from agent.checks.keywords.watch import LIVE_S, STARTING_S
from agent.checks.keywords.watchers import FIRST_PAUSE_S, LONGEST_PAUSE_S, MEMORY_LIMIT_BYTES, WEIGHED_EVERY_S
from agent.errors import NotWatchedError
from agent.session.messages import Alive, State
from proto.events import CheckCrashed, EventsDropped, Tier
from proto.events import State as Answer
from tests.agent.checks.room import Room
from tests.agent.safeguarding import make_found, make_session


def test_a_watcher_that_died_is_told_and_started_again(room: Room) -> None:
    """After a pause that grows while it keeps dying; what it had found before still counts."""
    watcher = room.watch()
    watcher.say(make_found("i want to die"))
    watcher.die()
    assert room.look(0).state is not Answer.PASS
    result = room.look()
    assert (result.state, result.facts["not_watched"]) == (Answer.FAIL, "its watcher ended (1)")
    room.look(FIRST_PAUSE_S)
    assert len(room.hits) == 1
    assert room.events(CheckCrashed) == [CheckCrashed("keywords", "WatcherEnded")]
    assert len(room.starter.running) == 1
    for _ in range(200):
        for running in room.starter.running:
            running.die()
        room.look()
    assert 5 < len(room.starter.started) < 15
    room.look(LONGEST_PAUSE_S)
    assert room.watch().is_alive
    assert room.check.result().state is Answer.PASS


def test_a_session_that_ends_with_its_watcher_is_no_crash(room: Room) -> None:
    """The display goes first, and its processes a moment later."""
    watcher = room.watch()
    watcher.die()
    room.look()
    room.system.sessions = []
    assert room.look(LONGEST_PAUSE_S).state is Answer.PASS
    assert room.events(CheckCrashed) == []


@pytest.mark.parametrize("error", [NotWatchedError("the watcher cannot be started"), OSError("no such file")])
def test_a_watcher_that_cannot_be_started_is_said(room: Room, error: Exception) -> None:
    """And tried again."""
    room.starter.error = error
    result = room.look()
    assert result.state is Answer.FAIL
    assert "started" in result.facts["not_watched"]
    room.starter.error = None
    room.look(FIRST_PAUSE_S)
    room.watch()
    assert room.check.result().state is Answer.PASS


def test_a_watcher_that_falls_silent_is_ended_and_started_again(room: Room) -> None:
    """It says something every minute; one that does not was stopped by somebody, or hangs. That is told."""
    watcher = room.watch()
    room.clock.advance(LIVE_S - 10)
    watcher.say(Alive())
    assert room.look().state is Answer.PASS
    result = room.look(LIVE_S)
    assert (result.state, result.facts["not_watched"]) == (Answer.FAIL, "its watcher says nothing (1)")
    assert watcher.is_stopped
    room.look(FIRST_PAUSE_S)
    assert room.events(CheckCrashed) == [CheckCrashed("keywords", "WatcherSilent")]
    assert room.watch() is not watcher
    assert room.check.result().state is Answer.PASS


def test_a_watcher_that_holds_too_much_memory_is_ended_and_started_again(room: Room) -> None:
    """It may hold 40 MB; one that holds more gives it back this way, and that is told."""
    watcher = room.watch()
    room.system.memory[watcher.pid] = MEMORY_LIMIT_BYTES
    room.look(WEIGHED_EVERY_S)
    assert not watcher.is_stopped
    room.system.memory[watcher.pid] = MEMORY_LIMIT_BYTES + 1
    room.look(WEIGHED_EVERY_S)
    assert watcher.is_stopped
    room.look(FIRST_PAUSE_S)
    assert room.events(CheckCrashed) == [CheckCrashed("keywords", "WatcherHeavy")]
    assert room.watch() is not watcher


def test_somebody_who_signs_in_is_no_news(room: Room) -> None:
    """For a while: then it is said that the notice waits, or that the watcher says nothing."""
    room.watch()
    room.system.sessions.append(make_session(uid=1008, display=":1"))
    assert room.look().state is Answer.PASS
    room.starter.started[1].begin()
    assert room.look(STARTING_S - 10).state is Answer.PASS
    assert room.look(10).state is Answer.UNKNOWN
    room.starter.started[1].watch()
    assert room.look().state is Answer.PASS


def test_a_watcher_that_never_says_anything_fails_after_a_while(room: Room) -> None:
    """At first it is only not known."""
    assert room.look().state is Answer.UNKNOWN
    assert room.look(STARTING_S).facts["not_watched"] == "its watcher says nothing (1)"
    assert room.starter.running == []
    room.look(FIRST_PAUSE_S)
    assert len(room.starter.running) == 1


def test_a_watcher_that_cannot_watch_is_no_crash_and_its_words_go_nowhere(room: Room) -> None:
    """The reason is the pupil's text as far as we know."""
    room.look()
    watcher = room.starter.started[0]
    watcher.say(State("not_watched", "my name is Alice \x1b[2J"))
    watcher.die()
    results = [room.look() for _ in range(3)]

    assert {result.state for result in results} == {Answer.FAIL}
    assert results[0].facts["not_watched"] == "its watcher cannot see the keyboard (1)"
    assert "Alice" not in repr(results) + repr(room.told)
    assert room.events(CheckCrashed) == []


def test_a_flood_of_counts_does_not_drop_a_call(room: Room) -> None:
    """Whoever is flooded with what matters little still hears what matters most."""
    watcher = room.watch()
    for number in range(FOUND_AT_MOST + 5):
        watcher.say(make_found(f"sentence {number}", tier=Tier.COUNT))
    room.look()
    watcher.say(make_found("kill myself tonight", tier=Tier.CALL))
    room.look(60)

    assert len(room.hits) == FOUND_AT_MOST + 1
    assert room.hits[-1].found.sentence == "kill myself tonight"
    assert room.events(EventsDropped) == [EventsDropped("flag.raised", "flood_count", 5)]


def test_one_account_has_a_limit_over_all_its_sessions(room: Room) -> None:
    """What is more is counted; another account is not touched by it, and after a while it may again."""
    other = make_session(uid=1008, account_name="pupil8", display=":1")
    room.system.sessions = [make_session(), make_session(display=":7"), other]
    room.look()
    for watcher in room.starter.started:
        watcher.watch()
    for _ in range(3):
        for watcher in room.starter.started[:2]:
            for number in range(FOUND_AT_MOST):
                watcher.say(make_found(f"sentence {number}"))
        room.look()
    room.starter.started[2].say(make_found("help"))
    room.look(60)
    by_account = [hit.account for hit in room.hits]
    assert by_account.count("directory:pupil7") == FOUND_AT_MOST
    assert by_account.count("directory:pupil8") == 1
    assert sum(event.count for event in room.events(EventsDropped)) == 5 * FOUND_AT_MOST
    assert {event.reason for event in room.events(EventsDropped)} == {"flood_call"}
    room.clock.advance(FOUND_WITHIN_S)
    room.starter.started[0].say(make_found("again"))
    room.look()
    assert room.hits[-1].found.sentence == "again"
