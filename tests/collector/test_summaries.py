# SPDX-License-Identifier: Apache-2.0
"""Tests of the one line that tells an event, for the kinds that checks of the machine send."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.sightings import find_group, sighting_of_match
from collector.summaries import MAX_QUOTED_CHARACTERS, show_bytes, show_duration
from proto.events import (
    KINDS,
    AccountSignedIn,
    FileArrived,
    Kind,
    MediaCounted,
    PostureFound,
    Program,
    ProgramRemoved,
    SessionLeftOpen,
    TrafficSustained,
    UsbAttached,
    UsbChanged,
    UsbDevice,
    UsbWritten,
)
from proto.wire import decode_body, encode_body
from rules.model import ActionClass, Match, Rule
from tests.collector.machines import STICK, WRITTEN

DEVICE = "d0d0d0d0d0d0d0d0"


def match_of(kind: str) -> Match:
    """Return a rule that is about no program and fits."""
    return Match(
        Rule(id="the-rule", title="The rule", why="", action_class=ActionClass.UNACCEPTABLE, severity=2, kinds=(kind,))
    )


def sighting_of(event: Kind) -> Any:
    """Return what becomes of an event after its way over the wire."""
    content = decode_body(event.kind, encode_body(event))
    return sighting_of_match(match_of(event.kind), DEVICE, 1, content)


@pytest.mark.parametrize(
    ("event", "summary", "group"),
    [
        (
            WRITTEN,
            "A USB stick or disk without encryption was written to: SanDisk Ultra, 1.2 MB",
            "usb/0781-5567-4c5300",
        ),
        (
            UsbAttached(replace(STICK, vendor="", product="", serial="", protection="possibly_encrypted")),
            "A USB stick or disk that may be encrypted was attached: 0781:5567",
            "usb/0781-5567",
        ),
        (
            UsbAttached(UsbDevice("04e8", "6860", product="Galaxy", form="phone", protection="not_applicable"), True),
            "A phone or tablet was there at the start: Galaxy",
            "usb/04e8-6860",
        ),
        (
            UsbChanged(replace(STICK, protection="partly")),
            "A USB stick or disk with encryption on a part of it only was opened for files: SanDisk Ultra",
            "usb/0781-5567-4c5300",
        ),
        (
            UsbAttached(replace(STICK, protection="ENCRYPTED", form="strange")),
            "A USB device whose encryption is not known was attached: SanDisk Ultra",
            "usb/0781-5567-4c5300",
        ),
        (
            SessionLeftOpen("x11", "KDE", limit_s=900, idle_s=2_530, measured_by="logind"),
            "A session was left for 42 minutes without a lock, 15 minutes are allowed (KDE)",
            "the-rule",
        ),
        (
            PostureFound("firewall", "fail", "nftables has no rule", {"tables": "0"}),
            "The firewall is off: nftables has no rule",
            "posture/firewall",
        ),
        (PostureFound("updates", "unknown", ""), "Nobody knows which updates wait", "posture/updates"),
        (
            PostureFound("new_item", "fail", "odd"),
            "Something about the machine’s security is not right: odd",
            "posture/new_item",
        ),
        (
            FileArrived("setup.exe", "downloads", "pe", is_executable=True, size_bytes=12_345_678, sha256="ab" * 32),
            "A file that can be run came into a downloads folder: setup.exe, 12 MB",
            f"file/{'ab' * 32}",
        ),
        (
            FileArrived("Games.zip", "desktop", "zip", contains="encrypted"),
            "An archive that nobody can look into came into a desktop: Games.zip",
            "file/games-zip",
        ),
        (
            MediaCounted(audio_files=1, audio_bytes=3_000_000, video_files=12, video_bytes=4_560_000_000),
            "Users’ folders hold 1 sound (3.0 MB), 12 videos (4.6 GB)",
            "the-rule",
        ),
        (
            TrafficSustained("steam", received_bytes=3_200_000_000, sent_bytes=1_000, duration_s=900),
            "steam received 3.2 GB and sent 1.0 kB in 15 minutes",
            "traffic/steam",
        ),
        (AccountSignedIn(b"", b"", "guest", True, "x11"), "A session began with a guest account", "the-rule"),
        (
            ProgramRemoved(Program("vim", source="dpkg")),
            "vim was removed: dpkg package vim",
            "program/vim",
        ),
    ],
)
def test_line_and_group_of_each_kind(event: Kind, summary: str, group: str) -> None:
    """One line in our words, and one group for the same thing on many machines."""
    sighting = sighting_of(event)
    assert (sighting.summary, sighting.group_key) == (summary, group)
    assert sighting.subject == f"device/{DEVICE}/{group}"


def build(cls: Any, text: str, number: int) -> Any:
    """Return a value of an event's class in which every text and every number is the same."""
    made: dict[type, Any] = {str: text, int: number, bool: bool(number), bytes: text.encode(), float: float(number)}
    hints = get_type_hints(cls)
    values = {}
    for each in fields(cls):
        hint = hints[each.name]
        if is_dataclass(hint):
            values[each.name] = build(hint, text, number)
        elif hint in made:
            values[each.name] = made[hint]
        elif get_origin(hint) is tuple:
            values[each.name] = ()
    return cls(**values)


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])), number=st.integers(0, 2**31 - 1))
def test_no_device_writes_a_sentence(kind: str, text: str, number: int) -> None:
    """Whatever stands in an event of any kind, the summary is one printable line, and the group a short key."""
    content = decode_body(kind, encode_body(build(KINDS[kind], text, number)))
    sighting = sighting_of_match(match_of(kind), DEVICE, 1, content)
    assert sighting.summary.isprintable()
    assert len(sighting.summary) < 5 * MAX_QUOTED_CHARACTERS
    assert len(find_group(match_of(kind), content)) < 2 * MAX_QUOTED_CHARACTERS


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (999_999, "1.0 MB"),
        (16_500_000_000, "16 GB"),
        (2**64, "18447 PB"),
    ],
)
def test_sizes_are_counted_as_makers_do(size: int, words: str) -> None:
    """In powers of ten, with two or three digits."""
    assert show_bytes(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (120, "2 minutes"),
        (3_600, "1 hour"),
        (5_400, "90 minutes"),
        (7_200, "2 hours"),
    ],
)
def test_durations_are_in_the_unit_that_people_use(seconds: int, words: str) -> None:
    """Not rounded up, and never in fractions."""
    assert show_duration(seconds) == words


def test_unused_kinds_keep_the_title_of_their_rule() -> None:
    """An event without a line of its own is told by the rule's title."""
    assert sighting_of(UsbWritten(STICK)).summary.endswith(", 0 bytes")
    assert sighting_of(KINDS["policy.applied"](3, "ab")).summary == "The rule"  # type: ignore[call-arg]
