# SPDX-License-Identifier: Apache-2.0
"""Tests of running checks once, with no collector and no state."""

from pathlib import Path

import pytest

from agent.config import Config
from agent.errors import NotEnrolledError, UnknownCheckError
from agent.once import check_once
from agent.policy import PolicyStore
from proto.events import Program, State
from tests.agent.collector import rule_files
from tests.agent.piping import COLLECTOR
from tests.fakes import FakeSystem


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> FakeSystem:
    """The machine that is looked at."""
    system = FakeSystem()
    monkeypatch.setattr("agent.once.current", lambda: system)
    return system


def test_the_shipped_rules_are_used_without_a_state(system: FakeSystem) -> None:
    """A machine that was never enrolled is judged by the baseline that comes with the product."""
    system.install(Program("bash", source="dpkg"))
    (result,) = check_once(["software"], None)
    assert (result.check, result.state) == ("software", State.PASS)
    system.start("/usr/bin/tor")
    (result,) = check_once(["software"], None)
    assert result.state is State.FAIL
    assert "Tor" in result.facts["running"]
    assert result.first_failed_at_ns is not None


def test_everything_is_looked_at(system: FakeSystem) -> None:
    """However many programs are installed, the answer waits until all were judged."""
    system.install(*(Program(f"program-{number}", source="dpkg") for number in range(3000)))
    system.install(Program("tor", source="dpkg"))
    (result,) = check_once(["software"], None)
    assert result.facts["installed"] == "Tor"


def test_the_policy_of_an_agent_can_be_used(system: FakeSystem, tmp_path: Path) -> None:
    """With a state folder its own policy judges."""
    config = Config(tmp_path)
    identity = COLLECTOR.enrol(tmp_path)
    PolicyStore(config.policy_file, identity).accept(COLLECTOR.publish(1, rule_files()))
    system.install(Program("nmap", source="dpkg"))
    assert check_once(["software"], config)[0].state is State.PASS
    system.start("/usr/games/supertux2")
    assert check_once(["software"], config)[0].state is State.FAIL


def test_an_agent_without_a_policy_cannot_judge(system: FakeSystem, tmp_path: Path) -> None:
    """Unknown is never pass."""
    COLLECTOR.enrol(tmp_path)
    system.start("/usr/bin/tor")
    assert check_once(["software"], Config(tmp_path))[0].state is State.UNKNOWN


def test_a_state_without_an_agent_is_an_error(system: FakeSystem, tmp_path: Path) -> None:
    """It is not judged by other rules than were asked for."""
    with pytest.raises(NotEnrolledError):
        check_once(["software"], Config(tmp_path))
    assert system.scans == 0


@pytest.mark.parametrize("names", [["nonsense"], ["software", "nonsense"], [""], ["Software"]])
def test_a_name_that_is_no_check_is_said_first(system: FakeSystem, names: list[str]) -> None:
    """Nothing is looked at before all names are known."""
    with pytest.raises(UnknownCheckError) as caught:
        check_once(names, None)
    assert "software" in caught.value.hint
    assert system.scans == 0


def test_the_same_name_twice_is_one_check(system: FakeSystem) -> None:
    """It runs once."""
    assert len(check_once(["software", "software"], None)) == 1


def test_a_check_that_crashes_is_unknown(system: FakeSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer says so; the watch on the machine is given back."""

    def break_down() -> set[int]:
        raise OSError("no more")

    monkeypatch.setattr(system, "process_ids", break_down)
    (result,) = check_once(["software"], None)
    assert result.state is State.UNKNOWN
    assert "OSError" in result.summary
