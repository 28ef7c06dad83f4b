# SPDX-License-Identifier: Apache-2.0
"""Typed text to words that can be compared, with their places in what was typed.

Three steps. `normalise` folds characters: width and style (NFKC), case, accents, marks that cannot be seen.
`find_words` cuts the folded text into words and says in which forms each may be meant: without its apostrophes, "k1ll"
as "kill", "killlll" as "kill". `find_joined` finds words that take several of those: "k i l l", "k-i-l-l", "k!ll".

A form is a guess, and none is taken for certain: `match` asks whether a phrase has a word of that form.
"""

import itertools
import re
import unicodedata
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

MAX_GUESSES = 64
"""Forms of one word. Past that it is read in one way only, so that no text can make the engine slow."""

MAX_SPELLED_LETTERS = 16
"""Of a word that is typed letter by letter."""

_APOSTROPHES = frozenset("'’‘ʼ′`´＇")
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
"""Letters by their category, and not to be seen all the same."""
_ACCENT = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]")
"""Marks that are put on letters of any script. The vowel signs of Indic scripts and of Arabic are not among them."""

_MEANT = dict(
    each.split("=")
    for each in (
        "0=o 1=il 3=e 4=a 5=s 7=t 8=b @=a $=s !=il |=li +=t "
        # Latin letters that are not taken apart into a letter and a mark.
        "ı=i ł=l ø=o đ=d ħ=h ŧ=t "
        # Cyrillic and Greek letters that look like Latin ones, small or capital.
        "а=a в=b г=r е=e з=e і=i ј=j к=k м=m н=h о=o п=n р=p с=c т=t у=y х=x ь=b ѕ=s һ=h ԁ=d ԛ=q ԝ=w "
        "α=a β=b γ=y ε=e ζ=z η=nh ι=i κ=k μ=um ν=vn ο=o ρ=p σ=o τ=t υ=uy χ=x ω=w"
    ).split()
)
"""What a character may be meant as, in a word that holds a Latin letter too."""

_LATIN = re.compile("[a-z]")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_SYMBOL = re.compile(r"[@$!|+]")
_WORD_WITH_SYMBOLS = re.compile(r"[@$]?[^\W_](?:[^\W_]|'(?=[^\W_])|[@$!|+](?=[@$!|+]*[^\W_]))*\$?")
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")
_UNUSUAL = re.compile(r"[^\x00-\x7f]|\d|[@$!|+](?=[^\W_])|(?<=[^\W_])[$|]|([a-z])\1{2}")
"""What keeps a text from meaning no more than its letters."""
_BETWEEN_LETTERS = re.compile(r"([ .\-_*,/~|+])\1{0,2}")


@dataclass(frozen=True, slots=True)
class Normalised:
    """Folded text, and where each of its characters was typed."""

    text: str
    places: Sequence[int]
    """Place in the original of each character, and the length of the original last."""

    def to_original(self, start: int, end: int) -> tuple[int, int]:
        """Return what was typed for a part that is not empty, with the unseen marks that belong to it."""
        return self.places[start], max(self.places[end - 1] + 1, self.places[end])


class Word(NamedTuple):
    """One word of a folded text."""

    forms: tuple[str, ...]
    start: int
    end: int


class Joined(NamedTuple):
    """A word that may be meant where several words stand, from `first` to before `after`."""

    word: Word
    first: int
    after: int


def normalise(text: str) -> Normalised:
    """Fold a text, whatever it holds."""
    if text.isascii():
        return Normalised(text.lower().replace("`", "'"), range(len(text) + 1))
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        characters = _fold(character)
        folded.append(characters)
        places += [place] * len(characters)
    return Normalised("".join(folded), [*places, len(text)])


def find_words(folded: str) -> list[Word]:
    """Return the words of a folded text, in order."""
    if not _UNUSUAL.search(folded):
        return [Word((found[0].replace("'", ""),), *found.span()) for found in _WORD.finditer(folded)]
    return [Word(_to_forms(found[0]), *found.span()) for found in _WORD.finditer(folded)]


def find_joined(folded: str, words: Sequence[Word], known: Container[str]) -> Iterator[Joined]:
    """Return the known words that may be meant across several of the text's words."""
    if _SYMBOL.search(folded):
        yield from _find_with_symbols(folded, words, known)
    run: list[Word] = []
    for at, word in enumerate(words):
        is_letter = word.end - word.start == 1
        if run and not (is_letter and _BETWEEN_LETTERS.fullmatch(folded, run[-1].end, word.start)):
            yield from _find_spelled(run, at, known)
            run = []
        if is_letter:
            run.append(word)
    yield from _find_spelled(run, len(words), known)


def _find_with_symbols(folded: str, words: Sequence[Word], known: Container[str]) -> Iterator[Joined]:
    at = 0
    for found in _WORD_WITH_SYMBOLS.finditer(folded):
        while words[at].end <= found.start():
            at += 1
        first = at
        while at < len(words) and words[at].start < found.end():
            at += 1
        if _SYMBOL.search(found[0]) and (forms := tuple(form for form in _to_forms(found[0]) if form in known)):
            yield Joined(Word(forms, *found.span()), first, at)


def _find_spelled(run: Sequence[Word], after: int, known: Container[str]) -> Iterator[Joined]:
    """Return the words that some of these single letters make, the last of which stands before `after`."""
    place = after - len(run)
    letters = "".join(word.forms[0] for word in run)
    is_unusual = _UNUSUAL.search(letters) is not None
    for first in range(len(run) - 1):
        for end in range(first + 2, min(first + MAX_SPELLED_LETTERS, len(run)) + 1):
            word = letters[first:end]
            forms = tuple(form for form in _to_forms(word) if form in known) if is_unusual else (word,)
            if forms and (is_unusual or word in known):
                yield Joined(Word(forms, run[first].start, run[end - 1].end), place + first, place + end)


@lru_cache(maxsize=1024)
def _fold(character: str) -> str:
    if character in _APOSTROPHES:
        return "'"
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(each for each in decomposed if not _is_unseen(each))


def _is_unseen(character: str) -> bool:
    """Say whether it is an accent, a zero-width or direction mark, or a blank that counts as a letter."""
    is_mark = unicodedata.category(character) == "Cf" or character in _BLANK_LETTERS
    return is_mark or _ACCENT.match(character) is not None


def _to_forms(word: str) -> tuple[str, ...]:
    plain = word.replace("'", "")
    if not _UNUSUAL.search(plain):
        return (plain,)
    forms = _guess([_MEANT.get(each, each) for each in plain]) if _LATIN.search(plain) else [plain]
    return tuple(dict.fromkeys([plain, *itertools.chain.from_iterable(_squeeze(form) for form in forms)]))


def _squeeze(word: str) -> list[str]:
    """Return it with every letter that stands there three times or more in a row once or twice."""
    parts: list[Sequence[str]] = []
    end = 0
    for run in _DRAWN_OUT.finditer(word):
        parts += [(word[end : run.start()],), (run[1], run[1] * 2)]
        end = run.end()
    return _guess([*parts, (word[end:],)])


def _guess(choices: Sequence[Sequence[str]]) -> list[str]:
    """Return every way to choose, or only the one of all first choices when there are too many."""
    count = 1
    for choice in choices:
        count *= len(choice)
        if count > MAX_GUESSES:
            return ["".join(choice[0] for choice in choices)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]
