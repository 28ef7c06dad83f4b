# SPDX-License-Identifier: Apache-2.0
"""Tests of what every check has in common."""

from collections.abc import Iterator

import pytest

from agent.checks import CHECKS, load
from agent.checks.interface import Answer, Check, CheckResult
from agent.checks.software.check import Software
from agent.errors import CheckError, UnknownCheckError
from proto.events import AgentStopped, Kind, State
from tests.fakes import FakeSystem

SECOND_NS = 10**9


class Scripted(Check):
    """A check that does what a test says."""

    name = "scripted"

    def __init__(self) -> None:
        super().__init__(FakeSystem(), lambda: None)
        self.state = State.PASS
        self.events: list[Kind] = []
        self.error: Exception | None = None

    def _observe(self) -> Iterator[Kind]:
        yield from self.events
        if self.error:
            raise self.error

    def _answer(self) -> Answer:
        return Answer(self.state, f"It is {self.state}.", {"key": "value"})


@pytest.fixture
def check() -> Scripted:
    return Scripted()


def look(check: Check, second: int, state: State | None = None) -> CheckResult:
    if state is not None and isinstance(check, Scripted):
        check.state = state
    list(check.observe(second * SECOND_NS))
    return check.result()


def test_a_check_that_has_not_run_knows_nothing(check: Scripted):
    """Unknown is never pass."""
    assert check.result().state is State.UNKNOWN


def test_the_answer_is_that_of_the_last_look(check: Scripted):
    """With its name, its sentence and its facts."""
    assert look(check, 5, State.PASS) == CheckResult("scripted", State.PASS, "It is pass.", {"key": "value"}, None)


def test_the_first_failure_is_remembered_while_it_lasts(check: Scripted):
    """A moment of not knowing does not end it, a pass does."""
    assert look(check, 1, State.FAIL).first_failed_at_ns == 1 * SECOND_NS
    assert look(check, 2, State.FAIL).first_failed_at_ns == 1 * SECOND_NS
    assert look(check, 3, State.UNKNOWN).first_failed_at_ns is None
    assert look(check, 4, State.FAIL).first_failed_at_ns == 1 * SECOND_NS
    assert look(check, 5, State.PASS).first_failed_at_ns is None
    assert look(check, 6, State.FAIL).first_failed_at_ns == 6 * SECOND_NS


def test_any_surprise_becomes_one_kind_of_error(check: Scripted):
    """With the type of the surprise and not its text, which may hold anything; what was seen before it is not lost."""
    check.events = [AgentStopped("first")]
    check.error = ValueError("alice")
    looking = check.observe(0)

    assert next(looking) == AgentStopped("first")
    with pytest.raises(CheckError) as caught:
        next(looking)
    assert (caught.value.check, caught.value.error_type) == ("scripted", "ValueError")
    assert "alice" not in str(caught.value)
    assert check.result().state is State.UNKNOWN
    assert "alice" not in check.result().summary


def test_a_check_goes_on_after_a_surprise(check: Scripted):
    """The next look counts."""
    check.error = OSError()
    with pytest.raises(CheckError):
        list(check.observe(0))
    check.error = None

    assert look(check, 1).state is State.PASS


def test_a_result_is_plain_json(check: Scripted):
    """Times are written as people and machines read them."""
    assert look(check, 1_800_000_000, State.FAIL).to_json() == {
        "check": "scripted",
        "state": "fail",
        "summary": "It is fail.",
        "facts": {"key": "value"},
        "first_failed_at": "2027-01-15T08:00:00Z",
    }
    assert look(check, 1_800_000_001, State.PASS).to_json()["first_failed_at"] is None


def test_checks_are_loaded_by_name():
    """Every name in the table is that of its class."""
    assert load("software") is Software
    assert {name: load(name).name for name in CHECKS} == {name: name for name in CHECKS}


def test_an_unknown_name_is_the_operators_mistake():
    """The error says which names there are."""
    with pytest.raises(UnknownCheckError) as caught:
        load("sofware")

    assert "software" in caught.value.hint
    assert caught.value.exit_code == 2
