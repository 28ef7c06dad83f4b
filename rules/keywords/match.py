# SPDX-License-Identifier: Apache-2.0
"""Finds the phrases of a lexicon in what was typed, as whole words and in every form that `normalise` offers.

All phrases are one graph of words, walked from every word of the text. Places after the same words are merged where
they are many, so that the hundreds of phrases that begin with "i" are not tried one by one; a phrase's alternatives are
never written out.

A hit stands within one sentence. Of the hits of one category that lie inside one another only the outermost is
reported; hits of several categories do not hide one another.

It decides nothing about a hit: not who reads it, nor whether it leaves the device.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from proto.events import Tier
from rules.keywords.lexicon import Lexicon, Part
from rules.keywords.normalise import Joined, find_joined, find_words, normalise

MANY = 12
"""Places that are worth merging. To merge fewer would cost memory, to merge more only would cost time."""

_SENTENCE_ENDS = re.compile(r"[!?\n\r\u2028\u2029]|(?<!\.)\.\s")
"""Between two words. An ellipsis ends nothing, people think in its middle."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase that was found."""

    category: str
    tier: Tier
    severity: int
    rule: str
    """Id of the phrase."""
    start: int
    """In characters of what was typed."""
    end: int
    why: str


class _Rule(NamedTuple):
    """What a hit takes over from its phrase; the phrase itself is not kept."""

    category: str
    tier: Tier
    severity: int
    id: str
    why: str


@dataclass(slots=True, eq=False)
class _Node:
    """A place in phrases: the words that may follow, each with the places behind it, and the phrases that end here."""

    after: dict[str, tuple["_Node", ...]] = field(default_factory=dict)
    rules: tuple[_Rule, ...] = ()


class Matcher:
    """A lexicon, made ready for texts."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Build the graph of all phrases."""
        begins: list[_Node] = []
        nodes = _Nodes()
        self._words: set[str] = set()
        for phrase in lexicon.phrases:
            rule = _Rule(phrase.category, phrase.tier, phrase.severity, phrase.id, phrase.why)
            end = _Node(rules=(rule,))
            for text in phrase.texts:
                self._words.update(word for part in text for words in part for word in words)
                node = end
                for part in reversed(text):
                    node = nodes.build_before(node, part)
                begins.append(node)
        self._root = nodes.merge(begins)

    def find(self, text: str) -> list[Hit]:
        """Return the hits in a text, in order of their places; offsets count characters of the text as it is."""
        normalised = normalise(text)
        hits: dict[Hit, None] = {}
        for rule, start, end in self._walk(normalised.text):
            first, last = normalised.to_original(start, end)
            hits[Hit(rule.category, rule.tier, rule.severity, rule.id, first, last, rule.why)] = None
        return _keep_outermost(list(hits))

    def _walk(self, folded: str) -> Iterator[tuple[_Rule, int, int]]:
        words = find_words(folded)
        joined: dict[int, list[Joined]] = {}
        for each in find_joined(folded, words, self._words):
            joined.setdefault(each.first, []).append(each)
        begin = self._root.after
        for first, word in enumerate(words):
            if first not in joined and len(word.forms) == 1 and word.forms[0] not in begin:
                continue
            waiting = [(self._root, first, -1, -1)]
            while waiting:
                node, at, start, end = waiting.pop()
                for rule in node.rules:
                    yield rule, start, end
                if at == len(words) or not node.after:
                    continue
                steps = [(words[at], at + 1), *((each.word, each.after) for each in joined.get(at, ()))]
                ways = [
                    (step, after, node.after[form])
                    for step, after in steps
                    for form in step.forms
                    if form in node.after
                ]
                # Looked for only where a phrase goes on, which is seldom.
                if not ways or (at > first and _SENTENCE_ENDS.search(folded, end, words[at].start + 1)):
                    continue
                for step, after, children in ways:
                    waiting += ((child, after, step.start if start < 0 else start, step.end) for child in children)


class _Nodes:
    """Makes the places of a graph, each once: phrases that end alike share their ends."""

    def __init__(self) -> None:
        self._chains: dict[tuple[str, _Node], _Node] = {}
        self._tuples: dict[tuple[_Node, ...], tuple[_Node, ...]] = {}

    def build_before(self, then: _Node, part: Part) -> _Node:
        """Return the place before a part of a text, given the place behind it."""
        after: dict[str, tuple[_Node, ...]] = {}
        rules: tuple[_Rule, ...] = ()
        for words in part:
            if not words:
                rules += then.rules
                for word, children in then.after.items():
                    after[word] = after.get(word, ()) + children
                continue
            child = then
            for word in reversed(words[1:]):
                child = self._make_chain(word, child)
            after[words[0]] = (*after.get(words[0], ()), child)
        return _Node(self._share(after), rules)

    def merge(self, nodes: Sequence[_Node]) -> _Node:
        """Return one place for several, and do the same for those after it where they are many."""
        after: dict[str, dict[_Node, None]] = {}
        for node in nodes:
            for word, children in node.after.items():
                after.setdefault(word, {}).update(dict.fromkeys(children))
        rules = dict.fromkeys(rule for node in nodes for rule in node.rules)
        merged = {word: (self.merge(list(each)),) if len(each) > MANY else tuple(each) for word, each in after.items()}
        return _Node(self._share(merged), tuple(rules))

    def _make_chain(self, word: str, then: _Node) -> _Node:
        made = self._chains.get((word, then))
        if made is None:
            made = self._chains[word, then] = _Node(self._share({word: (then,)}))
        return made

    def _share(self, after: dict[str, tuple[_Node, ...]]) -> dict[str, tuple[_Node, ...]]:
        return {word: self._tuples.setdefault(children, children) for word, children in after.items()}


def _keep_outermost(hits: list[Hit]) -> list[Hit]:
    hits.sort(key=lambda hit: (hit.start, -hit.end, -hit.tier, -hit.severity, hit.rule))
    furthest: dict[str, int] = {}
    outermost = []
    for hit in hits:
        if hit.end > furthest.get(hit.category, -1):
            furthest[hit.category] = hit.end
            outermost.append(hit)
    return outermost
