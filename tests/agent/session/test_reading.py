# SPDX-License-Identifier: Apache-2.0
"""Tests of when typed text is looked at, what leaves, and when it is forgotten. The clock is the test's."""

import re

import pytest

from agent.session.reading import FORGET_S, GRACE_S, LATEST_S, SETTLED_S, Place, Reading
from proto.events import Tier
from rules.keywords.match import Hit
from rules.keywords.sentence import find_sentence

ESSAY = Place("Essay", "My essay")


def find(text: str) -> list[Hit]:
    """Find "danger" and "help me", as whole words."""
    return [
        Hit("abuse", Tier.CALL, 5, f"rule.{found[0]}", found.start(), found.end(), "Why.")
        for found in re.finditer(r"\bdanger\b|\bhelp me\b", text)
    ]


class Hand:
    """Types into a reading, a key every tenth of a second."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.looks = 0
        self.reading = Reading(self._find, find_sentence)
        self.reading.move(ESSAY, self.now_s)

    def _find(self, text: str) -> list[Hit]:
        self.looks += 1
        return find(text)

    def type(self, text: str) -> "Hand":
        for letter in text:
            self.now_s += 0.1
            if letter == "\n":
                self.reading.end_line(self.now_s)
            elif letter == "\b":
                self.reading.erase(self.now_s)
            else:
                self.reading.add(letter, self.now_s)
        return self

    def wait(self, seconds: float) -> list[str]:
        """Let time pass as the watcher does and return the sentences that leave."""
        sentences = []
        for _ in range(max(1, round(seconds / 0.1))):
            self.now_s += 0.1
            sentences += [finding.sentence for finding in self.reading.take(self.now_s)]
        return sentences


def test_a_sentence_leaves_when_it_has_ended() -> None:
    """With its end mark a sentence leaves after the moment of grace, and nothing around it."""
    hand = Hand().type("It is cold. I am in danger. It rains")
    assert hand.wait(GRACE_S + 0.1) == ["I am in danger."]
    assert hand.wait(SETTLED_S * 2) == []


def test_enter_ends_a_sentence() -> None:
    """In a chat nobody types full stops."""
    assert Hand().type("i am in danger\n").wait(GRACE_S + 0.1) == ["i am in danger"]


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
    """Going on in a sentence after a rest, or erasing and typing again, tells nobody twice."""
    hand = Hand().type("there is danger")
    assert len(hand.wait(SETTLED_S * 2)) == 1
    hand.type(" at home\b\b\b\bwork and danger.\n")
    assert hand.wait(SETTLED_S * 2) == []
    hand.type("danger\n")
    assert hand.wait(SETTLED_S * 2) == ["danger"]


def test_two_rules_in_one_sentence_are_two_findings() -> None:
    """Each rule is told with the place of its own match."""
    hand = Hand().type("help me, danger!")
    hand.now_s += 1
    findings = hand.reading.take(hand.now_s)
    assert {each.sentence[each.start : each.end] for each in findings} == {"help me", "danger"}
    assert {each.place for each in findings} == {ESSAY}


def test_erased_words_do_not_count() -> None:
    """What was taken back before it settled was not said."""
    assert Hand().type("danger\b\b\b\b\b\bcake\n").wait(2) == []
    assert Hand().type("damg\b\bnger\n").wait(2) == ["danger"]


def test_a_ctrl_backspace_takes_the_word() -> None:
    """The word goes, what stands before it stays."""
    hand = Hand().type("help me danger")
    hand.reading.erase(hand.now_s, is_word=True)
    hand.type("now\n")
    assert hand.wait(2) == ["help me now"]


def test_another_window_ends_a_sentence_and_keeps_nothing() -> None:
    """What was typed settles with the name of its own window, and does not run on in the next one."""
    hand = Hand().type("i am in danger")
    hand.reading.move(Place("Chat", "Friends"), hand.now_s)
    assert len(hand.reading) == 0
    hand.now_s += 1
    assert [finding.place for finding in hand.reading.take(hand.now_s)] == [ESSAY]
    hand.type("help")
    hand.reading.leave(hand.now_s)
    assert hand.type(" me\n").wait(2) == []


def test_a_password_field_takes_back_what_was_just_begun() -> None:
    """When a program says late that a password field had the focus, what was begun there is not told and not kept."""
    hand = Hand()
    hand.reading.add("danger", hand.now_s)
    hand.reading.end_line(hand.now_s)
    hand.now_s += 0.1
    hand.reading.retract(hand.now_s)
    assert len(hand.reading) == 0
    assert hand.wait(2) == []


def test_a_password_field_takes_nothing_from_before() -> None:
    """A sentence that was begun long before the field got the focus is told."""
    hand = Hand().type("i am in danger\n")
    hand.reading.retract(hand.now_s)
    assert hand.wait(2) == ["i am in danger"]


def test_it_forgets_after_a_minute() -> None:
    """Without a key for FORGET_S nothing is kept."""
    hand = Hand().type("hello")
    hand.wait(FORGET_S - 1)
    assert len(hand.reading) == 5
    hand.wait(2)
    assert len(hand.reading) == 0


def test_forgetting_everything_tells_nothing() -> None:
    """A pause drops what was found a moment before, too."""
    hand = Hand().type("danger.")
    hand.reading.forget()
    assert hand.wait(3) == []
    assert not hand.reading.is_busy


def test_a_long_text_tells_once() -> None:
    """A sentence longer than the memory is told once, also while its beginning is pushed out."""
    hand = Hand().type("danger ")
    told = hand.wait(SETTLED_S * 2)
    for _ in range(8):
        hand.type("words and " * 20)
        told += hand.wait(SETTLED_S * 2)
    assert len(told) == 1


@pytest.mark.parametrize("text", ["x" * 300, "The cat sat on the mat. " * 20])
def test_typing_costs_few_looks(text: str) -> None:
    """Text is matched when something settles, not at every key."""
    hand = Hand().type(text)
    assert hand.looks <= text.count(".") * 1 + 1
