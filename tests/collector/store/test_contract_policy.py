# SPDX-License-Identifier: Apache-2.0
"""Tests of the tables of the policy on every engine: more of each is told beside its module."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from collector import changes
from collector.changes import Change, FileAdded, PauseBegun, WentBack
from collector.errors import CollectorError
from collector.pauses import note_ended
from collector.policies import list_publications
from collector.publications import find_distribution
from collector.rollouts import give_everywhere, stage
from tests.collector.school import MINUTE_NS, OWN_RULE, School
from tests.collector.small_policy import SILENT, ask, in_force, school_of, use_small_packs


@pytest.fixture(autouse=True)
def small_packs(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packs of these tests."""
    use_small_packs(school, monkeypatch)


def test_changes_pauses_and_roll_outs_are_kept_and_read(school: School) -> None:
    """A change that waits leaves nothing behind, a pause comes and goes, a roll-out goes on and is taken back."""
    quiet = ask(school, FileAdded("quiet.toml", SILENT))
    assert changes.list_waiting(school.engine, school.id) == [quiet]
    pause = ask(school, PauseBegun("keywords", 3600))
    assert changes.agree(school_of(school), pause.id, actor="harriet", now_ns=school.now_ns).version == 2
    school.pass_time(60 * MINUTE_NS)
    assert [each.what for each in note_ended(school.engine, school.id, school.now_ns)] == ["keywords"]
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    ask(school, FileAdded("games.toml", OWN_RULE))
    found = find_distribution(school.engine, school.id)
    assert found is not None
    assert found.staged is not None
    assert (found.common.version, found.staged.version) == (2, 3)
    ask(school, WentBack(changes.find_last_good(school.engine, school.id)))
    stage(school.engine, school.id, 10, actor="tess", now_ns=school.now_ns)
    assert give_everywhere(school.engine, school.id, actor="tess", now_ns=school.now_ns) == 4
    assert [rule.id for rule in in_force(school).rules] == ["agent-paused"]


def test_two_second_persons_at_once_publish_once(school: School) -> None:
    """Whoever comes second is told that it is decided."""
    change = ask(school, FileAdded("quiet.toml", SILENT))

    def agree(actor: str) -> Change | CollectorError:
        try:
            return changes.agree(school_of(school), change.id, actor=actor, now_ns=school.now_ns)
        except CollectorError as error:
            return error

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(agree, ["harriet", "dana"]))
    assert sorted(type(each).__name__ for each in answers) == ["Change", "UsageError"]
    assert len(list_publications(school.engine, school.id)) == 2
