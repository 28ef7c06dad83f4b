# SPDX-License-Identifier: Apache-2.0
"""Tests of `identity`: wrong passphrases and files first, then making, exporting, importing, changing."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from collector.opener.documents import to_base64
from collector.opener.identity import FORMAT
from tests.collector.opener.staff import WORDS, Reader, Staff, make_identity
from tests.wrapped import wrap_lightly

FROM_BROWSER = Path(__file__).parents[1] / "browser-identity.json"
"""Made by the console's page under the words of the tests, with all the work that it asks for."""


@pytest.mark.parametrize("given", ["", "\n", "fabric eager dad cabin baby able\n"])
def test_wrong_passphrase_changes_nothing(staff: Staff, given: str) -> None:
    """None, an empty one, another one: exit 2, and the identity stays as it was."""
    kept = (staff["anna"].folder / "identity.json").read_bytes()
    said = staff["anna"]("identity", "change-passphrase", "--yes", "--passphrase-file", "-", given=given)
    assert (said.code, said.out) == (2, "")
    assert "passphrase" in said.err
    assert (staff["anna"].folder / "identity.json").read_bytes() == kept


def test_nobody_to_ask_is_said(staff: Staff) -> None:
    """Without a terminal and without a file there is no passphrase: exit 2, at once."""
    said = staff["anna"]("identity", "change-passphrase")
    assert (said.code, said.out) == (2, "")
    assert "--passphrase-file" in said.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "schoolwarden flag v1"}, "not a file of the format"),
        ({"age_key": "age1nothing"}, "no age key"),
        ({"wrapped": 7}, "wrapped"),
        ({"wrapped": "%%%"}, "not base64"),
        ({"wrapped": to_base64(b"age-encryption.org/v1\n-> X25519 abc\n")}, "not one that was made here"),
        ({"wrapped": to_base64(b"age-encryption.org/v1\n-> scrypt " + b"A" * 22 + b" 30\n")}, "not one that was made"),
        ({"wrapped": to_base64(wrap_lightly("no key", WORDS))}, "does not hold an age identity"),
        ({"wrapped": to_base64(make_identity(WORDS).wrapped)}, "another key than it says"),
    ],
)
def test_file_that_is_no_identity_is_not_imported(
    staff: Staff, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """Another kind, a broken key, too much work for this computer, another key inside: exit 2, nothing kept."""
    file, newcomer = tmp_path / "identity.json", Reader("eve", tmp_path / "eve")
    file.write_text(json.dumps(json.loads((staff["anna"].folder / "identity.json").read_text()) | change))
    said = newcomer("identity", "import", file, "--passphrase-file", "-", given=WORDS)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert list(newcomer.folder.iterdir()) == []


def test_second_identity_needs_a_word(staff: Staff) -> None:
    """The only key to a school's flags is not written over by a second `make`."""
    said = staff["anna"]("identity", "make", "--yes")
    assert (said.code, said.out) == (2, "")
    assert "--replace" in said.err


def test_identity_is_kept_wrapped_for_its_owner_only(staff: Staff) -> None:
    """The file and its folder are closed to others, and the passphrase of six words is nowhere in them."""
    anna = staff["anna"]
    path = anna.folder / "identity.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(anna.folder.stat().st_mode) == 0o700
    assert len(anna.passphrase.split()) == 6
    assert set(json.loads(path.read_text())) == {"format", "age_key", "wrapped"}
    shown = anna("identity", "show").out.splitlines()
    assert shown[0] == anna.age_key
    assert shown[1].replace(" ", "").endswith(anna.age_key)


def test_identity_travels_as_a_file(staff: Staff, tmp_path: Path) -> None:
    """What is exported is imported elsewhere with the passphrase, from a file as well as from stdin."""
    anna, other = staff["anna"], Reader("anna", tmp_path / "other")
    file, words = tmp_path / "export.json", tmp_path / "words"
    assert anna.good("identity", "export", "-o", file)["age_key"] == anna.age_key
    assert json.loads(anna("identity", "export").out)["format"] == FORMAT
    words.write_text(f"{anna.passphrase.upper()}\n")
    assert other.good("identity", "import", file, "--passphrase-file", words)["age_key"] == anna.age_key


def test_identity_that_a_browser_made_is_taken(tmp_path: Path) -> None:
    """A file as the console's page makes it, with the JavaScript library of the same format."""
    file, reader = FROM_BROWSER, Reader("eve", tmp_path / "eve")
    words = "1. Able 2. baby 3. cabin 4. dad 5. eager 6. fabric"
    kept = reader.good("identity", "import", file, "--passphrase-file", "-", given=words)
    assert kept["age_key"] == json.loads(file.read_text())["age_key"]


def test_changed_passphrase_opens_and_the_former_does_not(staff: Staff) -> None:
    """New words for the same key."""
    anna = staff["anna"]
    changed = anna.unlocked("identity", "change-passphrase", "--yes")
    assert changed["age_key"] == anna.age_key
    assert changed["passphrase"] != anna.passphrase
    former = anna("root", "share", "--to", anna.age_key, "--passphrase-file", "-", given=anna.passphrase)
    assert former.code == 2
    anna.passphrase = changed["passphrase"]
    anna.unlocked("root", "share", "--to", anna.age_key)
