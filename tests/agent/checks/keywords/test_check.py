# SPDX-License-Identifier: Apache-2.0
"""Tests of the check `keywords`: who is watched, and what is answered. Watchers that misbehave are in
`test_keywords_watchers`, drills in `test_keywords_drills`."""

from collections.abc import Callable

import pytest

from agent.checks.keywords.check import Keywords
from agent.checks.keywords.limit import FOUND_AT_MOST
from agent.checks.keywords.watch import STARTING_S
from agent.checks.keywords.watchers import FIRST_PAUSE_S
from agent.readers import ReaderStore
from agent.session.messages import MUTE_BROWSER, Accepted, Ready, State
from proto.events import CheckCrashed, EventsDropped, NoticeAccepted
from proto.events import State as Answer
from proto.sealed import make_subject_ref
from tests.agent.checks.room import Room, make_rules
from tests.agent.collector import DEVICE_ID
from tests.agent.piping import IDENTITY
from tests.agent.safeguarding import SUBJECT_KEY, make_found, make_safeguarding, make_session

STAFF = 'staff_groups = ["teachers"]\nstaff_reference = "Agreed on 2 May"\n'


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
    room.rules = make_rules('languages = ["en"]\nprotected = ["*chaplain*"]\n')
    room.look()
    setup = room.starter.started[0].setup

    assert (setup.languages, setup.protected) == (("en",), ("*chaplain*",))
    assert (setup.notice_version, setup.notice_title) == ("2026-09", "This computer is watched")
    assert setup.is_accepted is False


def test_acceptance_is_told_once_and_remembered(room: Room) -> None:
    """With a reference in place of the account; a restart does not ask again, a new notice does."""
    room.watch().die()
    room.look()
    room.look(FIRST_PAUSE_S)
    assert room.starter.started[-1].setup.is_accepted
    room.check.close()
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


@pytest.mark.parametrize("next_sitting", ["began", "display", "boot"])
def test_who_sits_down_next_at_a_shared_account_is_asked_for_himself(room: Room, next_sitting: str) -> None:
    """The first child accepts for no other; each acceptance is told."""
    first = room.watch()
    if next_sitting == "began":
        room.system.sessions = [make_session(began="830872.9999")]
    elif next_sitting == "display":
        room.system.sessions = [make_session(display=":1")]
    else:
        room.system.boot = bytes(16)
        room.restart()
    room.look()
    second = room.starter.started[-1]

    assert second is not first
    assert not second.setup.is_accepted
    second.watch()
    room.look()
    assert len(room.events(NoticeAccepted)) == 2


def test_a_sitting_that_cannot_be_told_from_the_next_is_always_asked(room: Room) -> None:
    """Where the system does not know when it began."""
    room.system.sessions = [make_session(began="")]
    room.watch()
    room.restart()

    assert not room.watch().setup.is_accepted


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
    assert room.events(EventsDropped) == [EventsDropped("flag.raised", "before_notice", 1)]


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


def test_a_browser_that_is_not_read_fails_the_check(room: Room) -> None:
    """The school sees in how many sessions, why, and what to do; when the browser tells, all is well again."""
    watcher = room.watch()
    watcher.say(State("watching", MUTE_BROWSER))
    result = room.look()
    watcher.say(State("watching", "my name is Alice"))
    again = room.look()

    assert result.state is Answer.FAIL
    assert result.facts["windows_not_read"] == "browser does not tell of password fields (1)"
    assert result.facts["not_watched"] == "browser does not tell of password fields (1)"
    assert "ACCESSIBILITY_ENABLED=1" in result.facts["what_to_do"]
    assert (result.facts["watching"], again.state) == ("1", Answer.PASS)
    assert "windows_not_read" not in again.facts
    assert "Alice" not in repr(again)


def test_how_many_readers_are_away_is_among_the_facts(room: Room) -> None:
    """The collector declares it without a signature, so that it did shows where the check is looked at."""
    room.watch()
    assert room.look().facts["readers_absent"] == "0"
    room.readers.accept(make_safeguarding(1, absent=["dana", "derek"]))
    assert room.look().facts["readers_absent"] == "2"


def test_an_account_whose_groups_cannot_be_told_is_a_gap(room: Room) -> None:
    """The directory is down: nobody knows who should be watched, and that is not passed over."""
    room.system.sessions = [make_session(are_groups_known=False, group_names=())]
    result = room.look()

    assert (result.state, result.facts["sessions"]) == (Answer.UNKNOWN, "1")
    assert result.facts["not_watched"] == "the account's groups cannot be told (1)"
    assert room.starter.started == []


def test_a_watcher_runs_on_until_it_is_known_that_it_should_not(room: Room) -> None:
    """A directory that goes away ends nothing; what it says when it is back counts."""
    watcher = room.watch()
    room.system.sessions = [make_session(are_groups_known=False, group_names=(), account_name="#1007", is_local=True)]
    result = room.look()
    assert watcher.is_alive
    assert (result.state, result.facts["watching"]) == (Answer.UNKNOWN, "1")
    watcher.say(make_found())
    room.look()
    assert room.hits[0].account == "directory:pupil7"
    room.system.sessions = [make_session(group_names=("visitors",))]
    assert room.look().state is Answer.PASS
    assert watcher.is_stopped


def test_what_is_known_to_be_wrong_comes_before_what_is_not_known(room: Room) -> None:
    """A session that is certainly not watched fails the check, whatever else there is."""
    room.system.sessions = [
        make_session(kind="wayland", display="wayland-0"),
        make_session(uid=5, are_groups_known=False, group_names=()),
    ]
    result = room.look()

    assert result.state is Answer.FAIL
    assert "the account's groups cannot be told (1)" in result.facts["not_watched"]


# When nobody is


def test_a_watcher_ends_when_a_precondition_does_not_hold_any_more(room: Room) -> None:
    """The policy, the readers, the hour, the place, the session: each ends it at the next look."""
    ends = {
        "policy": make_rules(enabled=False),
        "review": make_rules(dpia_review_date="2001-01-01"),
        "place": make_rules(networks=("192.0.2.0/24",), away_reference=""),
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
        "away": make_rules(networks=("192.0.2.0/24",), away_reference=""),
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


def test_what_a_watcher_says_at_its_end_is_not_lost(room: Room) -> None:
    """Whatever ends it: the place, the session, another notice; it goes to the seal at the same look."""
    ends: list[Callable[[], None]] = [
        lambda: setattr(room, "rules", make_rules(networks=("192.0.2.0/24",), away_reference="")),
        lambda: setattr(room, "rules", make_rules(notice_version="2026-10")),
        lambda: room.system.sessions.clear(),
    ]
    for number, end in enumerate(ends):
        room.rules = make_rules()
        watcher = room.watch()
        watcher.last_words = [make_found(f"sentence {number}"), make_found("mine", around="mrs dale hits me")]
        end()
        room.look()
        assert watcher.is_stopped
        assert [hit.found.sentence for hit in room.hits[-2:]] == [f"sentence {number}", "mine"]
        assert [hit.around for hit in room.hits[-2:]] == ["", "mrs dale hits me"]


def test_when_the_agent_ends_nothing_is_lost(room: Room) -> None:
    """All watchers are told before one of them is waited for; what they say then is yielded, and what is too much."""
    other = make_session(uid=1008, account_name="pupil8", display=":1")
    room.system.sessions = [make_session(), other]
    room.watch()
    for watcher in room.starter.started:
        watcher.watch()
        watcher.last_words = [make_found(f"of {watcher.session.account_name}")]
    room.starter.started[1].last_words += [make_found("more")] * FOUND_AT_MOST
    room.told = list(room.check.finish())
    room.check.close()

    assert [hit.found.sentence for hit in room.hits][:2] == ["of pupil7", "of pupil8"]
    assert len(room.hits) == FOUND_AT_MOST + 1
    assert sum(event.count for event in room.events(EventsDropped)) == 1
    assert room.starter.calls == ["begin_stop", "begin_stop", "stop", "stop"]
    assert room.starter.running == []


def test_sessions_in_which_password_fields_are_not_told_are_counted(room: Room) -> None:
    """There a password is known by its window alone; the school sees in how many."""
    watcher = room.watch()
    assert room.look().facts["without_password_fields"] == "0"
    watcher.say(Ready(password_fields=False))
    assert room.look().facts["without_password_fields"] == "1"


def test_nobody_is_named_in_the_answer(room: Room) -> None:
    """Whatever state it is in."""
    results = [room.look()]
    room.starter.started[0].watch()
    results.append(room.look())
    room.starter.started[0].die()
    results += [room.look(), room.look(FIRST_PAUSE_S)]

    assert "pupil7" not in repr(results)
    assert "pupils" not in repr(results)


def test_a_watcher_says_first_what_it_sees(room: Room) -> None:
    """Until it says that it watches, it waits."""
    room.look()
    room.starter.started[0].say(Ready(password_fields=False))

    assert room.look().facts["waiting_for_notice"] == "1"


def test_after_a_pause_the_session_is_watched_anew(room: Room) -> None:
    """While the policy pauses it, there is no watcher and no sign; then the same session gets another."""
    room.watch().watch()
    assert list(room.check.finish()) == []
    room.check.close()
    assert room.starter.running == []
    room.watch().watch()
    assert len(room.starter.running) == 1
