# SPDX-License-Identifier: Apache-2.0
"""Reads the phrases that the engine looks for: `rules/lexicons/<language>/<category>.toml`, written strictly.

    [alternatives]                              # optional, for this file: {WILL} below stands for any of these
    WILL = ["im going to", "im gonna", "i will"]

    [[phrase]]
    id = "en.suicide.kill-myself"               # language, category, and a name of its own
    tier = "call"                               # call, alert, review or count: how soon a person should look
    severity = 5                                # 1 to 5
    why = "The pupil writes of killing himself or herself."     # what the DSL reads beside the sentence
    texts = ["{WILL} kill myself", "kill {|all of} them"]        # {a|b} is one of several, {|a} is "a" or nothing
    matching = ["I'm gonna kill myself tonight"]                # the phrase's own tests, at least one of each
    silent = ["this homework is killing me"]

A phrase speaks for itself, wherever it stands. Where a longer phrase of the same category holds a shorter one, only the
longer one is reported, so an idiom can take a lower tier than the words in it. How texts are compared is `match`'s.
Devices have the lexicons from the package, never from a bundle, and the collector does not load them.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from proto.events import Tier
from rules.errors import RuleFormatError, RulesError
from rules.keywords.normalise import find_words, normalise
from rules.table import Table, shown, to_hint

CATEGORIES = (
    *("suicide", "self_harm", "eating_disorder", "bullying", "grooming", "sexual", "abuse", "radicalisation", "hate"),
    *("violence", "drugs", "criminal_exploitation", "running_away", "gambling", "bypass"),
)
LEXICONS = Path(__file__).resolve().parent.parent / "lexicons"

Part = tuple[tuple[str, ...], ...]
"""The words of each alternative, none for one that may be left out."""
Text = tuple[Part, ...]
"""One line under `texts`, words folded: its parts follow one another. Written out it can be a million sentences."""

_TIERS = {each.name.lower(): each for each in Tier if each is not Tier.UNSPECIFIED}
_KEYS = ("id", "tier", "severity", "why", "texts", "matching", "silent")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_INSIDE_WORD = re.compile(r"\S\{|\}\S")
_NAME = re.compile(r"[A-Z]+(_[A-Z]+)*")
_BRACES = re.compile(r"\{([^{}]*)\}")


class LexiconError(RulesError):
    """A lexicon is not there, or breaks the format. Says where, and what would be right."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What pupils write in several ways, and why it matters."""

    id: str
    category: str
    tier: Tier
    severity: int
    texts: tuple[Text, ...]
    why: str
    matching: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The phrases of one or several languages."""

    phrases: tuple[Phrase, ...]


def load_lexicon(languages: Sequence[str]) -> Lexicon:
    """Read the lexicons of these languages that come with the product.

    Raises:
        LexiconError: there is none for a language, or one breaks the format.
    """
    known = sorted(folder.name for folder in LEXICONS.iterdir() if folder.is_dir())
    files: dict[str, str] = {}
    for language in languages:
        if language not in known:
            raise LexiconError(f"there is no lexicon for the language {shown(language)}", hint=to_hint(language, known))
        paths = sorted((LEXICONS / language).glob("*.toml"))
        files |= {f"{language}/{path.name}": path.read_text(encoding="utf-8") for path in paths}
    return parse_lexicon(files)


def parse_lexicon(files: Mapping[str, str]) -> Lexicon:
    """Read files under their names, such as "en/suicide.toml".

    Raises:
        LexiconError: the first thing that is not right.
    """
    phrases: dict[str, Phrase] = {}
    try:
        for file, text in files.items():
            for table, phrase in _parse_file(file, text):
                if phrase.id in phrases:
                    raise table.fault("is there twice", key="id", hint="give it another name")
                phrases[phrase.id] = phrase
    except RuleFormatError as error:
        raise LexiconError(error.message, hint=error.hint) from error
    return Lexicon(tuple(phrases.values()))


def _parse_file(file: str, text: str) -> Iterator[tuple[Table, Phrase]]:
    prefix = file.removesuffix(".toml").replace("/", ".")
    category = prefix.rpartition(".")[2]
    if category not in CATEGORIES:
        hint = to_hint(category, CATEGORIES)
        raise RuleFormatError("a file is called after its category", file=file, hint=hint)
    try:
        values = tomllib.loads(text)
    except ValueError as error:
        raise RuleFormatError(f"is no TOML: {error}"[:200], file=file, hint="mend the line it names") from error
    top = Table(values, keys=("alternatives", "phrase"), file=file)
    words = top.table("alternatives")
    table = top.inner_table("alternatives", words)
    for name in words:
        if not _NAME.fullmatch(name):
            raise table.fault("is no name for alternatives", key=name, hint="capitals, so that no word is meant: WILL")
    alternatives = {name: table.texts(name) for name in words}
    if not top.tables("phrase"):
        raise top.fault("holds no phrase", hint="a phrase starts with [[phrase]]")
    for each in top.tables("phrase"):
        phrase = Table(each, keys=_KEYS, file=file, rule=_name_of(each.get("id")))
        yield phrase, _parse_phrase(phrase, prefix, alternatives)


def _name_of(id_: object) -> str:
    return id_[:64] if isinstance(id_, str) and id_.isprintable() else "without an id"


def _parse_phrase(table: Table, prefix: str, alternatives: Mapping[str, Sequence[str]]) -> Phrase:
    id_ = table.text("id")
    if not id_.startswith(f"{prefix}.") or not _SLUG.fullmatch(id_.removeprefix(f"{prefix}.")):
        hint = f"small letters, digits and single hyphens after {prefix}."
        raise table.fault(f"is {shown(id_)}", key="id", hint=hint)
    phrase = Phrase(
        id=id_,
        category=prefix.rpartition(".")[2],
        tier=table.choice("tier", _TIERS),
        severity=table.integer("severity", 1, 5),
        texts=_parse_texts(table, alternatives),
        why=table.text("why"),
        matching=table.texts("matching"),
        silent=table.texts("silent"),
    )
    for key, tests in (("matching", phrase.matching), ("silent", phrase.silent)):
        if not tests:
            raise table.fault("is empty", key=key, hint="a phrase carries a test of each kind")
    return phrase


def _parse_texts(table: Table, alternatives: Mapping[str, Sequence[str]]) -> tuple[Text, ...]:
    texts = tuple(_parse_text(text, table, alternatives) for text in table.texts("texts"))
    if not texts:
        raise table.fault("is empty", key="texts", hint="write what a pupil would type")
    return texts


def _parse_text(text: str, table: Table, alternatives: Mapping[str, Sequence[str]]) -> Text:
    pieces = _BRACES.split(text)
    if any(brace in piece for piece in pieces[::2] for brace in "{}"):
        raise table.fault(f"{shown(text)} has a brace without its twin, or one inside another", key="texts")
    if _INSIDE_WORD.search(text):
        raise table.fault(f"{shown(text)} has no blank beside a brace", key="texts", hint="braces hold whole words")
    parts: list[Part] = []
    for at, piece in enumerate(pieces):
        if at % 2 == 0:
            parts += [(words,)] if (words := fold_words(piece)) else []
        elif "|" in piece or piece in alternatives:
            choices = [each for name in piece.split("|") for each in alternatives.get(name, (name,))]
            parts.append(tuple(fold_words(each) for each in choices))
        else:
            hint = to_hint(piece, alternatives) if alternatives else "write {a|b}, or name it under [alternatives]"
            raise table.fault(f"{shown(text)} names no alternatives of this file", key="texts", hint=hint)
    if all(() in part for part in parts):
        raise table.fault(f"{shown(text)} can be without any word", key="texts", hint="write the words of it")
    return tuple(parts)


@lru_cache(maxsize=4096)
def fold_words(text: str) -> tuple[str, ...]:
    """Return the words of a text as the engine compares them."""
    return tuple(sys.intern(word.forms[0]) for word in find_words(normalise(text).text))
