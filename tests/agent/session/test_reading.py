# SPDX-License-Identifier: Apache-2.0
"""Tests of when typed text is looked at, what leaves, and when it is forgotten. The clock is the test's."""

import re

import pytest

from agent.session.messages import MAX_AROUND_CHARACTERS
from agent.session.reading import ENDED_S, FORGET_S, GRACE_S, LATEST_S, SETTLED_S, Finding, Place, Reading
from proto.events import Tier
from rules.keywords.match import Hit
from rules.keywords.sentence import MAX_SENTENCE_CHARACTERS, find_sentence

ESSAY = Place("Essay", "My essay")


def find(text: str) -> list[Hit]:
    """Find "danger" and "help me", as whole words."""
    return [
        Hit("abuse", Tier.CALL, 5, f"rule.{found[0]}", found.start(), found.end(), "Why.")
        for found in re.finditer(r"\bdanger\b|\bhelp me\b", text)
    ]


class Hand:
    """Types into a reading, a key every tenth of a second or slower; what leaves meanwhile is kept."""

    def __init__(self, key_s: float = 0.1) -> None:
        self.now_s = 1000.0
        self.key_s = key_s
        self.looks = 0
        self.left: list[Finding] = []
        self.reading = Reading(self._find, find_sentence)
        self.reading.move(ESSAY, self.now_s)

    def _find(self, text: str) -> list[Hit]:
        self.looks += 1
        return find(text)

    def type(self, text: str) -> "Hand":
        for letter in text:
            self.now_s += self.key_s
            self.left += self.reading.take(self.now_s)
            if letter == "\n":
                self.reading.end_line(self.now_s)
            elif letter == "\b":
                self.reading.erase(self.now_s)
            else:
                self.reading.add(letter, self.now_s)
        return self

    def wait(self, seconds: float) -> list[str]:
        """Let time pass as the watcher does and return the sentences that leave."""
        return [finding.sentence for finding in self.wait_for_findings(seconds)]

    def wait_for_findings(self, seconds: float = SETTLED_S + 0.1) -> list[Finding]:
        """Let time pass as the watcher does and return what leaves."""
        before = len(self.left)
        for _ in range(max(1, round(seconds / 0.1))):
            self.now_s += 0.1
            self.left += self.reading.take(self.now_s)
        return self.left[before:]


def test_a_sentence_leaves_without_its_neighbours() -> None:
    """It ends with its mark and leaves when the typing rests; of what stands around it nothing is in it."""
    hand = Hand().type("It is cold. I am in danger. It rains")
    assert hand.left == []
    assert hand.wait(SETTLED_S + 0.1) == ["I am in danger."]
    assert hand.wait(SETTLED_S * 2) == []


@pytest.mark.parametrize(
    ("text", "rest_s"),
    [
        ("i am in danger\n", ENDED_S),
        ("i am in danger.", ENDED_S),
        ("i am in danger. ", ENDED_S),
        ("“i am in danger!”", ENDED_S),
        ("i am in danger", SETTLED_S),
        ("i am in danger ", SETTLED_S),
        ("i am in danger of mrs.", SETTLED_S),
        ("i am in danger of mrs. ", SETTLED_S),
        ("i am in danger, dr. ", SETTLED_S),
    ],
)
def test_a_rest_lets_a_sentence_out(text: str, rest_s: float) -> None:
    """When no key came for a while it leaves at once; the while is longer where the sentence seems to go on."""
    hand = Hand().type(text)
    assert hand.wait(rest_s - 0.2) == []
    assert hand.wait(0.4) == [text.strip()]


# Who is named in a sentence must be in it when it leaves


@pytest.mark.parametrize(
    "text",
    [
        "i am in danger because every day mrs dale hits me",
        "i am in danger because mrs. dale hits me",
        "i am in danger because of mr. and mrs. dale",
    ],
)
@pytest.mark.parametrize("key_s", [0.05, 0.2, 0.3])
def test_a_sentence_is_not_cut_before_the_name(text: str, key_s: float) -> None:
    """Neither a slow hand nor the full stop of a title lets a part of it out before the rest."""
    hand = Hand(key_s).type(f"{text}. ")
    assert hand.left == []
    assert hand.wait(SETTLED_S + 0.1) == [f"{text}."]


def test_a_pause_before_the_name_cuts_nothing() -> None:
    """A second and a half are no end of a sentence."""
    hand = Hand().type("i am in danger because every day ")
    assert hand.wait(1.5) == []
    hand.type("mrs dale hits me")
    assert hand.wait(SETTLED_S + 0.1) == ["i am in danger because every day mrs dale hits me"]


@pytest.mark.parametrize("end", [". ", "\n", "leave", "forget"])
def test_a_sentence_that_grew_is_told_whole_at_its_end(end: str) -> None:
    """After a long pause a part of it has left; however the sentence ends then, the whole follows, and only once."""
    hand = Hand().type("i am in danger because every day")
    assert hand.wait(SETTLED_S + 0.1) == ["i am in danger because every day"]
    hand.type(" mrs dale")
    assert hand.wait(SETTLED_S * 2) == []
    hand.type(" hits me")
    if end == "leave":
        hand.reading.leave(hand.now_s)
    elif end != "forget":
        hand.type(end)
    whole = "i am in danger because every day mrs dale hits me" + end.strip(" \n").replace("leave", "")
    assert hand.wait(FORGET_S + 1) == [whole.replace("forget", "")]
    assert hand.wait(FORGET_S * 2) == []


def test_a_sentence_without_end_is_told_in_parts_and_then_whole() -> None:
    """Who types on for longer than LATEST_S is told of in time, and what came after it is not lost."""
    hand = Hand().type("danger " + "and " * 60 + "mrs dale")
    assert len(hand.left) == 1
    assert "dale" not in hand.left[0].sentence
    hand.type("\n")
    assert hand.wait(SETTLED_S + 0.1)[-1].endswith("mrs dale")


@pytest.mark.parametrize(
    ("text", "around"),
    [
        ("mrs dale hits me. i am in danger", "mrs dale hits me."),
        ("mrs dale hits me\ni am in danger\n", "mrs dale hits me"),
        ("i am in danger. mrs dale hits me", "mrs dale hits me"),
        ("i am in danger\nmrs dale\n", "mrs dale"),
        ("One. I am in danger. Two.", "One. \n Two."),
        ("i am in danger", ""),
    ],
)
def test_what_stands_around_a_sentence_comes_with_it(text: str, around: str) -> None:
    """The readers are chosen by it: who is accused is often named in the sentence before or after."""
    (finding,) = Hand(0.2).type(text).wait_for_findings()
    assert finding.around == around
    assert "dale" not in finding.sentence


def test_what_stands_around_has_a_limit() -> None:
    """Half before and half after; where there is little on one side, more of the other."""
    for before, after in ((600, 0), (0, 600), (300, 300), (100, 350)):
        hand = Hand(0.001).type("b" * before + ". i am in danger. " + "a" * after)
        (finding,) = hand.wait_for_findings()
        assert len(finding.around) <= MAX_AROUND_CHARACTERS
        assert len(finding.around) >= min(MAX_AROUND_CHARACTERS, before + after) - 5
        assert min(before, 240) <= finding.around.count("b")
        assert min(after, 240) <= finding.around.count("a")


def test_nothing_of_another_place_stands_around() -> None:
    """What was typed before a click or in another window is forgotten."""
    hand = Hand().type("mrs dale hits me. ")
    hand.reading.leave(hand.now_s)
    (finding,) = hand.type("i am in danger").wait_for_findings()
    assert finding.around == ""


def test_a_password_does_not_stand_around() -> None:
    """What was typed into a field that turns out to be for a password is not told with the sentence before it."""
    hand = Hand().type("so it is. i am in danger\n").type("s3")
    hand.reading.retract(hand.now_s)
    (finding,) = hand.wait_for_findings()
    assert (finding.sentence, finding.around) == ("i am in danger", "so it is.")


def test_no_repr_shows_what_was_typed() -> None:
    """An error text or a log may hold a finding, and must not show it."""
    (finding,) = Hand().type("mrs dale. i am in danger").wait_for_findings()
    assert "danger" not in repr(finding).replace("rule.danger", "")
    assert "dale" not in repr(finding)
    assert ESSAY.window not in repr(finding)


# When it leaves otherwise


def test_a_sentence_leaves_when_typing_rests() -> None:
    """Without an end it waits for SETTLED_S without a key, so that its second half comes with it."""
    hand = Hand().type("there is danger")
    assert hand.wait(SETTLED_S - 0.2) == []
    hand.type(" at home")
    assert hand.wait(SETTLED_S - 0.2) == []
    assert hand.wait(SETTLED_S) == ["there is danger at home"]


def test_a_sentence_without_end_leaves_in_time() -> None:
    """Somebody who never stops typing is not waited for longer than LATEST_S."""
    hand = Hand().type("danger ")
    sentences = []
    for _ in range(round(LATEST_S / 0.2) + 5):
        hand.type("x")
        sentences += hand.wait(0.1)
    assert len(sentences) == 1
    assert sentences[0].startswith("danger xxx")


def test_a_word_that_goes_on_is_no_match() -> None:
    """What looks like a match while a word is typed is judged when the sentence has settled."""
    assert Hand().type("dangerous").wait(SETTLED_S * 2) == []


def test_a_sentence_and_rule_are_told_once() -> None:
    """Resting, ending it, or erasing and typing it again tells nobody twice."""
    hand = Hand().type("there is danger")
    assert len(hand.wait(SETTLED_S * 2)) == 1
    hand.type(" at home")
    assert hand.wait(SETTLED_S * 2) == []
    hand.type("\b" * 8 + ".\n")
    assert hand.wait(SETTLED_S * 2) == []
    hand.type("danger\n")
    assert hand.wait(SETTLED_S * 2) == ["danger"]


def test_two_rules_in_one_sentence_are_two_findings() -> None:
    """Each rule is told with the place of its own match."""
    findings = Hand().type("help me, danger!").wait_for_findings()
    assert {each.sentence[each.start : each.end] for each in findings} == {"help me", "danger"}
    assert {each.place for each in findings} == {ESSAY}


def test_erased_words_do_not_count() -> None:
    """What was taken back before it settled was not said."""
    assert Hand().type("danger\b\b\b\b\b\bcake\n").wait(3) == []
    assert Hand().type("damg\b\bnger\n").wait(3) == ["danger"]


def test_a_ctrl_backspace_takes_the_word() -> None:
    """The word goes, what stands before it stays."""
    hand = Hand().type("help me danger")
    hand.reading.erase(hand.now_s, is_word=True)
    hand.type("now\n")
    assert hand.wait(3) == ["help me now"]


def test_another_window_ends_a_sentence_and_keeps_nothing() -> None:
    """What was typed settles with the name of its own window, and does not run on in the next one."""
    hand = Hand().type("i am in danger")
    hand.reading.move(Place("Chat", "Friends"), hand.now_s)
    assert len(hand.reading) == 0
    hand.now_s += 1
    assert [finding.place for finding in hand.reading.take(hand.now_s)] == [ESSAY]
    hand.type("help")
    hand.reading.leave(hand.now_s)
    assert hand.type(" me\n").wait(3) == []


def test_a_password_field_takes_back_what_was_just_begun() -> None:
    """When a program says late that a password field had the focus, what was begun there is not told and not kept."""
    hand = Hand()
    hand.reading.add("danger", hand.now_s)
    hand.reading.end_line(hand.now_s)
    hand.now_s += 0.1
    hand.reading.retract(hand.now_s)
    assert len(hand.reading) == 0
    assert hand.wait(3) == []


def test_a_password_field_takes_nothing_from_before() -> None:
    """A sentence that was begun long before the field got the focus is told."""
    hand = Hand().type("i am in danger\n")
    hand.reading.retract(hand.now_s)
    assert hand.wait(3) == ["i am in danger"]


def test_it_forgets_after_a_minute() -> None:
    """Without a key for FORGET_S nothing is kept."""
    hand = Hand().type("hello")
    hand.wait(FORGET_S - 1)
    assert len(hand.reading) == 5
    hand.wait(2)
    assert len(hand.reading) == 0


@pytest.mark.parametrize("text", ["i am in danger", "i am in danger.", "i am in danger. mrs dale", "danger\n"])
def test_at_the_end_it_tells_what_was_said(text: str) -> None:
    """What waits for a rest, or was not looked at yet, is told at once, with what stands around it; nothing is kept."""
    hand = Hand().type(text)
    (finding,) = hand.reading.finish(hand.now_s)
    assert finding.sentence == text.partition(" mrs")[0].strip()
    assert finding.around == text.partition(". ")[2]
    assert not hand.reading.is_busy
    assert len(hand.reading) == 0


def test_at_the_end_the_last_moment_does_not_count() -> None:
    """A line that was begun within the moment of grace may be a password: no program will say so any more."""
    hand = Hand().type("i am in danger\n")
    hand.now_s += 1
    hand.reading.add("danger", hand.now_s)
    (finding,) = hand.reading.finish(hand.now_s + GRACE_S / 2)
    assert (finding.sentence, finding.around) == ("i am in danger", "")


def test_a_long_text_tells_twice() -> None:
    """A sentence longer than a reader gets is told when typing rests, and once more with all that a reader gets of it;
    not again while its beginning is pushed out of the memory."""
    hand = Hand().type("danger ")
    told = hand.wait(SETTLED_S * 2)
    for _ in range(8):
        hand.type("words and " * 20)
        told += hand.wait(SETTLED_S * 2)
    assert [len(each) for each in told] == [len("danger"), MAX_SENTENCE_CHARACTERS]


@pytest.mark.parametrize("text", ["x" * 300, "The cat sat on the mat. " * 20])
def test_typing_costs_few_looks(text: str) -> None:
    """Text is matched when something settles, not at every key."""
    hand = Hand().type(text)
    assert hand.looks <= text.count(".") + len(text) * hand.key_s / LATEST_S
