# SPDX-License-Identifier: Apache-2.0
"""Tests of the check `keywords`: who is watched, and what is answered. Watchers that misbehave are in
`test_keywords_watchers`, drills in `test_keywords_drills`."""

from agent.checks.keywords import Keywords
from agent.checks.keywords_watch import STARTING_S
from agent.checks.keywords_watchers import FIRST_PAUSE_S
from agent.readers import ReaderStore
from agent.session.messages import MUTE_BROWSER, Accepted, Ready, State
from proto.events import CheckCrashed, EventsDropped, NoticeAccepted
from proto.events import State as Answer
from proto.sealed import make_subject_ref
from tests.agent.checks.room import Room, make_rules
from tests.agent.collector import DEVICE_ID
from tests.agent.piping import IDENTITY
from tests.agent.safeguarding import SUBJECT_KEY, make_found, make_session

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
    room.starter.started[0].say(Ready(1, layout_aware=True, password_fields=False, sign="window"))

    assert room.look().facts["waiting_for_notice"] == "1"
