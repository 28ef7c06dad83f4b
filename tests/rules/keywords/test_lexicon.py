# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.keywords.lexicon: the reader, and every phrase that comes with the product."""

import pytest

from proto.events import Tier
from rules.keywords.lexicon import CATEGORIES, LexiconError, load_lexicon, parse_lexicon
from rules.keywords.match import Matcher

ENGLISH = load_lexicon(["en"])
MATCHER = Matcher(ENGLISH)

SOUND = """
[alternatives]
WHO = ["everybody", "the world"]

[[phrase]]
id = "en.suicide.sample"
tier = "review"
severity = 3
why = "A sample."
texts = ["I {|really} miss {WHO|you}"]
matching = ["i miss you"]
silent = ["i see you"]
"""


def test_a_sound_file_is_read():
    """Words are folded, alternatives stand where they are named, and the rest is as written."""
    (phrase,) = parse_lexicon({"en/suicide.toml": SOUND}).phrases
    assert (phrase.id, phrase.category, phrase.tier, phrase.severity) == (
        "en.suicide.sample",
        "suicide",
        Tier.REVIEW,
        3,
    )
    assert phrase.texts == (((("i",),), ((), ("really",)), (("miss",),), (("everybody",), ("the", "world"), ("you",))),)


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ('"review"', '"reviw"', "en/suicide.toml, rule en.suicide.sample, key tier: is 'reviw'"),
        ("severity = 3", "severity = 6", "key severity: is 6"),
        ("en.suicide.sample", "en.drugs.sample", "rule en.drugs.sample, key id: is 'en.drugs.sample'"),
        ("WHO|you", "WHI", "key texts: 'I {|really} miss {WHI}' names no alternatives of this file"),
        ("{WHO|you}", "{WHO|you", "has a brace without its twin"),
        ("{WHO|you}", "{WHO|you}r", "has no blank beside a brace"),
        ("I {|really} miss {WHO|you}", "{|a}", "can be without any word"),
        ('["i miss you"]', "[]", "key matching: is empty"),
        ('silent = ["i see you"]', "", "key silent: is missing"),
        ("texts =", "text =", "key text: no such key"),
        ("WHO =", "who =", "key alternatives.who: is no name for alternatives"),
        ("[[phrase]]", "[[phrases]]", "key phrases: no such key"),
        ("tier =", "tier", "en/suicide.toml: is no TOML"),
    ],
)
def test_a_fault_is_named_with_its_place(wrong, right, said):
    """The message has the file, the phrase, the key and what stands there; a hint says what would be right."""
    with pytest.raises(LexiconError) as caught:
        parse_lexicon({"en/suicide.toml": SOUND.replace(wrong, right)})
    assert said in caught.value.message


def test_a_file_that_is_no_category_is_refused():
    """A file is called after its category."""
    with pytest.raises(LexiconError, match=r"en/suicid\.toml") as caught:
        parse_lexicon({"en/suicid.toml": SOUND})
    assert caught.value.hint == "did you mean suicide?"


def test_an_id_stands_once():
    """Two phrases of one id would be one in every list."""
    with pytest.raises(LexiconError, match="is there twice"):
        parse_lexicon({"en/suicide.toml": SOUND + SOUND[SOUND.index("[[phrase]]") :]})


def test_an_unknown_language_is_refused():
    """The message says which there are."""
    with pytest.raises(LexiconError, match="'xx'") as caught:
        load_lexicon(["xx"])
    assert "en" in caught.value.hint


def test_english_has_every_category():
    """Each has ten phrases at least."""
    counts = {category: sum(phrase.category == category for phrase in ENGLISH.phrases) for category in CATEGORIES}
    assert {category: count for category, count in counts.items() if count < 10} == {}


@pytest.mark.parametrize("phrase", ENGLISH.phrases, ids=lambda phrase: phrase.id)
def test_a_phrase_passes_its_own_tests(phrase):
    """It is found in what it says it matches, and not in what it says it leaves alone."""
    for text in phrase.matching:
        assert phrase.id in {hit.rule for hit in MATCHER.find(text)}, text
    for text in phrase.silent:
        assert phrase.id not in {hit.rule for hit in MATCHER.find(text)}, text
