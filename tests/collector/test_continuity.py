# SPDX-License-Identifier: Apache-2.0
"""Tests of what breaks a device's story: each is an incident that says in plain words what happened."""

import pytest
from sqlalchemy import update

from collector.ingest import Ingest
from collector.store.engine import writing
from collector.store.schema import devices
from proto.events import AgentRekeyed, ChainRestarted, ClockStepped
from tests.collector.evidence import HOUR_NS, Device, incidents_of, numbers_of, send
from tests.collector.school import School

DAY_NS = 24 * HOUR_NS
HOST, FORMER = "library-01", "ab" * 8
AFTER = f"after event 7 of device {FORMER}"
TOLD, TOLD_ONE = "that waited are told again", "that waited is told again"


def told(school: School, ingest: Ingest, device: Device, content: object) -> list[tuple[str, int, str]]:
    """Let a device say something and return the incidents: rule, severity and line."""
    if isinstance(content, ChainRestarted):
        device.start_epoch()
    numbers_of(send(ingest, device.say(content)))  # type: ignore[arg-type]
    return [(each.rule, each.severity, each.summary) for each in incidents_of(school)]


@pytest.mark.parametrize(
    ("content", "severity", "words"),
    [
        (
            AgentRekeyed(FORMER, 2, 7, "forked", 3),
            4,
            f"Two machines spoke as {HOST}. This one goes on as a device of its own, {AFTER}; 3 events {TOLD}",
        ),
        (
            AgentRekeyed(FORMER, 1, 7, "rolled_back", 1),
            4,
            f"{HOST} was set back to an older copy of itself and goes on as a new device, {AFTER}; 1 event {TOLD_ONE}",
        ),
        (
            AgentRekeyed("\x1b[2J", 1, 7, "enrolled_again"),
            2,
            "library-01 was enrolled again and goes on as a new device, after event 7 of device �[2J",
        ),
        (
            AgentRekeyed(FORMER, 1, 7, "{host}"),
            4,
            f"library-01 goes on for another device, {AFTER}",
        ),
    ],
)
def test_new_key_is_told(
    school: School, ingest: Ingest, device: Device, content: AgentRekeyed, severity: int, words: str
) -> None:
    """Why the device has one, and where the other's story ends."""
    assert told(school, ingest, device, content) == [("device-rekeyed", severity, words)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            ChainRestarted("collector_restored", 1, 51, 80, 2),
            "Events 51 to 80 of library-01 are held by nobody any more: the collector’s database was set back",
        ),
        (
            ChainRestarted("collector_restored", 1, 51, 51),
            "Event 51 of library-01 is held by nobody any more: the collector’s database was set back",
        ),
        (
            ChainRestarted("collector_restored", 1),
            "The collector’s database was set back: library-01 began a new chain, and knows of nothing that is lost",
        ),
        (ChainRestarted("lost", 1), "library-01 lost its queue: what it had not sent is gone"),
        (ChainRestarted("damaged", 1), "The queue of library-01 was damaged: what could not be read back is gone"),
        (
            ChainRestarted("reset", 1),
            "library-01 says that it was set back to its image, and nobody declared that it is",
        ),
        (
            ChainRestarted("quarantined", 1),
            "library-01 set an event aside that could not be taken, and began a new chain without it",
        ),
        (ChainRestarted("the {host} was gone\x07", 1), "library-01 began a new chain: the {host} was gone�"),
    ],
)
def test_new_chain_is_told(school: School, ingest: Ingest, device: Device, content: ChainRestarted, words: str) -> None:
    """Which events nobody holds any more, and whose doing it was."""
    ((rule, _, line),) = told(school, ingest, device, content)
    assert (rule, line) == (
        "collector-restored" if content.reason == "collector_restored" else "chain-restarted",
        words,
    )


def test_declared_reset_is_no_incident(school: School, ingest: Ingest, device: Device) -> None:
    """A room that is set back every night is what the school wants; it is in the evidence, and nobody is called."""
    with writing(school.engine) as connection:
        connection.execute(update(devices).where(devices.c.device_id == device.id).values(is_reset_often=True))
    assert told(school, ingest, device, ChainRestarted("reset", 1)) == []
    ((rule, _, _),) = told(school, ingest, device, ChainRestarted("lost", 2))
    assert rule == "chain-restarted"


@pytest.mark.parametrize(
    ("step_ns", "words"),
    [
        (HOUR_NS, None),
        (-HOUR_NS, None),
        (HOUR_NS + 1, "ahead by 1 hour"),
        (-3 * DAY_NS, "back by 3 days"),
        (3652 * DAY_NS, "ahead by 10 years"),
    ],
)
def test_large_step_of_a_clock_is_told(
    school: School, ingest: Ingest, device: Device, step_ns: int, words: str | None
) -> None:
    """By how much and which way; a small one stands in the evidence only."""
    content = ClockStepped(device.wall_clock_ns, device.wall_clock_ns + step_ns)
    wanted = [("clock-stepped", 2, f"The clock of library-01 jumped {words}")] if words else []
    assert told(school, ingest, device, content) == wanted
