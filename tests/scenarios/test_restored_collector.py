# SPDX-License-Identifier: Apache-2.0
"""The collector's database is restored from an older copy: what nobody holds any more is named, the rest goes on."""

import shutil
from pathlib import Path

import pytest

from collector.ledger import find_head
from tests.events import list_events
from tests.path import RunningAgent, RunningCollector, wait_for
from tests.scenarios.conftest import Start


@pytest.mark.timeout(300)
def test_restored_collector_hears_what_is_lost_and_the_rest(
    collector: RunningCollector, agent: RunningAgent, start: Start, tmp_path: Path
) -> None:
    """The device begins a new chain that says which numbers are gone; what waited while it was away comes with it, and
    what its checks had told already is told once more."""
    agent.wait_until_sent()
    collector.stop()
    shutil.copytree(collector.folder, tmp_path / "backup")
    collector.start()
    start("tor")
    wait_for(lambda: collector.incidents("bypass-tor", device_id=agent.device_id), "the event", collector, agent)
    agent.wait_until_sent()
    forgotten = find_head(collector.engine, agent.device_id)
    collector.kill()
    start("hydra")
    wait_for(lambda: agent.status()["waiting_events"], "an event while it is away", agent)
    collector.engine.dispose()
    shutil.rmtree(collector.folder)
    shutil.copytree(tmp_path / "backup", collector.folder)
    collector.start()
    (incident,) = wait_for(
        lambda: [each for each in collector.incidents(device_id=agent.device_id) if "set back" in each.summary],
        "the incident",
        collector,
        agent,
    )
    wait_for(
        lambda: collector.incidents("cracking-passwords", device_id=agent.device_id), "what waited", collector, agent
    )
    agent.wait_until_sent()
    assert f" to {forgotten.seq} " in incident.summary
    assert "restored from an older copy" in agent.status()["happened"]
    assert find_head(collector.engine, agent.device_id).epoch == 2
    bodies = [
        each.body for each in list_events(collector.engine, collector.config.school_id, agent.device_id, limit=500)
    ]
    started = [body for body in bodies if body and body.get("program", {}).get("name") == "hydra"]
    # Told again is that it started; that it still runs is new, as after each start of an agent.
    assert [body["already_running"] for body in started].count(False) == 1
    collector.verify()
