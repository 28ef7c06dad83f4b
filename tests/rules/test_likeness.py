# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.likeness."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.likeness import KEPT, LIKE, Sketcher, measure_likeness, parse_sketch

TEXTS = [f"what a program says, number {number}".encode() for number in range(2000)]


def make_sketch(*parts: bytes, is_go: bool = False) -> str:
    sketcher = Sketcher(is_go=is_go)
    for part in parts:
        sketcher.add(part)
    return sketcher.to_sketch()


def numbers_of(*parts: bytes) -> frozenset[int]:
    numbers = parse_sketch(make_sketch(*parts))
    assert numbers is not None
    return numbers


def test_a_sketch_stays_what_it_is():
    """Rules out there hold sketches that were made long ago, so the way to make them never changes under one name."""
    sketch = make_sketch(b"\0".join(TEXTS[:100]))

    assert sketch.startswith("s1:01d95bd905d338c808cde71b")
    assert sketch.endswith("a84d3f3ba8a43810")
    assert len(sketch) == 3 + 8 * KEPT


@given(st.lists(st.integers(min_value=0, max_value=70_000), max_size=6))
def test_parts_make_no_difference(cuts):
    """Content is read in pieces, and a text may begin in one and end in the next."""
    whole = b"\0".join(TEXTS)
    places = [0, *sorted(cuts), len(whole)]
    parts = [whole[start:end] for start, end in pairwise(places)]

    assert make_sketch(*parts) == make_sketch(whole)


def test_few_texts_make_no_sketch():
    """A program that says next to nothing could be like anything."""
    assert make_sketch(b"\0".join(TEXTS[:KEPT])) != ""
    assert make_sketch(b"\0".join(TEXTS[: KEPT - 1])) == ""
    assert make_sketch(b"\0".join([*TEXTS[: KEPT - 1], TEXTS[0], b"short"])) == ""
    assert make_sketch() == ""


def test_a_long_stretch_without_an_end_is_taken_in():
    """Content without a zero byte is not kept for ever to wait for one."""
    sketcher = Sketcher()
    for _ in range(64):
        sketcher.add(b"\n".join(TEXTS))

    assert sketcher._rest == b""
    assert sketcher.to_sketch() != ""


def test_of_a_go_program_its_own_names_count():
    """Most of what stands in one is Go's own library, the same in every other."""
    library = [f"runtime.of_go_{number}".encode() for number in range(1000)]
    own = [f"github.com/school/chess.Move{number}".encode() for number in range(60)]
    main = [f"main.play{number}".encode() for number in range(10)]

    assert make_sketch(b"\0".join(library), is_go=True) == ""
    assert make_sketch(b"\0".join([*library, *own, *main]), is_go=True) == make_sketch(b"\0".join([*own, *main]))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9, 1.0])
def test_likeness_is_the_share_of_texts_in_common(share):
    """As far as 64 numbers let it be guessed."""
    common = int(share * len(TEXTS))
    other = TEXTS[:common] + [text[::-1] for text in TEXTS[common:]]
    real = common / (2 * len(TEXTS) - common)

    guessed = measure_likeness(numbers_of(b"\0".join(TEXTS)), numbers_of(b"\0".join(other)))

    assert guessed == pytest.approx(real, abs=0.15)
    assert guessed == measure_likeness(numbers_of(b"\0".join(other)), numbers_of(b"\0".join(TEXTS)))


def test_a_changed_copy_is_like_its_original_and_another_program_is_not():
    """Two texts were changed; of the other program, half of the texts come from the same library."""
    original = numbers_of(b"\0".join(TEXTS))
    changed = numbers_of(b"\0".join([*TEXTS[:-2], b"something new", b"something else"]))
    other = numbers_of(b"\0".join([*TEXTS[:1000], *(text[::-1] for text in TEXTS[1000:])]))

    assert measure_likeness(original, changed) >= LIKE > measure_likeness(original, other)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sketch: "",
        lambda sketch: sketch[:-1],
        lambda sketch: sketch + "0",
        lambda sketch: sketch.replace("s1", "s2"),
        lambda sketch: sketch[:-1] + "g",
        lambda sketch: sketch[:3] + sketch[11:19] + sketch[3:11] + sketch[19:],
        lambda sketch: sketch[:11] + sketch[3:11] + sketch[19:],
        lambda sketch: sketch + "\n",
        lambda sketch: "s1:" + "٣" * 512,
    ],
    ids=["empty", "short", "long", "version", "letter", "disordered", "repeated", "line", "digits of another script"],
)
def test_what_is_no_sketch_is_told(spoil):
    """It may come from a hand that slipped, or from a device that lies."""
    assert parse_sketch(spoil(make_sketch(b"\0".join(TEXTS)))) is None


def test_a_sketch_may_be_written_in_capitals():
    """As digests may."""
    sketch = make_sketch(b"\0".join(TEXTS))

    assert parse_sketch(sketch.upper()) == parse_sketch(sketch)
