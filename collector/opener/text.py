# SPDX-License-Identifier: Apache-2.0
"""Makes text from elsewhere harmless to read in a terminal: what a pupil or a collector wrote may hide or imitate."""

import unicodedata

MARKS_IN_A_ROW = 3
"""More marks on one letter than any language has cover the lines above and below."""
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that look like nothing."""
GROUP = 4


def show(text: str) -> str:
    """Return text in one line in which every character can be seen: U+202E becomes `[U+202E]`."""
    if text.isascii() and text.isprintable():
        return text
    shown, marks = [], 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category[0] == "M" else 0
        is_hidden = category[0] == "C" or category in {"Zl", "Zp"} or character in BLANK
        is_odd_space = category == "Zs" and character != " "
        is_seen = not (is_hidden or is_odd_space or marks > MARKS_IN_A_ROW)
        shown.append(character if is_seen else f"[U+{ord(character):04X}]")
    return "".join(shown)


def in_groups(text: str) -> str:
    """Return a key or a fingerprint in groups of four, as it is read aloud and compared."""
    return " ".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def frame(heading: str, lines: list[str]) -> str:
    """Return something that must be written down, so that nobody takes it for talk."""
    edge = "=" * max(len(line) + 4 for line in [heading, *lines])
    return "\n".join([edge, f"  {heading}", edge, *(f"  {line}" for line in lines), edge, ""])
