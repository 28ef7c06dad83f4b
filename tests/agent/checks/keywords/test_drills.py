# SPDX-License-Identifier: Apache-2.0
"""Tests of drills: answered once, by one watcher or by the service itself, and never by what only claims to be one."""

from typing import Any

import pytest

from agent.checks.keywords.check import LOOK_EVERY_S
from agent.checks.keywords.limit import FOUND_AT_MOST
from agent.checks.keywords.watch import LIVE_S
from agent.checks.keywords.watchers import LONGEST_PAUSE_S
from rules.keywords.drill import DRILL_CATEGORY, DRILL_PHRASE, DRILL_RULE
from tests.agent.checks.room import Room, make_rules
from tests.agent.safeguarding import make_found, make_session

NONCE = bytes(range(16))


def drill_answer(nonce: bytes, **changes: Any) -> Any:
    """Return what a watcher answers to an order."""
    fields = {"category": DRILL_CATEGORY, "rule": DRILL_RULE, "nonce": nonce.hex()}
    return make_found(**({"sentence": DRILL_PHRASE} | fields | changes))


def test_a_drill_is_given_to_one_watcher_and_is_nobodys(room: Room) -> None:
    """It names no account, though somebody's watcher answered."""
    watcher = room.watch()
    room.check.order_drill(NONCE)
    room.look(0)
    assert watcher.nonces == [NONCE.hex()]
    watcher.say(drill_answer(NONCE))
    room.look(0)
    (hit,) = room.hits

    assert (hit.drill_nonce, hit.account, hit.account_name, hit.account_kind) == (NONCE, "drill", "", "drill")
    assert hit.found.sentence == DRILL_PHRASE


def test_with_nobody_there_the_service_takes_the_phrase_through_the_real_matcher(room: Room) -> None:
    """The drill shows that a flag comes through at night too, when nobody sits there or nobody may be watched."""
    room.system.sessions = []
    room.check.order_drill(NONCE)
    room.look()
    room.system.sessions = [make_session(group_names=("visitors",))]
    room.check.order_drill(bytes(16))
    room.look()

    assert [hit.drill_nonce for hit in room.hits] == [NONCE, bytes(16)]
    for hit in room.hits:
        assert (hit.found.rule, hit.found.category, hit.found.sentence) == (DRILL_RULE, DRILL_CATEGORY, DRILL_PHRASE)
        assert hit.found.sentence[hit.found.start : hit.found.end] == DRILL_PHRASE
        assert hit.found_at_ns in (room.now_ns, room.now_ns - int(LOOK_EVERY_S * 1e9))


def test_where_somebody_should_be_watched_only_a_watcher_answers(room: Room) -> None:
    """With every watcher dead, deaf, hung or not begun a drill must not pass; the same order may come again."""

    def order_in_vain() -> None:
        room.check.order_drill(NONCE)
        room.look()
        assert room.hits == []

    order_in_vain()
    watcher = room.watch()
    watcher.is_deaf = True
    order_in_vain()
    watcher.is_deaf = False
    room.clock.advance(LIVE_S)
    order_in_vain()
    for running in room.starter.running:
        running.die()
    order_in_vain()
    room.system.sessions = [make_session(kind="wayland", display="wayland-0")]
    order_in_vain()
    room.system.sessions = [make_session(are_groups_known=False, group_names=())]
    order_in_vain()
    room.system.sessions = [make_session()]
    room.look(LONGEST_PAUSE_S)
    watcher = room.watch()
    room.check.order_drill(NONCE)
    room.look()
    assert watcher.nonces == [NONCE.hex()]


def test_a_flood_of_the_account_does_not_keep_a_drill_out(room: Room) -> None:
    """It is nobody's, so it is not one of the account's sentences."""
    watcher = room.watch()
    for _ in range(FOUND_AT_MOST):
        watcher.say(make_found(tier=drill_answer(NONCE).tier))
    room.check.order_drill(NONCE)
    room.look()
    watcher.say(drill_answer(NONCE))
    room.look()

    assert [hit.drill_nonce for hit in room.hits] == [b""] * FOUND_AT_MOST + [NONCE]


def test_an_order_is_answered_once(room: Room) -> None:
    """Also over a restart: whoever records one cannot play it again."""
    room.system.sessions = []
    for _ in range(2):
        room.check.order_drill(NONCE)
        room.look()
    room.restart()
    room.check.order_drill(NONCE)
    room.look()

    assert len(room.hits) == 1


@pytest.mark.parametrize(
    "answer",
    [
        drill_answer(bytes(16)),
        drill_answer(NONCE, sentence="i want to die"),
        drill_answer(NONCE, sentence=DRILL_PHRASE + ". i want to die"),
        drill_answer(NONCE, rule="suicide-want-to-die", category="suicide"),
    ],
    ids=["never ordered", "another sentence", "more than the phrase", "another rule"],
)
def test_what_only_says_that_it_is_a_drill_is_a_flag(room: Room, answer: Any) -> None:
    """No concern can be hidden as a drill."""
    watcher = room.watch()
    room.check.order_drill(NONCE)
    room.look(0)
    watcher.say(answer)
    room.look(0)

    assert [(hit.drill_nonce, hit.account) for hit in room.hits] == [(b"", "directory:pupil7")]


def test_another_watcher_cannot_answer_a_drill(room: Room) -> None:
    """A number that was given to one says nothing in the mouth of another."""
    room.system.sessions = [make_session(), make_session(uid=1008, account_name="pupil8", display=":1")]
    room.look()
    for watcher in room.starter.started:
        watcher.watch()
    room.look()
    room.check.order_drill(NONCE)
    room.look(0)
    (other,) = [watcher for watcher in room.starter.started if not watcher.nonces]
    other.say(drill_answer(NONCE))
    room.look(0)

    assert [hit.drill_nonce for hit in room.hits] == [b""]


def test_where_nobody_could_be_watched_a_drill_is_not_answered(room: Room) -> None:
    """An answer would say that flags come through."""
    for rules in (None, make_rules(enabled=False), make_rules(dpia_reference="")):
        room.rules = rules
        room.look()
        room.check.order_drill(NONCE)
        room.look()
    assert room.hits == []
