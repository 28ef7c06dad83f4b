# SPDX-License-Identifier: Apache-2.0
"""Tells which role-holders a text names, by the aliases that the school gave them: "Mrs Smith", "the head".

What follows from it, that he is no reader of that flag, is `rules.route`'s business.
"""

from collections.abc import Mapping, Sequence

from rules.keywords.normalise import Word, find_words, normalise


class NameFinder:
    """Finds aliases as whole words, folded like everything that is typed, and in the possessive too."""

    def __init__(self, aliases: Mapping[str, Sequence[str]]) -> None:
        """Take the aliases of each role-holder by his id; one without a letter or digit names nobody."""
        self._by_first_word: dict[str, list[tuple[list[str], str]]] = {}
        for holder, texts in aliases.items():
            for text in texts:
                words = [word.forms[0] for word in find_words(normalise(text).text)]
                if words:
                    self._by_first_word.setdefault(words[0], []).append((words, holder))
                    possessive = [*words[:-1], words[-1] + "s"]
                    self._by_first_word.setdefault(possessive[0], []).append((possessive, holder))

    def find(self, text: str) -> frozenset[str]:
        """Return the ids of those whose alias stands in the text."""
        words = find_words(normalise(text).text)
        return frozenset(
            holder
            for at, word in enumerate(words)
            for form in word.forms
            for alias, holder in self._by_first_word.get(form, ())
            if _stands_at(words[at : at + len(alias)], alias)
        )


def _stands_at(words: Sequence[Word], alias: Sequence[str]) -> bool:
    return len(words) == len(alias) and all(part in word.forms for word, part in zip(words, alias, strict=True))
