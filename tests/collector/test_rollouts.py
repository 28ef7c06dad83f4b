# SPDX-License-Identifier: Apache-2.0
"""Tests of staged roll-outs: which devices are in a share, and how a roll-out goes on, ends and is taken back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.audit import list_entries
from collector.composition import Composition
from collector.errors import UsageError
from collector.policies import publish_composition
from collector.publications import Distribution, find_distribution
from collector.rollouts import (
    change_share,
    give_everywhere,
    is_in_share,
    load_rollout,
    stage,
    withdraw_rollout,
)
from collector.store.engine import writing
from proto.keys import load_signer
from tests.collector.school import School

FILES = {"pack.toml": '[pack]\nid = "small"\ntitle = "Small"\n'}
DEVICES = [f"{number:016x}" for number in range(2000)]


def publish(school: School) -> int:
    """Publish the smallest policy there is."""
    composition = Composition(files=FILES, approved=frozenset(), weakenings=(), difference="")
    signer = load_signer(school.config.signing_key)
    with writing(school.engine) as connection:
        return publish_composition(
            connection, school.id, signer, composition, actor="tess", reason="test", now_ns=school.now_ns
        )


def distribution_of(school: School) -> Distribution:
    """Return which bundle each device gets now."""
    found = find_distribution(school.engine, school.id)
    assert found is not None
    return found


def versions_of(school: School) -> list[int]:
    """Return the versions that some devices get, in the order of their ids."""
    found = distribution_of(school)
    return [found.find_for(device_id).version for device_id in DEVICES[:200]]


@pytest.mark.parametrize("share", [1, 10, 50, 99])
def test_share_is_about_that_many_devices(share: int) -> None:
    """Of two thousand devices, within what chance does."""
    count = sum(is_in_share(7, device_id, share) for device_id in DEVICES)
    assert abs(count - 20 * share) <= 80


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**6), st.sampled_from(DEVICES), st.integers(1, 99), st.integers(1, 99))
def test_larger_share_holds_all_of_a_smaller_one(version: int, device_id: str, one: int, other: int) -> None:
    """Nobody who has it loses it because more get it."""
    small, large = sorted((one, other))
    assert is_in_share(version, device_id, large) or not is_in_share(version, device_id, small)


def test_another_roll_out_begins_with_other_devices() -> None:
    """The same few machines are not the ones that everything is tried on."""
    assert {each for each in DEVICES if is_in_share(7, each, 10)} != {
        each for each in DEVICES if is_in_share(8, each, 10)
    }


def test_staged_version_goes_to_the_share_until_it_is_for_all(school: School) -> None:
    """The others keep what everybody had; with everywhere, each device gets the newest."""
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    assert set(versions_of(school)) == {1}
    publish(school)
    in_share = [is_in_share(2, device_id, 10) for device_id in DEVICES[:200]]
    assert versions_of(school) == [2 if each else 1 for each in in_share]
    assert give_everywhere(school.engine, school.id, actor="tess", now_ns=school.now_ns) == 2
    assert set(versions_of(school)) == {2}
    assert load_rollout(school.engine, school.id) is None


def test_what_follows_goes_to_the_same_devices(school: School) -> None:
    """A version that is published meanwhile begins no share of its own."""
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    publish(school)
    before = versions_of(school)
    publish(school)
    assert versions_of(school) == [3 if version == 2 else 1 for version in before]


def test_share_is_changed_while_it_lasts(school: School) -> None:
    """More devices get it, and those that had it keep it."""
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    publish(school)
    few = {place for place, version in enumerate(versions_of(school)) if version == 2}
    assert change_share(school.engine, school.id, 60, actor="tess", now_ns=school.now_ns).share == 60
    many = {place for place, version in enumerate(versions_of(school)) if version == 2}
    assert few < many


def test_what_is_taken_back_is_nobodys_any_more(school: School) -> None:
    """What is published then is for everybody, and newer than what some devices have."""
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    publish(school)
    with writing(school.engine) as connection:
        assert withdraw_rollout(connection, school.id, actor="tess", now_ns=school.now_ns)
        assert not withdraw_rollout(connection, school.id, actor="tess", now_ns=school.now_ns)
    assert set(versions_of(school)) == {1}
    publish(school)
    assert set(versions_of(school)) == {3}


def test_taken_back_before_anything_was_published_holds_nothing_up(school: School) -> None:
    """The version that was to come comes for everybody."""
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    with writing(school.engine) as connection:
        withdraw_rollout(connection, school.id, actor="tess", now_ns=school.now_ns)
    publish(school)
    assert set(versions_of(school)) == {2}


@pytest.mark.parametrize("share", [0, 100, -1])
def test_share_of_none_or_all_is_refused(school: School, share: int) -> None:
    """All is said by everywhere, none by nothing."""
    with pytest.raises(UsageError, match="no share"):
        stage(school.engine, school.id, share, actor="tess", now_ns=school.now_ns)


def test_only_one_roll_out_is_under_way(school: School) -> None:
    """And where none is, there is none to change or to end."""
    with pytest.raises(UsageError, match="no roll-out"):
        change_share(school.engine, school.id, 5, actor="tess", now_ns=school.now_ns)
    with pytest.raises(UsageError, match="no roll-out"):
        give_everywhere(school.engine, school.id, actor="tess", now_ns=school.now_ns)
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    with pytest.raises(UsageError, match="under way already"):
        stage(school.engine, school.id, 20, actor="tess", now_ns=school.now_ns)


def test_each_step_is_in_the_audit_log(school: School) -> None:
    """Who staged, widened and ended it."""
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    change_share(school.engine, school.id, 50, actor="ivo", now_ns=school.now_ns)
    give_everywhere(school.engine, school.id, actor="tess", now_ns=school.now_ns)
    entries = [(each.actor, each.action) for each in list_entries(school.engine, school.id)]
    assert entries == [("tess", "rollout.completed"), ("ivo", "rollout.changed"), ("tess", "rollout.staged")]
