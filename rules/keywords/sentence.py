# SPDX-License-Identifier: Apache-2.0
"""The sentence around a hit in what was typed: the most that a reader gets of it."""

import re

MAX_SENTENCE_CHARACTERS = 500

_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[\n\r\u2028\u2029]")
_TITLE = re.compile(r"\b(?:mrs?|ms|mx|dr|prof|rev|st|sir)\Z", re.IGNORECASE)
"""A full stop after one of these ends nothing; the sentence would lose whom it names."""


def find_sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where the sentence around a part of a text begins and ends, without blanks at its edges.

    A sentence ends at a full stop, exclamation or question mark before a blank, or with the line. One that is longer
    than `MAX_SENTENCE_CHARACTERS` is cut on both sides, so that the part stands in its middle.
    """
    first, last = 0, len(text)
    for found in _END.finditer(text):
        if found[0] == "." and _TITLE.search(text, max(0, found.start() - 6), found.start()):
            continue
        if found.end() <= start:
            first = found.end()
        elif found.start() >= end:
            last = found.start() if found[0].isspace() else found.end()
            break
    room = max(0, MAX_SENTENCE_CHARACTERS - (end - start))
    if last - first > MAX_SENTENCE_CHARACTERS:
        first = max(first, min(start - room // 2, last - MAX_SENTENCE_CHARACTERS))
        last = first + MAX_SENTENCE_CHARACTERS
    while first < start and text[first].isspace():
        first += 1
    while last > end and text[last - 1].isspace():
        last -= 1
    return first, last
