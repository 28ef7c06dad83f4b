# SPDX-License-Identifier: Apache-2.0
"""Tests of a check that the policy pauses: it does not look, it says so, and it goes on by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proto.events import CheckChanged, ClockStepped, Program, ProgramStarted
from tests.agent.collector import rule_files
from tests.agent.piping import COLLECTOR, Piping
from tests.rules.test_timetable import at

TOR = ProgramStarted(Program("tor", source="process"))
PAUSED = CheckChanged("software", "unknown", "The policy pauses this check until 2026-11-23 11:00.")
FINE = CheckChanged("software", "pass", "All is well.")
PAUSE = """
[[pause]]
id = "p1"
what = "check:software"
first = "2026-11-23T09:00"
last = "2026-11-23T11:00"
reason = "A fault."
"""


@pytest.fixture
def piping(tmp_path: Path) -> Iterator[Piping]:
    """A data path with two checks, a minute before one of them is paused."""
    piping = Piping(tmp_path, names=("software", "posture"))
    files = rule_files()
    piping.policy.accept(COLLECTOR.publish(8, files | {"rules.toml": files["rules.toml"] + PAUSE}))
    piping.set_by_ns = at("2026-11-23T08:59") - int(piping.clock() * 1e9)
    piping.step()
    yield piping
    piping.spool.close()


def told_of_software(piping: Piping) -> list[CheckChanged]:
    return [each for each in piping.told(CheckChanged.kind) if each.check == "software"]


def test_a_paused_check_does_not_look(piping: Piping) -> None:
    """The other one does; and each of the two answers of it is told once."""
    looks = [check.looks for check in piping.checks]
    piping.step(TOR, advance_s=60)
    piping.step(advance_s=60)
    assert [check.looks for check in piping.checks] == [looks[0], looks[1] + 2]
    assert piping.told(TOR.kind) == []
    assert told_of_software(piping) == [FINE, PAUSED]
    assert piping.pipeline.results["software"].summary == PAUSED.summary


def test_what_a_check_had_under_way_is_told_first(piping: Piping) -> None:
    """What began before the pause is no secret of it, and what the check held of the system is given back."""
    piping.check.last = [TOR]
    piping.step(advance_s=60)
    assert piping.told(TOR.kind) == [TOR]
    assert piping.check.is_closed
    piping.step(advance_s=60)
    assert piping.told(TOR.kind) == [TOR]


def test_a_pause_ends_by_itself(piping: Piping) -> None:
    """The check looks again, and its answer is told anew."""
    piping.step(advance_s=60)
    piping.step(TOR, advance_s=2 * 3600)
    assert piping.told(TOR.kind) == [TOR]
    assert told_of_software(piping) == [FINE, PAUSED, FINE]
    assert [type(each) for each in piping.told(ClockStepped.kind)] == [ClockStepped]


def test_a_pause_that_was_over_can_come_again(piping: Piping) -> None:
    """What is under way then is told as at the first time."""
    piping.step(advance_s=60)
    piping.step(advance_s=2 * 3600)
    piping.set_by_ns -= 3600 * 10**9
    piping.check.last = [TOR]
    piping.step(advance_s=60)
    assert piping.told(TOR.kind) == [TOR]
    assert told_of_software(piping)[-1] == PAUSED
