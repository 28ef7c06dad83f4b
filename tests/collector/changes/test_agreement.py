# SPDX-License-Identifier: Apache-2.0
"""Tests of how a change comes into force: alone, with a second person's word, or not at all."""

import pytest

from collector import changes
from collector.audit import list_entries
from collector.changes import Change, ChangeState, FileAdded, FileRemoved, PackChosen, PauseBegun, WentBack
from collector.errors import PermissionDeniedError, UsageError
from collector.policies import list_publications, open_own_bundle
from collector.publications import find_distribution
from collector.rollouts import load_rollout, stage
from tests.collector.school import MINUTE_NS, OWN_RULE, School
from tests.collector.small_policy import FEWER_PUPILS, GUARD, PACKS, SEVERE, SILENT, ask, in_force, school_of


def agree(school: School, change: Change, actor: str = "harriet") -> Change:
    """Give the second word."""
    return changes.agree(school_of(school), change.id, actor=actor, now_ns=school.now_ns)


def actions_of(school: School) -> list[tuple[str, str]]:
    """Return who did what, newest first."""
    return [(each.actor, each.action) for each in list_entries(school.engine, school.id)]


def test_change_that_takes_nothing_away_is_published_at_once(school: School) -> None:
    """With author, reason, difference and version, in the register and in the audit log."""
    change = ask(school, FileAdded("games.toml", OWN_RULE), reason="zork is back")
    assert (change.state, change.version, change.weakens) == (ChangeState.PUBLISHED, 2, ())
    assert '+id = "own-zork"' in change.difference
    assert "own-zork" in {rule.id for rule in in_force(school).rules}
    (made, _) = list_publications(school.engine, school.id)
    assert (made.made_by, made.reason) == ("tess", "rule file games.toml: zork is back")
    assert changes.list_changes(school.engine, school.id) == [change]
    assert actions_of(school) == [("tess", "change.published"), ("tess", "policy.published")]


@pytest.mark.parametrize(
    ("amendment", "words"),
    [
        (FileAdded("quiet.toml", SILENT), "rule agent-paused: it is not in force any more"),
        (FileAdded("fewer.toml", FEWER_PUPILS), "keywords: not watched any more: group sixth-form"),
        (PackChosen("blind"), "keywords: nobody is watched any more"),
        (PauseBegun("keywords", 7200), "pause: keywords from 21 Nov 2026, 20:46 to 21 Nov 2026, 22:46"),
        (PauseBegun("check:software", 60), "pause: check:software from"),
    ],
)
def test_weakening_waits_for_a_second_person(school: School, amendment: changes.Amendment, words: str) -> None:
    """Nothing is published and nothing is kept but the question, until somebody else agrees; then it is in force."""
    change = ask(school, amendment)
    assert (change.state, change.version) == (ChangeState.PROPOSED, None)
    assert words in change.weakens[0]
    assert len(list_publications(school.engine, school.id)) == 1
    assert actions_of(school) == [("tess", "change.proposed")]
    assert changes.list_waiting(school.engine, school.id) == [change]
    agreed = agree(school, change)
    assert (agreed.state, agreed.version, agreed.decided_by) == (ChangeState.PUBLISHED, 2, "harriet")
    assert ("harriet", "change.agreed") in actions_of(school)
    (published,) = [each for each in list_entries(school.engine, school.id) if each.action == "policy.published"]
    assert (published.actor, "with the word of harriet" in published.detail) == ("tess", True)


@pytest.mark.parametrize("actor", ["tess", "Tess", "TESS"])
def test_nobody_gives_the_second_word_on_his_own_change(school: School, actor: str) -> None:
    """However the name is written."""
    change = ask(school, FileAdded("quiet.toml", SILENT))
    with pytest.raises(PermissionDeniedError, match="his own change"):
        agree(school, change, actor)
    with pytest.raises(PermissionDeniedError, match="his own change"):
        changes.refuse(school.engine, school.id, change.id, actor=actor, note="no", now_ns=school.now_ns)
    assert len(list_publications(school.engine, school.id)) == 1


def test_what_was_shown_is_what_is_agreed_to(school: School) -> None:
    """If it would take more away by now, it is shown anew instead of done, and agreed to after that."""
    change = ask(school, FileAdded("own.toml", OWN_RULE + SEVERE.replace("severity = 5", "off = true")))
    assert change.weakens == ("rule agent-paused: it is not in force any more",)
    # Meanwhile the same file came to hold a safeguard, which would go with it.
    stronger = OWN_RULE.replace('kinds = ["program.started"]', 'kinds = ["program.started"]\naudience = "safeguarding"')
    assert ask(school, FileAdded("own.toml", stronger), author="ivo").version == 2
    with pytest.raises(UsageError, match="take more away"):
        agree(school, change)
    assert len(list_publications(school.engine, school.id)) == 2
    shown = changes.find_change(school.engine, school.id, change.id)
    assert shown is not None
    assert len(shown.weakens) == 2
    assert agree(school, change).version == 3


def test_pause_begins_when_it_is_agreed_to(school: School) -> None:
    """An hour's wait for the second person shortens nothing."""
    change = ask(school, PauseBegun("keywords", 7200))
    school.now_ns += 60 * MINUTE_NS
    agree(school, change)
    (pause,) = in_force(school).arrangements.pauses
    assert (f"{pause.first:%H:%M}", f"{pause.last:%H:%M}") == ("21:46", "23:46")
    assert "tess" not in pause.reason


def test_pause_is_ended_by_one_person(school: School) -> None:
    """Who watches over a safeguard switches it on again alone."""
    agree(school, ask(school, PauseBegun("keywords", 7200)))
    assert changes.end_pause(school_of(school), "keywords", actor="dana", now_ns=school.now_ns) == 3
    assert in_force(school).arrangements.pauses == ()
    with pytest.raises(UsageError, match="not paused"):
        changes.end_pause(school_of(school), "keywords", actor="dana", now_ns=school.now_ns)


@pytest.mark.parametrize(
    ("amendment", "words"),
    [
        (FileAdded("own.toml", OWN_RULE.replace("severity = 2", "severity = 9")), "severity"),
        (FileAdded("own.toml", OWN_RULE.replace('["zork"]', '["rogue"]')), "should match and is silent"),
        (FileAdded("own.toml", SILENT.replace("agent-paused", "agent-pausd")), "agent-pausd"),
        (FileAdded("pauses.toml", OWN_RULE), "a name for the pauses"),
        (FileAdded("exceptions-2.toml", OWN_RULE), "a name for the exceptions"),
        (FileRemoved("own.toml"), "no rule file 'own.toml'"),
        (PackChosen("broken"), "should match and is silent"),
        (PackChosen("smal"), "no pack 'smal'"),
        (PauseBegun("keywords", 8 * 86_400), "seven days"),
        (PauseBegun("rule:nothing", 60), "nothing"),
        (WentBack(7), "no version 7"),
    ],
)
def test_what_is_not_right_changes_nothing(school: School, amendment: changes.Amendment, words: str) -> None:
    """It is refused with what is wrong; a bad pack never takes the place of a good one."""
    with pytest.raises(UsageError, match=words):
        ask(school, amendment)
    assert len(list_publications(school.engine, school.id)) == 1
    assert (changes.list_changes(school.engine, school.id), actions_of(school)) == ([], [])


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 501])
def test_reason_is_one_line_of_words(school: School, reason: str) -> None:
    """Whoever looks back reads it in a table."""
    with pytest.raises(UsageError, match="reason"):
        ask(school, FileAdded("own.toml", OWN_RULE), reason=reason)


def test_decided_change_is_not_decided_again(school: School) -> None:
    """Refused, it cannot be agreed to; and a refusal says why."""
    change = ask(school, FileAdded("quiet.toml", SILENT))
    with pytest.raises(UsageError, match="no reason"):
        changes.refuse(school.engine, school.id, change.id, actor="harriet", note=" ", now_ns=school.now_ns)
    changes.refuse(school.engine, school.id, change.id, actor="harriet", note="It guards us", now_ns=school.now_ns)
    with pytest.raises(UsageError, match="refused already"):
        agree(school, change)
    with pytest.raises(UsageError, match="refused already"):
        changes.withdraw(school.engine, school.id, change.id, actor="tess", now_ns=school.now_ns)
    found = changes.find_change(school.engine, school.id, change.id)
    assert found is not None
    assert (found.state, found.decided_by, found.decision_note) == (ChangeState.REFUSED, "harriet", "It guards us")


def test_going_back_restores_pack_and_own_files(school: School) -> None:
    """As a newer version; the other registers stay as they are now."""
    ask(school, FileAdded("games.toml", OWN_RULE))
    ask(school, PackChosen("other"))
    ask(school, FileRemoved("games.toml"))
    assert (in_force(school).pack, len(in_force(school).rules)) == ("other", 1)
    change = ask(school, WentBack(2))
    assert (change.version, change.subject) == (5, "back to version 2")
    assert (in_force(school).pack, len(in_force(school).rules)) == ("small", 2)


def test_going_back_to_a_weaker_version_waits(school: School) -> None:
    """What was added to a safeguard since is not taken away by one person."""
    ask(school, FileAdded("severe.toml", SEVERE))
    change = ask(school, WentBack(1))
    assert (change.state, change.weakens) == (ChangeState.PROPOSED, ("rule agent-paused: severity 4 instead of 5",))


def test_roll_out_is_taken_back(school: School) -> None:
    """Every device has what everybody had, under a newer version, and the roll-out is over."""
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    ask(school, FileAdded("severe.toml", SEVERE))
    good = changes.find_last_good(school.engine, school.id)
    change = ask(school, WentBack(good))
    # What only a share of the devices had was nobody's safeguard yet.
    assert (good, change.version, load_rollout(school.engine, school.id)) == (1, 3, None)
    assert in_force(school).rules[0].severity == 4
    # The bad one is not what is gone back to next time either.
    with pytest.raises(UsageError, match="no version before this one"):
        changes.find_last_good(school.engine, school.id)


def test_roll_out_that_has_not_begun_is_ended_alone(school: School) -> None:
    """Nothing is published, and what every device has stays; what comes next is for all of them."""
    ask(school, FileAdded("games.toml", OWN_RULE))
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    assert changes.go_back(school_of(school), author="tess", reason="not now", now_ns=school.now_ns) is None
    assert (in_force(school).version, len(in_force(school).rules)) == (2, 2)
    assert load_rollout(school.engine, school.id) is None
    assert actions_of(school)[0] == ("tess", "rollout.withdrawn")


def test_last_good_is_what_had_other_rules(school: School) -> None:
    """Versions that came since because a register changed are not what anybody means by back."""
    ask(school, FileAdded("games.toml", OWN_RULE))
    for _ in range(2):
        school.publish()
    change = changes.go_back(school_of(school), author="tess", reason="too many", now_ns=school.now_ns)
    assert change is not None
    assert (change.subject, change.version) == ("back to version 1", 5)
    assert len(in_force(school).rules) == 1


def test_pause_that_is_ended_is_over_on_every_device(school: School) -> None:
    """Whatever share a roll-out is for, begun or not: the share keeps what is staged, and nobody keeps the pause."""
    agree(school, ask(school, PauseBegun("keywords", 7200)))
    agree(school, ask(school, PauseBegun("check:software", 7200)))
    stage(school.engine, school.id, 1, actor="tess", now_ns=school.now_ns)
    assert changes.end_pause(school_of(school), "check:software", actor="dana", now_ns=school.now_ns) == 4
    rollout = load_rollout(school.engine, school.id)
    assert rollout is not None
    assert (rollout.is_waiting, rollout.first_version) == (True, 5)
    ask(school, FileAdded("games.toml", OWN_RULE))
    assert changes.end_pause(school_of(school), "keywords", actor="dana", now_ns=school.now_ns) == 7
    found = find_distribution(school.engine, school.id)
    assert found is not None
    assert found.staged is not None
    common, staged = (open_own_bundle(each, school.config) for each in (found.common, found.staged))
    assert [(each.version, each.arrangements.pauses, len(each.rules)) for each in (common, staged)] == [
        (6, (), 1),
        (7, (), 2),
    ]


def test_no_pause_begins_during_a_roll_out(school: School) -> None:
    """It would be on some devices only; nor is one agreed to then that was asked for before."""
    asked = ask(school, PauseBegun("keywords", 7200))
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    with pytest.raises(UsageError, match="roll-out is under way") as caught:
        ask(school, PauseBegun("check:software", 7200))
    assert "policy everywhere" in caught.value.hint
    with pytest.raises(UsageError, match="roll-out is under way"):
        agree(school, asked)
    assert in_force(school).version == 1


def test_pause_is_ended_although_the_pack_became_weaker(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newer version of the program brings waits for a second person; the safeguard does not wait for that."""
    agree(school, ask(school, PauseBegun("keywords", 7200)))
    weaker = PACKS["small"] | {"agent.toml": GUARD.replace("severity = 4", "severity = 3")}
    monkeypatch.setattr("collector.composition.load_pack", (PACKS | {"small": weaker}).__getitem__)
    assert changes.end_pause(school_of(school), "keywords", actor="dana", now_ns=school.now_ns) == 3
    assert (in_force(school).arrangements.pauses, in_force(school).rules[0].severity) == ((), 4)


def test_pause_of_a_rule_that_is_gone_holds_nothing_up(school: School) -> None:
    """The rule can be taken away while it is paused, and what is published after that comes."""
    agree(school, ask(school, PauseBegun("rule:agent-paused", 7200)))
    agree(school, ask(school, PackChosen("blind")))
    assert (in_force(school).pack, in_force(school).arrangements.pauses) == ("blind", ())
    assert school.publish() == 4
    assert changes.end_pause(school_of(school), "rule:agent-paused", actor="dana", now_ns=school.now_ns) == 5


def test_not_more_wait_than_somebody_looks_through(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who floods the page with questions is stopped; what takes nothing away still comes."""
    monkeypatch.setattr("collector.changes.register.MAX_WAITING", 2)
    for what in ("keywords", "check:software"):
        ask(school, PauseBegun(what, 3600))
    with pytest.raises(UsageError, match="2 changes wait already"):
        ask(school, PauseBegun("check:posture", 3600))
    assert ask(school, FileAdded("games.toml", OWN_RULE)).version == 2
