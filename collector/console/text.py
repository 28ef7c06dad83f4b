# SPDX-License-Identifier: Apache-2.0
"""Makes hostile text harmless to read: what a device sends may hide, reverse or imitate.

Every value that a template prints goes through `show`; `rendering` sees to that. Escaping HTML is Jinja's work, the
breaking of long words the stylesheet's.
"""

import unicodedata

LONGEST_SHOWN = 2000
MARKS_IN_A_ROW = 3
"""More marks on one letter than any language has cover the lines above and below."""
HIDDEN = {"C", "Zl", "Zp"}
"""Categories that are shown by their number: controls, formats (bidi among them), surrogates, unassigned."""
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that look like nothing."""


def show(text: str) -> str:
    """Return text in which every character can be seen: U+202E becomes `[U+202E]`, and too much text is cut."""
    cut = len(text) - LONGEST_SHOWN
    if cut > 0:
        text = text[:LONGEST_SHOWN]
    if not (text.isascii() and text.isprintable()):
        text = "".join(_show_each(text))
    return f"{text}… ({cut} more characters)" if cut > 0 else text


def _show_each(text: str) -> list[str]:
    shown, marks = [], 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category[0] == "M" else 0
        is_hidden = category[0] in HIDDEN or category in HIDDEN or character in BLANK
        is_odd_space = category == "Zs" and character != " "
        if is_hidden or is_odd_space or marks > MARKS_IN_A_ROW:
            shown.append(f"[U+{ord(character):04X}]")
        else:
            shown.append(character)
    return shown
