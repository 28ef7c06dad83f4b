# SPDX-License-Identifier: Apache-2.0
"""The whole ceremony of a school with four readers, as the guide for DSL and head tells it, by script.

Each step is the installed program in a process of its own, and the DSL's key is under a real passphrase.
"""

import shutil
from pathlib import Path

import pytest

from proto.recipients import load_signed, open_recipients
from tests.collector.opener.staff import (
    NOTE,
    POSITIONS,
    SCHOOL_NAME,
    Staff,
    make_content,
    run_apart,
    write_flag,
)


@pytest.mark.timeout(300)  # Each time that the DSL's passphrase is given, a second or more is spent on purpose.
def test_four_readers_set_up_a_school_and_read_recover_and_change(tmp_path: Path) -> None:
    """Keys, root, sheets, test, set, a flag, a lost key, a drill, somebody who leaves, a new root: by files alone."""
    staff = Staff.gather(tmp_path, runner=run_apart)
    anna, ben, cara, dan = staff
    # 1. Each makes a key on his own computer, and writes down its passphrase; three made theirs elsewhere.
    anna.make_identity()
    for reader in (ben, cara, dan):
        reader.take_identity()
    # 2. The DSL makes the root; the head may change the set as well.
    made = anna.good("root", "make", "--school", SCHOOL_NAME, "--to", cara.age_key)
    # 3. A spare key for each route, on sheets of paper; it opens the root too.
    staff.make_sheets()
    shared = anna.unlocked("root", "share")
    assert (shared["fingerprint"], len(shared["sealed_to"])) == (made["fingerprint"], 5)
    # 4. A code to each; each reads his own back.
    candidates, signed = staff.candidates(version=0), tmp_path / "set-1.txt"
    codes = staff.read_back(candidates, tmp_path / "items.json")
    # 5. The DSL signs; devices take the set.
    said = anna.unlocked("readers", "sign", candidates, *codes, "-o", signed, "--yes")
    assert (said["version"], said["tested"], said["untested"]) == (1, list(POSITIONS), [])
    content = staff.readers_of(signed)
    assert [each.route for each in content.recoveries] == ["dsl", "head", "chair"]
    # 6. A flag is opened by its readers and by nobody else.
    to = [anna.age_key, ben.age_key, content.recoveries[0].age_key]
    flag = write_flag(tmp_path / "flag.json", to)
    assert anna.unlocked("flag", "open", flag)[0]["content"]["sentence"] == make_content().sentence
    stranger = dan("flag", "open", flag, "--passphrase-file", "-", given=dan.passphrase)
    assert (stranger.code, make_content().sentence in stranger.out + stranger.err) == (1, False)
    # 7. The sheets prove themselves each term, and open the flag when keys are lost.
    assert anna.good("recovery", "drill", "--route", "dsl", given=staff.words("dsl", 1, 2))["is_opened"]
    opened = cara.good("recovery", "open", "--route", "dsl", flag, given=staff.words("dsl", 3, 1))
    assert [note["text"] for note in opened[0]["notes"]] == [NOTE]
    # 8. The head signs on her own computer, with the root's file: the deputy leaves.
    for name in ("root.json", "recovery.json"):
        shutil.copy(anna.folder / name, cara.folder / name)
    left = tmp_path / "set-2.txt"
    cara.unlocked("readers", "remove", "ben", "--current", signed, "-o", left, "--yes")
    assert [each.id for each in staff.readers_of(left).tested] == ["anna", "cara", "dan"]
    # 9. A new root, because he might have kept a copy: devices follow it by the former's word.
    new = cara.unlocked("root", "rotate", "--to", anna.age_key, "--yes")
    assert new["former_fingerprint"] == made["fingerprint"]
    third = tmp_path / "set-3.txt"
    candidates = staff.candidates(version=2, ben=None)
    assert cara.unlocked("readers", "sign", candidates, "-o", third, "--yes")["tested"] == ["anna", "cara", "dan"]
    follow(third, pinned=made["fingerprint"], version=3)
    # Nothing secret lies in the plain in any folder but on the sheets.
    for path in (each for each in tmp_path.rglob("*") if each.is_file() and each.parent.name != "sheets"):
        text = path.read_bytes()
        assert b"AGE-SECRET-KEY" not in text
        assert b"PRIVATE KEY" not in text
        assert all(each.passphrase.encode() not in text for each in staff)


def follow(path: Path, *, pinned: str, version: int) -> None:
    """A device that pinned the former root takes the set of the new one."""
    signed = load_signed(path.read_text())
    content = open_recipients(
        signed, pinned_fingerprint=bytes.fromhex(pinned), school_id="school-1", minimum_version=version - 1
    )
    assert content.version == version
