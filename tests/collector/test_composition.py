# SPDX-License-Identifier: Apache-2.0
"""Tests of what the next policy would be, and of how its difference is told."""

import pytest
from sqlalchemy import update

from collector import own_rules
from collector.composition import UNREADABLE, compose, read_files, write_difference
from collector.policies import publish_change
from collector.store.engine import writing
from collector.store.schema import bundles
from proto.keys import load_signer, to_verifier
from proto.wire import Bundle
from tests.collector.school import OWN_RULE, School
from tests.collector.small_policy import in_force, use_small_packs

HEAD = '[pack]\nid = "uk-baseline"\ntitle = "Baseline"\n'
CHILD = '[pack]\nid = "bexton"\ntitle = "Bexton"\nextends = "uk-baseline"\n'


def test_file_that_becomes_a_parents_is_the_same_file() -> None:
    """A school that changes to a pack that rests on its own reads what is new, not everything once more."""
    before = {"pack.toml": HEAD, "games.toml": "a\n"}
    after = {"pack.toml": CHILD, "own.toml": "b\n", "uk-baseline/pack.toml": HEAD, "uk-baseline/games.toml": "a\n"}
    lines = write_difference(before, after).splitlines()
    assert [line for line in lines if line.startswith("+++")] == ["+++ bexton/own.toml", "+++ bexton/pack.toml"]
    assert not [line for line in lines if line.startswith("-") and not line.startswith("---")]


def test_registers_are_left_out_of_what_people_read() -> None:
    """USB devices and exceptions have pages of their own; a pause has not, and the whole is there for whoever asks."""
    before = {"pack.toml": HEAD}
    after = {"pack.toml": HEAD} | {
        f"school/{name}.toml": "x\n" for name in ("approved-media", "exceptions-2", "pauses", "own")
    }
    names = [line for line in write_difference(before, after).splitlines() if line.startswith("+++")]
    assert names == ["+++ school/own.toml", "+++ school/pauses.toml"]
    assert write_difference(before, after, whole=True).count("+++") == 4


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"files": 1}', b"\xff"])
def test_bundle_that_cannot_be_read_has_no_files(body: bytes) -> None:
    """Whatever somebody wrote into the database."""
    assert read_files(Bundle(version=1, body=body, algorithm="ed25519", signature=b"")) == {}


def test_what_somebody_wrote_over_is_no_measure(school: School) -> None:
    """If the policy in force is not ours any more, a second person has to look: nothing says what is weaker."""
    signer = load_signer(school.config.signing_key)
    with writing(school.engine) as connection:
        connection.execute(update(bundles).values(body=b"{}"))
        verifier = to_verifier(signer.algorithm, signer.public_key)
        assert compose(connection, school.id, verifier, now_ns=school.now_ns).weakenings == (UNREADABLE,)


def test_bank_holidays_of_the_timetable_are_written(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as a school's timetable asks for them, for the part of the country it names."""
    use_small_packs(school, monkeypatch)
    text = OWN_RULE + '[timetable]\nbank_holidays = "scotland"\n'
    publish_change(
        school.engine,
        school.id,
        load_signer(school.config.signing_key),
        lambda connection: own_rules.put_own_file(
            connection, school.id, "own.toml", text, actor="tess", now_ns=school.now_ns
        ),
        actor="tess",
        reason="timetable",
        now_ns=school.now_ns,
    )
    timetable = in_force(school).arrangements.timetable
    assert timetable is not None
    assert "2026-11-30" in {day.isoformat() for day in timetable.bank_holiday_dates}
