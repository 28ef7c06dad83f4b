# SPDX-License-Identifier: Apache-2.0
"""Which of two versions of a Debian package is newer, as deb-version(7) defines it.

Other packagers' versions are compared in other ways; what is installed and offered is read by `updates`.
"""

from itertools import zip_longest

MAX_CHARACTERS = 256
_DIGITS = frozenset("0123456789")


def is_newer(version: str, than: str) -> bool:
    """Return whether one version comes after another. Of longer texts the beginning counts."""
    return compare(version[:MAX_CHARACTERS], than[:MAX_CHARACTERS]) > 0


def compare(one: str, other: str) -> int:
    """Return a number below, equal to or above 0, as the first version comes before, with or after the second."""
    for part, counterpart in zip(_split(one), _split(other), strict=True):
        difference = _compare_part(part, counterpart)
        if difference:
            return difference
    return 0


def _split(version: str) -> tuple[str, str, str]:
    """Return epoch, upstream version and revision; what is not there counts as 0."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, hyphen, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if hyphen else (epoch, rest, "0")


def _compare_part(one: str, other: str) -> int:
    """Compare by turns: characters that are no digits, then a number, and so on to the end."""
    while one or other:
        words, one = _cut(one, are_digits=False)
        other_words, other = _cut(other, are_digits=False)
        for left, right in zip_longest(words, other_words, fillvalue=""):
            if _rank(left) != _rank(right):
                return _rank(left) - _rank(right)
        number, one = _cut(one, are_digits=True)
        other_number, other = _cut(other, are_digits=True)
        difference = int(number or "0") - int(other_number or "0")
        if difference:
            return difference
    return 0


def _cut(text: str, *, are_digits: bool) -> tuple[str, str]:
    """Split a text where digits end, or begin."""
    end = next((place for place, each in enumerate(text) if (each in _DIGITS) != are_digits), len(text))
    return text[:end], text[end:]


def _rank(character: str) -> int:
    """Return the order of a character: a tilde before the end of the text, letters before all others."""
    if character == "~":
        return -1
    if not character:
        return 0
    return ord(character) if character.isalpha() else ord(character) + 0x110000
