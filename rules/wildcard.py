# SPDX-License-Identifier: Apache-2.0
"""Wildcards: `*` is any text, `?` is one character, nothing else is special. And many of them tried at once.

Text is compared as it comes; `names` folds it first. Time grows with the length of the text, never faster: each part
between two stars is looked for once, at its first place, and never again (that is what `(?>` does). This is enough
for a wildcard: if the rest does not fit after the first place, it does not fit after a later one.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_CHARACTERS = 200
MIN_LITERALS = 3
"""A wildcard over names of programs with fewer letters of its own fits programs that nobody thought of."""

_SPECIAL = re.compile(r"[*?]")


def is_wildcard(text: str) -> bool:
    """Tell whether the text has a wildcard in it."""
    return _SPECIAL.search(text) is not None


def find_fault(text: str, *, min_literals: int = MIN_LITERALS) -> str | None:
    """Return what is wrong with a name or wildcard, or None."""
    if not text or text != text.strip() or not text.isprintable():
        return "is empty or has blanks around it or characters that cannot be seen"
    if len(text) > MAX_CHARACTERS:
        return f"is longer than {MAX_CHARACTERS} characters"
    if "[" in text or "{" in text:
        return "has brackets; only * and ? are wildcards"
    if "**" in text:
        return "has two stars in a row; one says the same"
    if is_wildcard(text) and len(_SPECIAL.sub("", text)) < min_literals:
        return f"fits too much; at least {min_literals} characters of it must be no wildcards"
    return None


def to_regex(wildcard: str) -> str:
    """Return a regular expression for `match` that takes time in proportion to the text."""
    first, *rest = (to_literal(part) for part in wildcard.split("*"))
    if not rest:
        return rf"{first}\Z"
    *middle, last = rest
    found_once = "".join(f"(?>.*?{part})" for part in middle if part)
    return rf"{first}{found_once}" + (rf".*{last}\Z" if last else "")


def to_literal(part: str) -> str:
    """Return a regular expression for a part of a wildcard without stars."""
    return ".".join(re.escape(piece) for piece in part.split("?"))


class Wildcards(Generic[T]):
    """Many wildcards, each with something to find. Silence is cheap: one expression answers for all of them."""

    def __init__(self, wildcards: Sequence[tuple[str, T]]) -> None:
        self._each = [(re.compile(to_regex(text), re.DOTALL), found) for text, found in wildcards]
        anchored, floating = [], []
        for text, _ in wildcards:
            # `*/tor-browser/*` asks only whether a text holds something, which `search` answers fastest. It would
            # take quadratic time with a further star inside.
            held = text.strip("*")
            if text.startswith("*") and "*" not in held:
                floating.append((held[:1], to_literal(held) + ("" if text.endswith("*") else r"\Z")))
            else:
                anchored.append((text[:1], to_regex(text)))
        self._fits = _to_any(anchored).match if anchored else None
        self._is_in = _to_any(floating).search if floating else None

    def find_all(self, text: str) -> Sequence[T]:
        """Return what belongs to each wildcard that fits the text, in the order they were given."""
        if (self._fits is None or self._fits(text) is None) and (self._is_in is None or self._is_in(text) is None):
            return ()
        return [found for regex, found in self._each if regex.match(text)]


def _to_any(expressions: Iterable[tuple[str, str]]) -> re.Pattern[str]:
    """Return one expression for many, each with its first character.

    Those with the same first character stand together, so that most are passed over at once.
    """
    together: dict[str, list[str]] = {}
    for first, expression in expressions:
        together.setdefault(first, []).append(expression)
    return re.compile("|".join(f"(?:{'|'.join(each)})" for each in together.values()), re.DOTALL)
