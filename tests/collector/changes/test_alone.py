# SPDX-License-Identifier: Apache-2.0
"""A property of all changes together: no sequence of them by one person alone weakens a safeguard on any device."""

from collections.abc import Callable
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from collector import changes, policies, rollouts
from collector.approved_media import find_key
from collector.changes import Amendment, FileAdded, FileRemoved, PackChosen, PauseBegun, WentBack
from collector.errors import PermissionDeniedError, UsageError
from collector.proposals import approve_program
from collector.publications import find_distribution
from collector.store.engine import writing
from collector.store.schema import approved_media, bundles, chosen_packs, pauses, rule_files
from collector.store.schema import changes as changes_table
from collector.store.schema import rollouts as rollouts_table
from proto.keys import load_signer
from rules.weakening import find_weakenings
from tests.collector.school import OWN_RULE, School
from tests.collector.small_policy import FEWER_PUPILS, GUARD, KEYWORDS, SEVERE, SILENT, ask, in_force, school_of

ALONE = "tess"
DEVICES = [f"{number:016x}" for number in range(8)]
SNEAKED_PAUSE = """
[[pause]]
id = "mine"
what = "keywords"
first = "2026-11-21T20:00"
last = "2026-11-22T20:00"
reason = "x"
"""
OWN_GUARD = GUARD.replace("agent-paused", "own-guard")
AMENDMENTS: list[Amendment] = [
    FileAdded("a.toml", SILENT),
    FileAdded("a.toml", SEVERE),
    FileAdded("a.toml", OWN_RULE),
    FileAdded("b.toml", FEWER_PUPILS),
    FileAdded("b.toml", KEYWORDS),
    FileAdded("b.toml", SNEAKED_PAUSE),
    FileAdded("c.toml", OWN_GUARD),
    FileAdded("c.toml", OWN_GUARD.replace("severity = 4", "severity = 1")),
    FileRemoved("a.toml"),
    FileRemoved("b.toml"),
    FileRemoved("c.toml"),
    PackChosen("other"),
    PackChosen("blind"),
    PackChosen("small"),
    PauseBegun("keywords", 3600),
    PauseBegun("check:software", 3600),
    WentBack(1),
    WentBack(2),
    WentBack(3),
]


def agree_to_all(school: School) -> None:
    """Try to give the second word on what waits."""
    for change in changes.list_waiting(school.engine, school.id):
        changes.agree(school_of(school), change.id, actor=ALONE, now_ns=school.now_ns)


def approve_stick(school: School) -> None:
    """Put a USB device into the register."""
    key = find_key("0951", "1666", "4c5300")
    assert key is not None
    policies.approve_medium(
        school.engine,
        school.id,
        load_signer(school.config.signing_key),
        key,
        note="x",
        until="",
        actor=ALONE,
        now_ns=school.now_ns,
    )


def go_back(school: School) -> None:
    """Take back what is newest."""
    changes.go_back(school_of(school), author=ALONE, reason="x", now_ns=school.now_ns)


def allow_program(school: School) -> None:
    """Put a program on the allow list and publish."""
    approve_program(school.engine, school.id, "vim", actor=ALONE, now_ns=school.now_ns)
    school.publish(ALONE)


OTHER_DEEDS: dict[str, Callable[[School], object]] = {
    "agree": agree_to_all,
    "stick": approve_stick,
    "program": allow_program,
    "back": go_back,
    "stage": lambda school: rollouts.stage(school.engine, school.id, 50, actor=ALONE, now_ns=school.now_ns),
    "share": lambda school: rollouts.change_share(school.engine, school.id, 20, actor=ALONE, now_ns=school.now_ns),
    "everywhere": lambda school: rollouts.give_everywhere(school.engine, school.id, actor=ALONE, now_ns=school.now_ns),
}
DEEDS = st.lists(st.sampled_from([*range(len(AMENDMENTS)), *OTHER_DEEDS]), min_size=2, max_size=8)


def begin_anew(school: School) -> None:
    """Forget what the example before did."""
    with writing(school.engine) as connection:
        connection.execute(delete(bundles).where(bundles.c.version > 1))
        for table in (rule_files, chosen_packs, changes_table, pauses, rollouts_table, approved_media):
            connection.execute(delete(table))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(DEEDS)
def test_nobody_alone_weakens_a_safeguard(school: School, deeds: list[int | str]) -> None:
    """Whatever one person asks, stages, takes back and tries to agree to: no device has a weaker policy than before."""
    begin_anew(school)
    before = in_force(school)
    for deed in deeds:
        with suppress(UsageError, PermissionDeniedError):
            if isinstance(deed, int):
                ask(school, AMENDMENTS[deed], ALONE)
            else:
                OTHER_DEEDS[deed](school)
        found = find_distribution(school.engine, school.id)
        assert found is not None
        for version in {found.find_for(device_id).version: found.find_for(device_id) for device_id in DEVICES}.values():
            assert find_weakenings(before, policies.open_own_bundle(version, school.config)) == []
