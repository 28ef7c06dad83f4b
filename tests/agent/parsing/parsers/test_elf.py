# SPDX-License-Identifier: Apache-2.0
"""Tests of agent.parsing.parsers.elf, on programs made by hand and on those of this machine."""

import io
import struct
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.errors import ParseError
from agent.parsing.parsers import elf
from agent.parsing.parsers.elf import parse
from rules.likeness import LIKE, Sketcher, measure_likeness, parse_sketch
from tests.elves import LOAD, READ, READ_EXECUTE, make_elf, make_note, make_texts

TEXTS = make_texts(100)
ID = bytes(range(20))
ID_NOTE = make_note(b"GNU", 3, ID)


def parse_bytes(content: bytes) -> dict[str, object]:
    return parse(io.BytesIO(content))


def sketch_of(*texts: bytes) -> str:
    sketcher = Sketcher()
    sketcher.add(b"\0".join(texts))
    return sketcher.to_sketch()


@pytest.mark.parametrize("is_64", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_program_is_described(is_64, order):
    """Of 32 and 64 bits, whichever end of a number comes first."""
    content = make_elf(TEXTS, notes=make_note(b"GNU", 3, ID, order=order), is_64=is_64, order=order)

    assert parse_bytes(content) == {
        "build_id": ID.hex(),
        "sketch": sketch_of(*TEXTS),
        "kind": "dyn",
        "is_appimage": False,
        "inside_bytes": 0,
    }


def test_a_stripped_program_is_the_same():
    """What is taken away is never loaded."""
    assert parse_bytes(make_elf(TEXTS, notes=ID_NOTE, symbols=b"")) == parse_bytes(make_elf(TEXTS, notes=ID_NOTE))


def test_texts_in_code_and_in_data_do_not_count():
    """In code they are accidents, and data changes as soon as the program runs."""
    content = make_elf(TEXTS, code=b"\0".join(make_texts(100, "does")), data=b"\0".join(make_texts(100, "notes")))

    assert parse_bytes(content)["sketch"] == sketch_of(*TEXTS)


def test_texts_count_where_an_old_linker_put_them():
    """It had code and constants in one segment."""
    content = make_elf(TEXTS).replace(struct.pack("<II", LOAD, READ), struct.pack("<II", LOAD, READ_EXECUTE))

    assert parse_bytes(content)["sketch"] == sketch_of(*TEXTS)


def test_a_go_program_is_told_by_its_note():
    """Of its texts only its own count."""
    own = [f"github.com/school/chess.Move{number}".encode() for number in range(70)]
    content = make_elf([*TEXTS, *own], notes=make_note(b"Go", 4, b"id of a build"))

    assert parse_bytes(content)["sketch"] == sketch_of(*own)


def test_an_appimage_and_what_it_carries_are_told():
    """The program in front is the same for all of them, so whoever writes a rule must know."""
    found = parse_bytes(make_elf(TEXTS, notes=ID_NOTE, mark=b"AI\2") + b"squashed" * 1000)

    assert (found["is_appimage"], found["inside_bytes"]) == (True, 8000)


def test_a_program_of_this_machine_is_read():
    """A real linker's work."""
    found = parse_bytes(Path("/bin/ls").read_bytes())
    numbers = parse_sketch(str(found["sketch"]))

    assert (found["kind"], found["is_appimage"], found["inside_bytes"]) == ("dyn", False, 0)
    assert len(str(found["build_id"])) == 40
    assert numbers
    assert measure_likeness(numbers, numbers) == 1


def test_programs_of_this_machine_are_not_like_each_other():
    """Though all of them were made by the same compiler and call the same library."""
    essential = ["bash", "dash", "dpkg", "find", "grep", "gzip", "ls", "mount", "perl", "sed", "tar"]
    sketches = [parse_sketch(str(parse_bytes(Path("/usr/bin", name).read_bytes())["sketch"])) for name in essential]
    likenesses = [measure_likeness(one, other) for one, other in combinations(filter(None, sketches), 2)]

    assert len(likenesses) >= 28
    assert max(likenesses) < LIKE - 0.2


def test_a_sketch_of_a_very_large_program_is_of_its_first_part(monkeypatch: pytest.MonkeyPatch):
    """Nobody can make the child read without an end."""
    monkeypatch.setattr(elf, "MAX_SKETCHED_BYTES", 5000)
    texts = make_texts(1000)

    assert parse_bytes(make_elf(texts))["sketch"] == sketch_of((b"\0".join(texts) + b"\0")[: 5000 - 344])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#!/bin/sh\n",
        b"\x7fELF",
        make_elf(TEXTS)[:60],
        make_elf(TEXTS)[:200],
        make_elf(TEXTS)[:56] + b"\xff\xff" + make_elf(TEXTS)[58:],
        make_elf(TEXTS)[:32] + b"\xff" * 8 + make_elf(TEXTS)[40:],
    ],
    ids=["nothing", "script", "start only", "half a header", "half a table", "many segments", "table far away"],
)
def test_what_is_no_whole_program_is_an_error(content: bytes):
    """One that is foreseen."""
    with pytest.raises(ParseError):
        parse_bytes(content)


@given(st.data())
def test_a_spoiled_program_is_read_or_refused(data):
    """Whatever stands in it: there is an answer within limits, or the error that is foreseen."""
    content = bytearray(make_elf(TEXTS, notes=ID_NOTE))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, 400))] = data.draw(st.integers(0, 255))
    try:
        found = parse_bytes(bytes(content))
    except ParseError:
        return

    assert len(str(found["build_id"])) <= 128
    assert found["sketch"] == "" or parse_sketch(str(found["sketch"]))


@given(st.binary(max_size=300))
@example(struct.pack("<III", 0, 0, 0) * 20)
@example(struct.pack("<III", 2**32 - 1, 2**32 - 1, 3) + b"GNU\0")
@example(struct.pack("<III", 4, 2**32 - 1, 3) + b"GNU\0" + bytes(200))
def test_any_notes_are_read(notes: bytes):
    """They say how long they are, and may lie."""
    assert len(str(parse_bytes(make_elf(TEXTS, notes=notes))["build_id"])) <= 128
