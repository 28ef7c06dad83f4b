# SPDX-License-Identifier: Apache-2.0
"""Tests of the check `keywords`: who is watched, what is answered, and that nothing but hits leaves it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.checks.interface import CheckResult
from agent.checks.keywords import LOOK_EVERY_S, Keywords
from agent.checks.keywords_watch import LIVE_S, STARTING_S
from agent.checks.keywords_watchers import FIRST_PAUSE_S, FOUND_AT_MOST, FOUND_WITHIN_S, LONGEST_PAUSE_S
from agent.errors import NotWatchedError
from agent.hit import Hit
from agent.policy import InForce
from agent.readers import ReaderStore
from agent.session.messages import Accepted, Ready, State, Typed
from proto.events import CheckCrashed, EventsDropped, NoticeAccepted
from proto.events import State as Answer
from proto.sealed import make_subject_ref
from rules.evaluate import Evaluator
from rules.keywords.drill import DRILL_CATEGORY, DRILL_PHRASE, DRILL_RULE
from rules.load import parse_files
from tests.agent.collector import DEVICE_ID, KEYWORDS, rule_files
from tests.agent.piping import IDENTITY
from tests.agent.safeguarding import SUBJECT_KEY, make_found, make_safeguarding
from tests.agent.test_preconditions import make_session
from tests.agent.watchers import FakeStarter, FakeWatcher
from tests.fakes import FakeClock, FakeSystem

NONCE = bytes(range(16))
STAFF = 'staff_groups = ["teachers"]\nstaff_reference = "Agreed on 2 May"\n'


def make_rules(extra: str = "", **changes: Any) -> InForce:
    """Return a policy in force that has keyboards watched."""
    policy = parse_files(rule_files(keywords=KEYWORDS + extra))
    policy = replace(policy, keywords=replace(policy.keywords, **changes))
    return InForce(policy, Evaluator(policy), b"")


class Room:
    """A machine with one pupil, and the check with everything around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock, self.system, self.starter = FakeClock(), FakeSystem(), FakeStarter()
        self.readers = ReaderStore(folder / "readers.json", IDENTITY)
        self.readers.accept(make_safeguarding(1))
        self.rules: InForce | None = make_rules()
        self.system.sessions = [make_session()]
        self.told: list[Any] = []
        self.woken = 0
        self.check = self.restart()

    def restart(self) -> Keywords:
        """Return the check as after a restart of the agent."""
        self.check = Keywords(
            self.system,
            lambda: self.rules,
            state_folder=self.folder,
            wake=self._wake,
            start=self.starter,
            clock_s=self.clock,
        )
        self.check.readers = self.readers
        return self.check

    def look(self, advance_s: float = LOOK_EVERY_S) -> CheckResult:
        """Let time pass, look once, and keep what is told."""
        self.clock.advance(advance_s)
        self.told += self.check.observe(int(self.clock() * 1e9))
        return self.check.result()

    def watch(self) -> FakeWatcher:
        """Have the newest watcher watch."""
        self.look()
        self.starter.started[-1].watch()
        self.look()
        return self.starter.started[-1]

    @property
    def hits(self) -> list[Hit]:
        """What goes to the seal."""
        return [each for each in self.told if isinstance(each, Hit)]

    def events(self, cls: type) -> list[Any]:
        """Return what was told of one kind."""
        return [each for each in self.told if isinstance(each, cls)]

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """A machine with one pupil."""
    return Room(tmp_path)


# Who is watched


def test_a_pupil_is_watched_after_the_notice_was_accepted(room: Room) -> None:
    """Until then the answer is not known; afterwards it is good, and what is typed and matches goes to the seal."""
    room.look()
    watcher = room.starter.started[0]
    watcher.begin()
    waiting = room.look(STARTING_S)
    watcher.say(Accepted("2026-09"))
    watcher.say(State("watching"))
    watching = room.look()
    watcher.say(make_found("i want to die"))
    room.look(0)

    assert (waiting.state, watching.state) == (Answer.UNKNOWN, Answer.PASS)
    assert "in 1 the notice is not accepted yet" in waiting.summary
    (hit,) = room.hits
    assert (hit.account, hit.account_name, hit.account_kind) == ("directory:pupil7", "pupil7", "pupil")
    assert (hit.found.sentence, hit.notice_version, hit.drill_nonce) == ("i want to die", "2026-09", b"")
    assert room.woken


def test_the_watcher_is_told_what_the_policy_says(room: Room) -> None:
    """Notice, languages and more protected windows."""
    room.rules = make_rules('languages = ["en", "fr"]\nprotected = ["*chaplain*"]\n')
    room.look()
    setup = room.starter.started[0].setup

    assert (setup.languages, setup.protected) == (("en", "fr"), ("*chaplain*",))
    assert (setup.notice_version, setup.notice_title) == ("2026-09", "This computer is watched")
    assert setup.is_accepted is False


def test_acceptance_is_told_once_and_remembered(room: Room) -> None:
    """With a reference in place of the account; a restart does not ask again, a new notice does."""
    room.watch()
    room.restart()
    second = room.watch()
    reference = make_subject_ref(SUBJECT_KEY, "directory:pupil7")
    assert room.events(NoticeAccepted) == [NoticeAccepted(reference, "2026-09")]
    assert second.setup.is_accepted
    room.rules = make_rules(notice_version="2026-10")
    third = room.watch()

    assert second.is_stopped
    assert not third.setup.is_accepted
    assert room.events(NoticeAccepted)[1:] == [NoticeAccepted(reference, "2026-10")]


def test_a_notice_of_another_version_accepts_nothing(room: Room) -> None:
    """Nor does a sentence that comes before the notice was accepted: it is counted and not kept."""
    room.look()
    watcher = room.starter.started[0]
    watcher.begin()
    watcher.say(Accepted("1999"))
    watcher.say(make_found())
    room.look(60)

    assert room.events(NoticeAccepted) == []
    assert room.hits == []
    assert room.events(EventsDropped) == [EventsDropped("flag.raised", "flood", 1)]


def test_a_local_account_is_named_by_the_device(room: Room) -> None:
    """It is nobody of the directory."""
    room.system.sessions = [make_session(is_local=True)]
    room.watch().say(make_found())
    room.look()

    assert room.hits[0].account == f"local:{DEVICE_ID}:1007"


def test_others_are_not_watched_and_not_counted(room: Room) -> None:
    """Visitors, the administrator, staff without a reference: nothing is started, and nothing fails."""
    room.system.sessions = [
        make_session(uid=0, group_names=("root", "pupils")),
        make_session(uid=5, group_names=("visitors",)),
        make_session(uid=6, group_names=("teachers",), kind="wayland"),
    ]
    room.rules = make_rules()
    result = room.look()

    assert room.starter.started == []
    assert (result.state, result.facts["sessions"]) == (Answer.PASS, "0")


def test_staff_with_a_reference_are_known_as_staff(room: Room) -> None:
    """So that the reader sees it."""
    room.system.sessions = [make_session(group_names=("teachers",))]
    room.rules = make_rules(STAFF)
    room.watch().say(make_found())
    room.look()

    assert room.hits[0].account_kind == "staff"


def test_a_wayland_session_of_a_pupil_fails_the_check(room: Room) -> None:
    """It should be watched and cannot be; said in words, with a number and without a name."""
    room.system.sessions = [make_session(), make_session(kind="wayland", display="wayland-0")]
    room.watch()
    result = room.look()

    assert result.state is Answer.FAIL
    assert result.facts["not_watched"] == "Wayland: only X11 windows could be seen (1)"
    assert (result.facts["sessions"], result.facts["watching"]) == ("2", "1")


# When nobody is


def test_a_watcher_ends_when_a_precondition_does_not_hold_any_more(room: Room) -> None:
    """The policy, the readers, the hour, the place, the session: each ends it at the next look."""
    ends = {
        "policy": make_rules(enabled=False),
        "review": make_rules(dpia_review_date="2001-01-01"),
        "place": make_rules('networks = ["192.0.2.0/24"]\n'),
        "gone": None,
    }
    for rules in ends.values():
        room.rules = make_rules()
        watcher = room.watch()
        assert room.check.result().state is Answer.PASS
        room.rules = rules
        room.look()
        assert watcher.is_stopped
        assert room.starter.running == []
    room.rules = make_rules()
    watcher = room.watch()
    room.system.sessions = []
    room.look()
    assert watcher.is_stopped
    assert room.events(CheckCrashed) == []


def test_each_reason_why_nobody_is_watched_has_its_answer(room: Room) -> None:
    """Not known, not asked for, not possible, not now."""
    answers = {}
    for name, rules in {
        "none": None,
        "off": make_rules(enabled=False),
        "lacking": make_rules(dpia_reference=""),
        "away": make_rules('networks = ["192.0.2.0/24"]\n'),
    }.items():
        room.rules = rules
        answers[name] = room.look()
    assert {name: answer.state for name, answer in answers.items()} == {
        "none": Answer.UNKNOWN,
        "off": Answer.NOT_APPLICABLE,
        "lacking": Answer.FAIL,
        "away": Answer.NOT_APPLICABLE,
    }
    assert answers["lacking"].facts == {"missing": "the policy names no data protection impact assessment"}
    assert "away from the school's networks" in answers["away"].summary


def test_without_readers_nobody_is_watched(room: Room) -> None:
    """Neither when no set came, nor in a single look by hand."""
    room.readers = ReaderStore(room.folder / "none.json", IDENTITY)
    room.restart()
    assert room.look().facts == {"missing": "no signed set of readers has come yet"}
    alone = Keywords(room.system, lambda: room.rules, start=room.starter)
    assert list(alone.observe(0)) == []
    assert alone.result().state is Answer.NOT_APPLICABLE
    assert room.starter.started == []


def test_all_watchers_end_with_the_check(room: Room) -> None:
    """Nothing watches without the service."""
    watcher = room.watch()
    room.check.close()
    assert watcher.is_stopped


# Watchers that do not do what they should


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


def test_a_watcher_that_falls_silent_fails(room: Room) -> None:
    """It says something every minute, if only that nothing was typed."""
    watcher = room.watch()
    room.clock.advance(LIVE_S - 10)
    watcher.say(Typed(0))
    assert room.look().state is Answer.PASS
    result = room.look(LIVE_S)
    assert (result.state, result.facts["not_watched"]) == (Answer.FAIL, "its watcher says nothing (1)")


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
    room.clock.advance(FOUND_WITHIN_S)
    room.starter.started[0].say(make_found("again"))
    room.look()
    assert room.hits[-1].found.sentence == "again"


def test_nobody_is_named_in_the_answer(room: Room) -> None:
    """Whatever state it is in."""
    results = [room.look()]
    room.starter.started[0].watch()
    results.append(room.look())
    room.starter.started[0].die()
    results += [room.look(), room.look(FIRST_PAUSE_S)]

    assert "pupil7" not in repr(results)
    assert "pupils" not in repr(results)


# Drills


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
    """The drill shows that a flag comes through at night too; also when the only watcher does not listen."""
    room.system.sessions = []
    room.check.order_drill(NONCE)
    room.look()
    room.system.sessions = [make_session()]
    room.watch().is_deaf = True
    room.check.order_drill(bytes(16))
    room.look()

    assert [hit.drill_nonce for hit in room.hits] == [NONCE, bytes(16)]
    for hit in room.hits:
        assert (hit.found.rule, hit.found.category, hit.found.sentence) == (DRILL_RULE, DRILL_CATEGORY, DRILL_PHRASE)
        assert hit.found.sentence[hit.found.start : hit.found.end] == DRILL_PHRASE


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


def test_a_watcher_says_first_what_it_sees(room: Room) -> None:
    """Until it says that it watches, it waits."""
    room.look()
    room.starter.started[0].say(Ready(1, layout_aware=True, password_fields=False, sign="window"))

    assert room.look().facts["waiting_for_notice"] == "1"
