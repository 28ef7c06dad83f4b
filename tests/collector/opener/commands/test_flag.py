# SPDX-License-Identifier: Apache-2.0
"""Tests of `flag`: files that are none, flags of others, changed labels; then opening and handing on."""

import json
from pathlib import Path
from typing import Any

import pytest

from collector.console.flag_file import describe_flag
from collector.flags import Copy, Flag, FlagState, Note, Sealed
from collector.opener.documents import to_base64
from collector.opener.flag import load_flag
from proto.events import Tier
from proto.sealed import encode_flag, seal
from rules.route import Route
from tests.collector.opener.staff import FLAG_ID, MADE_AT_NS, NOTE, Staff, make_content, write_flag


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[]", "not a file of the format"),
        ('{"format": "schoolwarden flag v2"}', "not a file of the format"),
        ('{"format": "schoolwarden flag v1"}', "does not have the fields"),
        ("\x00\xff", "is not text"),
    ],
)
def test_file_that_is_no_flag_is_a_wrong_call(staff: Staff, tmp_path: Path, text: str, message: str) -> None:
    """Exit 2 before anybody is asked for a passphrase."""
    path = tmp_path / "flag.json"
    path.write_bytes(text.encode("latin-1"))
    said = staff["anna"]("flag", "open", path)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


@pytest.mark.parametrize(
    "change",
    [{"drill": 0}, {"sealed": "%"}, {"notes": ["x"]}, {"device_time_ns": "1"}, {"tier": None}, {"notes": None}],
)
def test_field_of_another_type_is_a_wrong_call(staff: Staff, tmp_path: Path, change: dict[str, Any]) -> None:
    """Exit 2, naming the file."""
    said = staff["anna"]("flag", "open", write_flag(tmp_path / "flag.json", [staff["anna"].age_key], **change))
    assert (said.code, said.out) == (2, "")
    assert str(tmp_path / "flag.json") in said.err


def test_flag_that_does_not_open_is_a_finding_and_hides_no_other(staff: Staff, tmp_path: Path) -> None:
    """Sealed to somebody else, changed on the way, no flag inside: each is named, the good one is shown, exit 1."""
    anna, ben = staff
    good = write_flag(tmp_path / "good.json", [anna.age_key])
    changed = bytearray(load_flag(good).sealed)
    changed[-1] ^= 1
    files = [
        write_flag(tmp_path / "his.json", [ben.age_key]),
        write_flag(tmp_path / "changed.json", [anna.age_key], sealed=to_base64(bytes(changed))),
        write_flag(tmp_path / "lost.json", [anna.age_key], sealed=""),
        write_flag(tmp_path / "odd.json", [anna.age_key], sealed=to_base64(seal(b"{}", [anna.age_key]))),
        good,
    ]
    said = anna("flag", "open", *files, "--passphrase-file", "-", "--format", "json", given=anna.passphrase)
    assert said.code == 1
    assert [each["opened"] for each in said.json] == [False, False, False, False, True]
    assert said.err.count(FLAG_ID) == 4


CHANGED: list[tuple[dict[str, Any], str]] = [
    ({"tier": "count"}, "tier: the file says count, the device sealed alert"),
    ({"route": "head"}, "route: the file says head, the device sealed dsl"),
    ({"device_id": "f" * 16}, "device_id: the file says ffffffffffffffff, the device sealed 0123456789abcdef"),
    ({"hostname": "x\u202ey"}, "hostname: the file says x[U+202E]y, the device sealed library-01"),
    ({"school_id": "school-2"}, "school_id: the file says school-2, the device sealed school-1"),
    ({"recipients_version": 9}, "recipients_version: the file says 9, the device sealed 1"),
    ({"drill": True}, "drill: the file says a drill, the device sealed none"),
    (
        {"device_time_ns": MADE_AT_NS + 10 * 60 * 10**9},
        "time: the file says 2023-11-14 22:23:20 UTC, the device sealed 2023-11-14 22:13:20 UTC",
    ),
    ({"device_time_ns": 10**30}, f"time: the file says {10**30} ns, the device sealed 2023-11-14 22:13:20 UTC"),
]


def test_label_that_was_changed_is_said_loudly(ready: Staff, tmp_path: Path) -> None:
    """The sealed text is shown, what differs is named, exit 1: for every field of the label."""
    anna = ready["anna"]
    files = [
        write_flag(tmp_path / f"{number}.json", [anna.age_key], **outside)
        for number, (outside, _) in enumerate(CHANGED)
    ]
    said = anna("flag", "open", *files, "--passphrase-file", "-", given=anna.passphrase)
    assert (said.code, said.err) == (1, "")
    assert said.out.count("!!! THE FILE SAYS SOMETHING ELSE") == len(CHANGED)
    assert said.out.count(">>>i hurt myself<<<") == len(CHANGED)
    named = [line.removeprefix("  !!!  ") for line in said.out.splitlines() if line.startswith("  !!!  ")]
    assert named == [message for _, message in CHANGED]


def test_flag_is_told_in_plain_words_that_no_pupil_can_write_into(ready: Staff, tmp_path: Path) -> None:
    """Every fact, the words that matched marked; controls and bidi marks by their number."""
    anna = ready["anna"]
    content = make_content(window="\x1b[2Jgone\u202e", sentence="nobody knows that i hurt myself\r!")
    path = write_flag(tmp_path / "flag.json", [anna.age_key], content=content)
    said = anna("flag", "open", path, "--passphrase-file", "-", given=anna.passphrase)
    assert (said.code, said.err) == (0, "")
    assert "Sentence:  nobody knows that >>>i hurt myself<<<[U+000D]!" in said.out
    assert "Window:    [U+001B][2Jgone[U+202E]" in said.out
    facts = [
        "alert",
        "self_harm",
        "pupil1 (directory:pupil1), pupil account",
        "2023-11-14 22:13:20 UTC",
        *NOTE.splitlines(),
    ]
    assert [fact for fact in facts if fact not in said.out] == []
    assert "!!!" not in said.out
    assert all(line.isprintable() for line in said.out.splitlines())


def test_drill_is_shown_as_one(ready: Staff, tmp_path: Path) -> None:
    """And one that nobody ordered is shown as a flag to act on."""
    anna, content = ready["anna"], make_content(drill_nonce="ab" * 16)
    ordered = write_flag(tmp_path / "1.json", [anna.age_key], content=content)
    unknown = write_flag(tmp_path / "2.json", [anna.age_key], content=content, drill=False)
    said = anna("flag", "open", ordered, unknown, "--passphrase-file", "-", given=anna.passphrase)
    assert said.code == 0
    assert "Drill:     YES. This is a test" in said.out
    assert "Drill:     the device says so, but the school ordered none" in said.out


def test_note_that_was_moved_is_not_believed(ready: Staff, tmp_path: Path) -> None:
    """A note of another flag, of another writer or to other readers has no text; the flag is shown all the same."""
    anna, ben = ready
    own = json.loads(write_flag(tmp_path / "own.json", [anna.age_key]).read_text())["notes"][0]
    others = json.loads(write_flag(tmp_path / "his.json", [ben.age_key]).read_text())["notes"][0]
    notes = [own, own | {"made_by": "ben"}, others, own | {"sealed": to_base64(seal(b"[]", [anna.age_key]))}]
    path = write_flag(tmp_path / "flag.json", [anna.age_key], notes=notes)
    opened = anna.unlocked("flag", "open", path)[0]
    assert [note["text"] for note in opened["notes"]] == [NOTE, None, None, None]


def test_flag_is_handed_on_to_a_deputy(staff: Staff, tmp_path: Path) -> None:
    """Sealed anew to his key with its notes; what is there already stays."""
    anna, ben = staff
    flag, out = write_flag(tmp_path / "flag.json", [anna.age_key]), tmp_path / "for-ben.json"
    arguments = ("flag", "rewrap", flag, "--to", ben.age_key, "-o", out)
    unasked = anna(*arguments, "--passphrase-file", "-", given=anna.passphrase)
    assert (unasked.code, out.exists()) == (2, False)
    assert anna.unlocked(*arguments, "--yes") == [{"flag": FLAG_ID, "file": str(out)}]
    opened = ben.unlocked("flag", "open", out)[0]
    assert (opened["content"]["sentence"], opened["notes"][0]["text"]) == (make_content().sentence, NOTE)
    assert anna(*arguments, "--yes", "--passphrase-file", "-", given=anna.passphrase).code == 2


def test_copy_is_opened_last_and_said_loudly(ready: Staff, tmp_path: Path) -> None:
    """What the device sealed comes first; where it stays shut, the copy is shown as its maker's word and stays so."""
    anna, ben = ready
    forged = encode_flag(make_content(sentence="i never said that"))

    def copy_for(age_key: str) -> dict[str, Any]:
        return {"sealed": to_base64(seal(forged, [age_key])), "by": "c\u202ea", "at_ns": MADE_AT_NS}

    both = write_flag(tmp_path / "both.json", [anna.age_key], copy=copy_for(anna.age_key))
    shut = write_flag(tmp_path / "shut.json", [ben.age_key], copy=copy_for(anna.age_key))
    opened = anna.unlocked("flag", "open", both, shut)
    assert [each["content"]["sentence"] for each in opened] == [make_content().sentence, "i never said that"]
    assert [each["sealed_again"] for each in opened] == [None, {"by": "c\u202ea", "at_ns": MADE_AT_NS}]
    said = anna("flag", "open", both, shut, "--passphrase-file", "-", given=anna.passphrase)
    assert said.out.count("!!! sealed again by") == 1
    assert "sealed again by c[U+202E]a on 2023-11-14 22:13:20 UTC, not by the device" in said.out

    handed_on = tmp_path / "on.json"
    anna.unlocked("flag", "rewrap", shut, "--to", anna.age_key, "-o", handed_on, "--yes")
    assert anna.unlocked("flag", "open", handed_on)[0]["sealed_again"]["by"] == "c\u202ea"
    odd = write_flag(tmp_path / "odd.json", [anna.age_key], copy={"sealed": "", "by": "ben"})
    assert anna("flag", "open", odd).code == 2


def test_several_flags_are_handed_on_as_a_folder(ready: Staff, tmp_path: Path) -> None:
    """Each under its own name."""
    anna, ben = ready
    flags = [write_flag(tmp_path / f"flag-{number}.json", [anna.age_key]) for number in (1, 2)]
    anna.unlocked("flag", "rewrap", *flags, "--to", ben.age_key, "-o", tmp_path / "out", "--yes")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["flag-1.json", "flag-2.json"]


def test_file_of_the_console_is_one_that_is_read(tmp_path: Path) -> None:
    """What the console writes and what is read here are the same fields."""
    flag = Flag(
        id=FLAG_ID,
        number=1,
        device_id="0123456789abcdef",
        hostname="library-01",
        tier=Tier.ALERT,
        route=Route.DSL,
        drill=False,
        subject_ref=bytes(16),
        recipients_version=1,
        device_time_ns=MADE_AT_NS,
        received_at_ns=MADE_AT_NS + 1,
        state=FlagState.NEW,
        verdict="",
        category="",
        action="",
        decided_by="",
        decided_at_ns=None,
    )
    copy = Copy(MADE_AT_NS, "ben", b"copy")
    given = Sealed(flag=flag, sealed=b"sealed", copy=copy, notes=(Note(MADE_AT_NS, "anna", b"note"),))
    path = tmp_path / "flag.json"
    path.write_text(json.dumps(describe_flag("school-1", given)))
    loaded = load_flag(path)
    assert json.loads(loaded.to_document()) == describe_flag("school-1", given)
    assert (loaded.tier, loaded.sealed, loaded.notes[0].sealed) == ("alert", b"sealed", b"note")
