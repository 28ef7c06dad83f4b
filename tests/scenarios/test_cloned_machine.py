# SPDX-License-Identifier: Apache-2.0
"""A machine was cloned with its agent, or an old copy of it was restored: two write one chain, and that shows."""

import shutil
from pathlib import Path

from collector.devices import list_devices
from collector.ledger import find_head
from tests.path import RunningAgent, RunningCollector, wait_for
from tests.scenarios.conftest import Start


def test_clone_is_found_and_the_first_machine_loses_nothing(
    collector: RunningCollector, agent: RunningAgent, start: Start, tmp_path: Path
) -> None:
    """Both run; the one that comes second is refused and is an incident, the other goes on as before."""
    agent.kill()
    shutil.copytree(agent.folder, tmp_path / "clone")
    agent.start()
    start("tor")
    wait_for(lambda: collector.incidents("bypass-tor"), "an event of the first machine", collector, agent)
    with RunningAgent(tmp_path / "clone") as clone:
        clone.start()
        (incident,) = wait_for(lambda: collector.incidents("device-forked"), "the incident", collector, clone)
        wait_for(lambda: "forked" in clone.status()["problem"], "the clone to hear why", clone)
        start("hydra")
        wait_for(lambda: collector.incidents("cracking-passwords"), "the first machine to go on", collector, agent)
    (device,) = list_devices(collector.engine, collector.config.school_id)
    assert (incident.device, incident.severity, find_head(collector.engine, device.id).epoch) == (device.id, 4, 1)
    assert [each.count for each in collector.incidents("cracking-passwords")] == [1]
    collector.verify()
