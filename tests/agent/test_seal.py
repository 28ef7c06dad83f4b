# SPDX-License-Identifier: Apache-2.0
"""Tests of sealing a hit: five stories of who may read, and that nobody else can."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UnsealedError
from agent.readers import ReaderStore
from agent.seal import SealedFlag, Sealer
from proto.events import Tier
from proto.sealed import PAD_BYTES, encode_flag, make_subject_ref
from tests.agent.piping import IDENTITY
from tests.agent.safeguarding import (
    PEOPLE,
    SUBJECT_KEY,
    key_of,
    make_hit,
    make_safeguarding,
    make_set,
    open_as,
    readers_of,
)


@pytest.fixture
def store(tmp_path: Path) -> ReaderStore:
    """A machine's readers: all four people."""
    store = ReaderStore(tmp_path / "readers.json", IDENTITY)
    store.accept(make_safeguarding(1))
    return store


@pytest.fixture
def sealer(store: ReaderStore) -> Sealer:
    """What seals to them."""
    return Sealer(IDENTITY, store, "library-01")


def test_a_pupils_sentence_goes_to_the_designated_leads(sealer: Sealer) -> None:
    """The ordinary case: DSL and deputy read, and the recovery key of their route."""
    flag = sealer.seal(make_hit("i want to die"))

    assert (flag.route, flag.tier, flag.is_drill) == ("dsl", Tier.CALL, False)
    assert readers_of(flag.event.sealed) == {"dana", "derek", "recovery dsl"}


# The five stories


def test_what_the_dsl_types_goes_to_the_head(sealer: Sealer) -> None:
    """Neither she nor the deputy who works beside her reads it. A directory's name is the same in any case."""
    for account in ("directory:ddale", "directory:DDale"):
        flag = sealer.seal(make_hit("i want to die", account=account))

        assert flag.route == "head"
        assert readers_of(flag.event.sealed) == {"hilda", "recovery head"}


@pytest.mark.parametrize(
    "sentence", ["mrs dale hurts me", "MRS DALE'S hands", "i hate miss d so much", "mr deeds hurts me"]
)
def test_a_sentence_about_the_dsl_goes_to_the_head(sealer: Sealer, sentence: str) -> None:
    """Whoever is named in it, also as the deputy, does not read it."""
    flag = sealer.seal(make_hit(sentence))

    assert flag.route == "head"
    assert readers_of(flag.event.sealed) == {"hilda", "recovery head"}


@pytest.mark.parametrize(
    "where",
    [
        {"window": "Chat with Mrs Dale"},
        {"window": "mrsdale | Messages"},
        {"application": "Mrs_Dale"},
        {"around": "mrs dale came in.\nshe hurts me\nnobody knows"},
        {"around": "m r s  d a l e"},
    ],
)
def test_a_name_beside_the_sentence_counts_too(sealer: Sealer, where: dict[str, Any]) -> None:
    """Who writes to somebody, or has just named her, does not name her again in the sentence that matters."""
    flag = sealer.seal(make_hit("she hurts me", **where))

    assert flag.route == "head"
    assert readers_of(flag.event.sealed) == {"hilda", "recovery head"}


def test_what_is_around_a_sentence_is_never_sealed(sealer: Sealer) -> None:
    """It decides who reads and is forgotten; its length does not show either."""
    for around in ("quite another matter", "quite another matter, mrs dale"):
        hit = make_hit("i want to die", around=around)
        content = open_as("dana" if "dale" not in around else "hilda", sealer.seal(hit).event.sealed)
        assert content is not None
        assert "another matter" not in encode_flag(content).decode() + repr(hit)
        assert len(encode_flag(content)) == PAD_BYTES


def test_a_sentence_about_the_head_goes_to_the_chair(sealer: Sealer) -> None:
    """Also when the DSL is named beside her: above everybody whom it may be about."""
    for sentence in ("mrs hill hurts me", "mrs dale and the head hurt me"):
        flag = sealer.seal(make_hit(sentence))

        assert flag.route == "chair"
        assert readers_of(flag.event.sealed) == {"carl", "recovery chair"}


def test_while_the_dsl_is_absent_the_next_one_reads_too(store: ReaderStore, sealer: Sealer) -> None:
    """With the deputy there nothing changes; with both away the head reads as well, and they still will."""
    store.accept(make_safeguarding(1, absent=["dana"]))
    assert readers_of(sealer.seal(make_hit()).event.sealed) == {"dana", "derek", "recovery dsl"}
    store.accept(make_safeguarding(1, absent=["dana", "derek"]))
    flag = sealer.seal(make_hit())

    assert flag.route == "dsl"
    assert readers_of(flag.event.sealed) == {"dana", "derek", "hilda", "recovery dsl"}


def test_with_nobody_left_it_goes_outside(store: ReaderStore, sealer: Sealer) -> None:
    """A sentence about all of them is for the recovery key outside alone; without one nobody can read it."""
    sentence = "mrs dale, mrs hill and mr carr hurt me"
    flag = sealer.seal(make_hit(sentence))
    assert flag.route == "outside"
    assert readers_of(flag.event.sealed) == {"recovery outside"}
    store.accept(make_safeguarding(2, make_set(2, recoveries=("dsl", "head", "chair"))))
    flag = sealer.seal(make_hit(sentence))

    assert (flag.route, flag.event.sealed) == ("outside", b"")
    assert flag.event.recipients_version == 2


# What is sealed


def test_everything_the_reader_needs_is_inside(sealer: Sealer) -> None:
    """Who, what, why, where, and under which notice; and the same route as in the header."""
    content = open_as("dana", sealer.seal(make_hit("i want to die", window="Diary")).event.sealed)

    assert content is not None
    assert (content.school_id, content.device_id, content.hostname) == (
        IDENTITY.school_id,
        IDENTITY.device_id,
        "library-01",
    )
    assert (content.tier, content.route, content.category, content.rule, content.severity) == (
        "call",
        "dsl",
        "suicide",
        "suicide-want-to-die",
        5,
    )
    assert (content.account, content.account_name, content.account_kind) == ("directory:pupil7", "pupil7", "pupil")
    assert (content.sentence, content.start, content.end) == ("i want to die", 0, 13)
    assert (content.application, content.window, content.notice_version) == ("gedit", "Diary", "2026-09")
    assert (content.made_at_ns, content.recipients_version) == (1_790_000_000_000_000_000, 1)


def test_only_a_reference_stands_outside(sealer: Sealer) -> None:
    """The same for all flags of an account, another for another; nothing of the content."""
    flags = [sealer.seal(make_hit(text, account=f"directory:{name}")) for text in "ab" for name in ("one", "two")]
    references = [flag.event.subject_ref for flag in flags]

    assert references[:2] == references[2:]
    assert references[0] == make_subject_ref(SUBJECT_KEY, "directory:one") != references[1]
    assert not any(text in flag.event.sealed for flag in flags for text in (b"directory", b"suicide", b"library"))


def test_the_length_says_little(sealer: Sealer) -> None:
    """A long sentence is as long as a short one, up to the step of the padding."""
    short, long = (sealer.seal(make_hit("a" * number)).event.sealed for number in (3, 300))
    # Before it stand the ways in, of which age invents one by chance.
    assert len(short.partition(b"\n--- ")[2]) == len(long.partition(b"\n--- ")[2])
    content = open_as("dana", short)
    assert content is not None
    assert len(encode_flag(content)) % PAD_BYTES == 0


def test_a_drill_is_marked_inside_and_outside(sealer: Sealer) -> None:
    """And goes the way of any other flag."""
    flag = sealer.seal(make_hit("drill", nonce=bytes(16)))
    content = open_as("dana", flag.event.sealed)

    assert flag.is_drill
    assert flag.event.drill_nonce == bytes(16)
    assert content is not None
    assert content.drill_nonce == "00" * 16


def test_somebody_who_opened_no_test_item_reads_nothing(store: ReaderStore, sealer: Sealer) -> None:
    """His key may be nobody's."""
    content = make_set(2)
    untested = [replace(each, tested=each.id != "derek") for each in content.recipients]
    store.accept(make_safeguarding(2, replace(content, recipients=tuple(untested))))

    assert readers_of(sealer.seal(make_hit()).event.sealed) == {"dana", "recovery dsl"}


def test_what_is_about_somebody_untested_goes_above_him_too(store: ReaderStore, sealer: Sealer) -> None:
    """The DSL works beside a deputy who has not opened his test item yet, as beside any other."""
    content = make_set(2)
    untested = [replace(each, tested=each.id != "derek") for each in content.recipients]
    store.accept(make_safeguarding(2, replace(content, recipients=tuple(untested))))
    flag = sealer.seal(make_hit("mr deeds hurts me"))

    assert flag.route == "head"
    assert readers_of(flag.event.sealed) == {"hilda", "recovery head"}


def test_without_readers_nothing_is_sealed_and_nothing_shown(tmp_path: Path) -> None:
    """The error names what went wrong and holds nothing of the sentence, nor does anything chained to it."""
    sealer = Sealer(IDENTITY, ReaderStore(tmp_path / "readers.json", IDENTITY), "library-01")
    hit = make_hit("a very private sentence")

    with pytest.raises(UnsealedError) as caught:
        sealer.seal(hit)
    assert caught.value.error_type == "SealError"
    assert caught.value.__suppress_context__
    assert "private" not in f"{caught.value!r} {hit!r}"


def test_keys_of_others_play_no_part(sealer: Sealer) -> None:
    """A flag holds a way in for each reader and for nobody else."""
    flag: SealedFlag = sealer.seal(make_hit())

    assert flag.event.sealed.count(b"-> X25519 ") == 3
    assert key_of("carl") not in repr(flag)
    assert set(PEOPLE) - readers_of(flag.event.sealed) == {"hilda", "carl"}
