# SPDX-License-Identifier: Apache-2.0
"""Tests of `readers`: wrong codes, swapped keys, strangers' sets; then testing, signing, removing."""

import json
from pathlib import Path
from typing import Any

import pyrage
import pytest

from collector.opener.readers import LEAVING
from proto.keys import Ed25519Signer
from proto.recipients import Recipient, RecipientSet, dump_signed, load_signed, sign_recipients
from tests.collector.opener.staff import SCHOOL_ID, WORDS, Reader, Staff
from tests.path import Said

STRANGER = str(pyrage.x25519.Identity.generate().to_public())


def sign(staff: Staff, candidates: Path, *codes: str, out: str = "next.txt") -> Said:
    """Let the DSL sign."""
    given = [f"--code={code}" for code in codes]
    anna = staff["anna"]
    return anna(
        "readers", "sign", candidates, *given, "-o", staff.path / out, "--yes", "--passphrase-file", "-",
        "--format", "json", given=anna.passphrase,
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"people": []},
        {"people": [{}]},
        {"people": ["anna"]},
        {"version": -1},
        {"version": True},
        {"school_id": 7},
        {"format": "schoolwarden test items v1"},
    ],
)
def test_list_of_another_shape_is_a_wrong_call(staff: Staff, change: dict[str, Any]) -> None:
    """Exit 2, and no test item is made."""
    path = staff.candidates()
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    said = staff["anna"]("readers", "test", path, "-o", staff.path / "new-items.json")
    assert (said.code, said.out) == (2, "")
    assert str(path) in said.err
    assert not (staff.path / "new-items.json").exists()


@pytest.mark.parametrize(
    ("person", "message"),
    [
        ({"age_key": "age1x"}, "no age key"),
        ({"positions": ["administrator"]}, "a position that no reader has"),
        ({"positions": []}, "a position that no reader has"),
        ({"positions": [["dsl"]]}, "not a list of texts"),
        ({"id": "anna"}, "somebody twice"),
        ({"id": ""}, "without an id"),
    ],
)
def test_person_whom_nobody_could_be_is_a_wrong_call(staff: Staff, person: dict[str, Any], message: str) -> None:
    """No key, a position that reads nothing, one name twice: exit 2."""
    said = staff["anna"]("readers", "test", staff.candidates(ben=person), "-o", staff.path / "new-items.json")
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def test_wrong_code_signs_nothing(staff: Staff) -> None:
    """Exit 1: it was misheard, or the key on the list is not his. A code for somebody not listed is a wrong call."""
    candidates = staff.candidates(version=1)
    staff["anna"].good("readers", "test", candidates, "-o", staff.path / "items.json", "--replace")
    answer = staff["ben"].unlocked("readers", "answer", staff.path / "items.json", "--id", "ben")
    wrong = f"{(int(answer['code']) + 1) % 10**6:06}"
    said = sign(staff, candidates, f"ben={wrong}")
    assert (said.code, said.out) == (1, "")
    assert "the code of ben is another one" in said.err
    assert sign(staff, candidates, f"eve={wrong}").code == 2
    assert not (staff.path / "next.txt").exists()


def test_key_that_was_swapped_after_the_test_signs_nothing(staff: Staff) -> None:
    """The code was sealed to another key than the list has now: exit 1."""
    candidates = staff.candidates(version=1)
    staff["anna"].good("readers", "test", candidates, "-o", staff.path / "items.json", "--replace")
    code = staff["ben"].unlocked("readers", "answer", staff.path / "items.json", "--id", "ben")["code"]
    said = sign(staff, staff.candidates(version=1, ben={"age_key": STRANGER}), f"ben={code}")
    assert (said.code, said.out) == (1, "")
    assert "another key for ben" in said.err


def test_item_that_is_not_sealed_to_me_is_a_finding(staff: Staff) -> None:
    """The list holds another key than mine: exit 1, and I am told to read nothing back."""
    anna, ben = staff
    items = staff.path / "items.json"
    anna.good("readers", "test", staff.candidates(ben={"age_key": STRANGER}), "-o", items, "--replace")
    said = ben("readers", "answer", items, "--id", "ben", "--passphrase-file", "-", given=ben.passphrase)
    assert (said.code, said.out) == (1, "")
    assert "do not read anything back" in said.err
    assert ben("readers", "answer", items, "--id", "eve", "--passphrase-file", "-", given=ben.passphrase).code == 2


def test_code_is_shown_with_the_key_that_opened_it(staff: Staff) -> None:
    """Both are read aloud, and it says why: a code alone does not prove whose key it is."""
    ben = staff["ben"]
    said = ben("readers", "answer", staff.path / "items.json", "--id", "ben", "--passphrase-file", "-", given=WORDS)
    assert said.code == 0
    code, key = said.out.splitlines()
    assert code.removeprefix("the code to read aloud: ").isdecimal()
    assert key.removeprefix("and your key: ").replace(" ", "") == ben.age_key
    assert "compares both" in said.err


def test_who_did_not_read_back_is_not_tested(staff: Staff) -> None:
    """Somebody with another key than before has to do it again; who was tested with the same key stays so."""
    said = sign(staff, staff.candidates(version=1, ben={"age_key": STRANGER}))
    assert said.code == 0
    assert (said.json["version"], said.json["tested"], said.json["untested"]) == (2, ["anna"], ["ben"])
    assert "ANOTHER KEY than before" in said.err
    assert "devices watch nobody with it" in said.err


def test_version_grows_from_the_newer_of_the_collectors_and_ours(staff: Staff) -> None:
    """A set that was signed and not published yet is not signed a second time under its number."""
    assert sign(staff, staff.candidates(version=0), out="a.txt").json["version"] == 2
    assert sign(staff, staff.candidates(version=7), out="b.txt").json["version"] == 8


def test_each_person_is_asked_for_and_a_script_must_agree(staff: Staff) -> None:
    """Positions and key are shown before anything is signed; without a terminal and --yes nothing is."""
    anna = staff["anna"]
    said = anna(
        "readers", "sign", staff.candidates(version=1, ben=None), "-o", staff.path / "next.txt",
        "--passphrase-file", "-", given=anna.passphrase,
    )  # fmt: skip
    assert (said.code, said.out) == (2, "")
    assert "positions  dsl" in said.err
    assert anna.age_key in said.err.replace(" ", "")
    assert "--yes" in said.err


def test_list_of_another_school_is_not_signed(staff: Staff) -> None:
    """It would end the watching of ours."""
    path = staff.candidates(version=1)
    path.write_text(path.read_text().replace(SCHOOL_ID, "school-2"))
    said = sign(staff, path)
    assert (said.code, said.out) == (2, "")
    assert "another school" in said.err


def test_recovery_keys_of_another_root_are_not_signed(staff: Staff) -> None:
    """Their sheets show another fingerprint: exit 1."""
    path = staff["anna"].folder / "recovery.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"root_fingerprint": "00" * 32}))
    said = sign(staff, staff.candidates(version=1))
    assert (said.code, said.out) == (1, "")
    assert "another safeguarding root" in said.err


def write_strange_set(path: Path) -> Path:
    """Write a set that somebody else's root signed."""
    person = Recipient(id="eve", positions=("dsl",), age_key=STRANGER, tested=True)
    content = RecipientSet(school_id=SCHOOL_ID, version=9, made_at_ns=1, recipients=(person,))
    path.write_text(dump_signed(sign_recipients(Ed25519Signer.generate(), content)))
    return path


def test_set_of_another_root_is_shown_and_not_built_on(staff: Staff, tmp_path: Path) -> None:
    """Exit 1, with both fingerprints; nothing is signed on top of it."""
    anna, strange = staff["anna"], write_strange_set(tmp_path / "strange.txt")
    shown = anna("readers", "show", strange)
    assert shown.code == 1
    assert "eve" in shown.out
    assert "another safeguarding root than ours" in shown.err
    removed = anna("readers", "remove", "eve", "--current", strange, "-o", tmp_path / "o", "--yes")
    assert (removed.code, removed.out) == (1, "")


def test_set_that_was_changed_is_not_shown(staff: Staff, tmp_path: Path) -> None:
    """One letter of the signed body: exit 1, nothing on stdout. A file that is none: exit 2."""
    anna, changed = staff["anna"], tmp_path / "changed.txt"
    signed = load_signed((staff.path / "set.txt").read_text())
    signed.body = signed.body.replace(b"Anna", b"Anne")
    changed.write_text(dump_signed(signed))
    said = anna("readers", "show", changed)
    assert (said.code, said.out) == (1, "")
    assert "not signed by the safeguarding root" in said.err
    changed.write_text("schoolwarden recipients v1\n%%%\n")
    assert anna("readers", "show", changed).code == 2


def test_set_is_shown_with_its_people_and_recovery_keys(staff: Staff, tmp_path: Path) -> None:
    """By our root it is good; who has no root here is told to compare the fingerprint."""
    path = staff.path / "set.txt"
    shown = staff["anna"].good("readers", "show", path)
    assert (shown["version"], shown["tested"], shown["recoveries"]) == (1, ["anna", "ben"], ["dsl", "head", "chair"])
    said = Reader("eve", tmp_path / "eve")("readers", "show", path)
    assert said.code == 0
    assert "compare the fingerprint" in said.err
    assert "two of headteacher, chair, trust safeguarding lead" in said.out


def test_who_signs_is_told_which_routes_have_no_spare_key(staff: Staff) -> None:
    """Above all the one outside, which has no other reader: without it what goes there is lost at once."""
    said = sign(staff, staff.candidates(version=1))
    assert said.code == 0
    assert "No recovery key is in it for: outside." in said.err
    holders = [part for who in ("local authority", "trust lead", "diocese") for part in ("--holder", who)]
    made = staff["anna"].good(
        "recovery", "make", "--route", "outside", *holders, "--sheets", staff.path / "outside", "--yes"
    )
    assert "Flags for nobody in the school" in Path(made["sheets"][0]).read_text()
    said = sign(staff, staff.candidates(version=1), out="whole.txt")
    assert "No recovery key is in it" not in said.err
    assert [each.route for each in staff.readers_of(staff.path / "whole.txt").recoveries][-1] == "outside"


def test_who_leaves_is_taken_out_and_the_rest_is_told(staff: Staff) -> None:
    """The next version without him, and in words what that does not do."""
    anna = staff["anna"]
    arguments = ("-o", staff.path / "next.txt", "--yes", "--passphrase-file", "-")
    assert anna("readers", "remove", "eve", *arguments, given=anna.passphrase).code == 2
    said = anna("readers", "remove", "ben", *arguments, given=anna.passphrase)
    assert said.code == 0
    assert LEAVING in said.err
    content = staff.readers_of(staff.path / "next.txt")
    assert (content.version, [each.id for each in content.recipients]) == (2, ["anna"])
    assert anna("readers", "remove", "anna", "-o", staff.path / "x.txt", "--yes").code == 2


def test_codes_are_kept_sealed_and_only_until_they_were_read(staff: Staff) -> None:
    """Neither the code nor who has which lies in the plain; once signed they are gone."""
    anna, candidates = staff["anna"], staff.candidates(version=1)
    anna.good("readers", "test", candidates, "-o", staff.path / "items.json", "--replace")
    code = staff["ben"].unlocked("readers", "answer", staff.path / "items.json", "--id", "ben")["code"]
    kept = (anna.folder / "codes.json").read_text()
    assert code not in kept
    assert "ben" not in kept
    assert sign(staff, candidates, f"ben={code[:3]} {code[3:]}").json["tested"] == ["anna", "ben"]
    assert not (anna.folder / "codes.json").exists()
