# SPDX-License-Identifier: Apache-2.0
"""Tests of `root`: who cannot open it, files that were changed; then making, sharing, rotating, recovering."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from collector.opener.documents import to_base64
from collector.opener.identity import load_identity, unwrap
from proto.keys import Ed25519Signer
from proto.recipients import fingerprint
from proto.sealed import open_sealed, seal
from tests.collector.opener.staff import SCHOOL_NAME, Reader, Staff


def change_root(reader: Reader, **changes: Any) -> None:
    """Change fields of a root's file."""
    path = reader.folder / "root.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sealed_to": ["age1x"]}, "no age key"),
        ({"sealed_to": [7]}, "not a list of texts"),
        ({"public_key": "%"}, "not base64"),
        ({"former_signature": None}, "former_signature"),
        ({"format": "schoolwarden root v2"}, "not a file of the format"),
    ],
)
def test_file_of_another_shape_is_a_wrong_call(staff: Staff, changes: dict[str, Any], message: str) -> None:
    """Exit 2, before anybody is asked for a passphrase."""
    change_root(staff["anna"], **changes)
    said = staff["anna"]("root", "show")
    assert (said.code, said.out) == (2, "")
    assert message in said.err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"public_key": to_base64(bytes(32))}, "another key than it says"),
        ({"sealed": to_base64(b"junk")}, "not sealed to this key"),
    ],
)
def test_changed_root_is_not_used(staff: Staff, changes: dict[str, Any], message: str) -> None:
    """Parts that do not belong together are a finding: exit 1."""
    anna = staff["anna"]
    change_root(anna, **changes)
    said = anna("root", "share", "--to", anna.age_key, "--passphrase-file", "-", given=anna.passphrase)
    assert (said.code, said.out) == (1, "")
    assert message in said.err


def test_root_sealed_to_somebody_else_does_not_open(staff: Staff) -> None:
    """Who has the file and is not named in it can do nothing with it: exit 1."""
    anna, ben = staff
    anna.good("root", "make", "--school", "Another", "--root", staff.path / "other.json")
    said = ben(
        "root", "share", "--to", ben.age_key, "--root", staff.path / "other.json", "--passphrase-file", "-",
        given=ben.passphrase,
    )  # fmt: skip
    assert (said.code, said.out) == (1, "")
    assert "not sealed to this key" in said.err


def test_second_root_needs_a_word(staff: Staff) -> None:
    """Devices have pinned the first one."""
    said = staff["anna"]("root", "make", "--school", SCHOOL_NAME)
    assert (said.code, said.out) == (2, "")
    assert "--replace" in said.err


def test_root_is_shown_by_its_fingerprint(staff: Staff) -> None:
    """In groups of four for people, as hexadecimal digits for scripts; and whose keys open it."""
    anna, ben = staff
    shown = anna.good("root", "show")
    spare = [each["age_key"] for each in json.loads((anna.folder / "recovery.json").read_text())["recoveries"]]
    assert shown["sealed_to"] == [anna.age_key, ben.age_key, *spare]
    assert len(bytes.fromhex(shown["fingerprint"])) == 32
    text = anna("root", "show").out
    assert shown["fingerprint"] in "".join(text.split())
    assert SCHOOL_NAME in text


def test_two_sheets_open_the_root_for_a_new_key(staff: Staff, tmp_path: Path) -> None:
    """When everybody who could open it lost his key: only if the recovery keys were among them."""
    anna, newcomer = staff["anna"], Reader("eve", tmp_path / "eve")
    newcomer.take_identity()
    unshared = tmp_path / "unshared.json"
    anna.good("root", "make", "--school", SCHOOL_NAME, "--root", unshared)
    refused = newcomer(
        "root", "recover", "--to", newcomer.age_key, "--root", unshared, given=staff.words("head", 1, 3)
    )  # fmt: skip
    assert (refused.code, refused.out) == (1, "")
    arguments = ("root", "recover", "--to", newcomer.age_key, "--root", anna.folder / "root.json")
    recovered = newcomer.good(*arguments, given=staff.words("head", 1, 3))
    assert recovered["sealed_to"][-1] == newcomer.age_key
    newcomer.unlocked("root", "share", "--to", newcomer.age_key, "--root", anna.folder / "root.json")


def test_new_root_is_vouched_for_and_opened_by_those_named_only(staff: Staff) -> None:
    """Who is not named again stays outside."""
    anna, ben = staff
    former = anna.good("root", "show")["fingerprint"]
    rotated = anna.unlocked("root", "rotate", "--recovery", anna.folder / "recovery.json", "--yes")
    assert rotated["former_fingerprint"] == former
    assert rotated["fingerprint"] != former
    assert ben.age_key not in rotated["sealed_to"]
    assert len(rotated["sealed_to"]) == 4


def test_private_key_is_in_the_file_only_sealed(staff: Staff) -> None:
    """What opens with the identity is the key that the file names."""
    anna = staff["anna"]
    values = json.loads((anna.folder / "root.json").read_text())
    assert b"PRIVATE" not in (anna.folder / "root.json").read_bytes()
    secret = unwrap(load_identity(anna.folder / "identity.json"), anna.passphrase)
    assert b"PRIVATE" in open_sealed(base64.b64decode(values["sealed"]), secret)
    assert fingerprint(base64.b64decode(values["public_key"])).hex() == anna.good("root", "show")["fingerprint"]


def test_stranger_in_the_clothes_of_the_root_is_found(staff: Staff) -> None:
    """A root that somebody else sealed to our key, under our public key, is not signed with."""
    anna = staff["anna"]
    change_root(anna, sealed=to_base64(seal(Ed25519Signer.generate().to_pem(), [anna.age_key])))
    said = anna("root", "share", "--to", anna.age_key, "--passphrase-file", "-", given=anna.passphrase)
    assert (said.code, said.out) == (1, "")
    assert "another key than it says" in said.err
