# SPDX-License-Identifier: Apache-2.0
"""The queue on the machine is lost or damaged: the device stays the same device, and says that something is gone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from collector.ledger import find_head
from tests.path import RunningAgent, RunningCollector, wait_for


def delete(path: Path) -> None:
    """Remove it."""
    path.unlink()


def truncate(path: Path) -> None:
    """Leave nothing in it, as a file system may after a power cut."""
    path.write_bytes(b"")


def overwrite(path: Path) -> None:
    """Write something else over its middle."""
    content = bytearray(path.read_bytes())
    content[1000:9000] = bytes(8000)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "words"),
    [(delete, "lost its queue"), (truncate, "was damaged"), (overwrite, "was damaged")],
)
def test_lost_queue_is_an_incident_about_the_same_device(
    collector: RunningCollector, agent: RunningAgent, damage: Callable[[Path], None], words: str
) -> None:
    """A new chain begins with the reason, everything goes on, and the old chain still verifies."""
    device_id = agent.device_id
    agent.kill()
    damage(agent.folder / "spool" / "spool.db")
    agent.start()
    assert agent.device_id == device_id
    (incident,) = wait_for(
        lambda: collector.incidents("chain-restarted", device_id=agent.device_id),
        "the incident",
        collector,
        agent,
    )
    assert (incident.count, incident.severity) == (1, 3)
    assert words in incident.summary
    assert find_head(collector.engine, agent.device_id).epoch == 2
    assert collector.incidents("device-forked") == []
    collector.verify()
