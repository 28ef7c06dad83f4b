# SPDX-License-Identifier: Apache-2.0
"""Tells which role-holders a text names, by the aliases that the school gave them: "Mrs Smith", "the head".

What follows from it, that he is no reader of that flag, is `rules.route`'s business.
"""

from collections.abc import Mapping, Sequence

from rules.keywords.normalise import Joined, Word, find_joined, find_words, normalise


class NameFinder:
    """Finds aliases as whole words, folded like everything that is typed: in the possessive, spelled, without blanks.

    "mrs smith", "Mrs. Sm1th's", "m r s  s m i t h" and "mrssmith" are one name. Where this finds one too many, the flag
    only goes a rung higher.
    """

    def __init__(self, aliases: Mapping[str, Sequence[str]]) -> None:
        """Take the aliases of each role-holder by his id; one without a letter or digit names nobody."""
        self._by_first_word: dict[str, list[tuple[Sequence[str], str]]] = {}
        self._words: set[str] = set()
        for holder, texts in aliases.items():
            for text in texts:
                words = [word.forms[0] for word in find_words(normalise(text).text)]
                if words:
                    self._add(words, holder)

    def find(self, text: str) -> frozenset[str]:
        """Return the ids of those whose alias stands in the text."""
        folded = normalise(text).text
        words = find_words(folded)
        joined: dict[int, list[Joined]] = {}
        for each in find_joined(folded, words, self._words):
            joined.setdefault(each.first, []).append(each)
        return frozenset(
            holder
            for at in range(len(words))
            for step, _ in _list_steps(words, joined, at)
            for form in step.forms
            for alias, holder in self._by_first_word.get(form, ())
            if _stands_at(words, joined, at, alias)
        )

    def _add(self, words: Sequence[str], holder: str) -> None:
        ways = [words]
        # "Mr S" without its blank is another word, and "Miss S" nearly one.
        if len(words) > 1 and all(len(word) > 1 for word in words):
            ways.append(["".join(words)])
        for way in ways:
            for name in (way, [*way[:-1], way[-1] + "s"]):
                self._by_first_word.setdefault(name[0], []).append((name, holder))
                self._words.update(name)


def _stands_at(words: Sequence[Word], joined: Mapping[int, Sequence[Joined]], at: int, alias: Sequence[str]) -> bool:
    """Return whether the words of an alias follow one another from a place on, each written in any way."""
    places = {at}
    for part in alias:
        places = {after for place in places for step, after in _list_steps(words, joined, place) if part in step.forms}
    return bool(places)


def _list_steps(words: Sequence[Word], joined: Mapping[int, Sequence[Joined]], at: int) -> Sequence[tuple[Word, int]]:
    """Return what may be meant as the next word from a place on, and where the text goes on after it."""
    if at == len(words):
        return ()
    return [(words[at], at + 1), *((each.word, each.after) for each in joined.get(at, ()))]
