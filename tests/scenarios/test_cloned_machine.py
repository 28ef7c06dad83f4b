# SPDX-License-Identifier: Apache-2.0
"""A machine was cloned with its agent, or set back to an older copy: it shows, and two machines become two devices."""

import shutil
from pathlib import Path

from collector.devices import list_devices
from collector.ledger import find_head
from tests.path import RunningAgent, RunningCollector, wait_for
from tests.scenarios.conftest import Start


def test_clone_becomes_a_device_of_its_own(
    collector: RunningCollector, agent: RunningAgent, start: Start, tmp_path: Path
) -> None:
    """Both run; the one that comes second is an incident and gets a name of its own, in the same process. From then on
    each tells its own story once, and the first one's goes on as before."""
    others = list_ids(collector) - {agent.device_id}
    agent.kill()
    shutil.copytree(agent.folder, tmp_path / "clone")
    agent.start()
    first_id = agent.device_id
    start("tor")
    wait_for(lambda: collector.incidents("bypass-tor", device_id=first_id), "the first machine", collector, agent)
    with RunningAgent(tmp_path / "clone") as clone:
        clone.start()
        pid = clone.pid
        wait_for(lambda: clone.device_id != first_id, "the clone to get a name of its own", collector, clone)
        (incident,) = wait_for(
            lambda: collector.incidents("device-rekeyed", device_id=clone.device_id), "the incident", collector, clone
        )
        clone.wait_until_sent()
        assert (incident.severity, clone.pid) == (4, pid)
        assert "becomes a device of its own" in clone.status()["happened"]
        start("hydra")
        wait_for(lambda: len(collector.incidents("cracking-passwords")) == 2, "both to go on", collector, agent, clone)
        second_id = clone.device_id
    assert (list_ids(collector) - others, agent.device_id) == ({first_id, second_id}, first_id)
    heard = {each.device: each.count for each in collector.incidents("cracking-passwords")}
    assert heard == {first_id: 1, second_id: 1}
    assert find_head(collector.engine, first_id).epoch == 1
    collector.verify()


def test_machine_that_was_set_back_tells_again_only_what_nobody_holds(
    collector: RunningCollector, agent: RunningAgent, start: Start, tmp_path: Path
) -> None:
    """A snapshot is restored that is older than the collector's record: what it tells afterwards is of a new device."""
    first_id = agent.device_id
    agent.wait_until_sent()
    agent.kill()
    shutil.copytree(agent.folder, tmp_path / "snapshot")
    agent.start()
    start("tor")
    wait_for(lambda: collector.incidents("bypass-tor", device_id=first_id), "the first life", collector, agent)
    agent.kill()
    held = find_head(collector.engine, first_id)
    shutil.rmtree(agent.folder)
    shutil.copytree(tmp_path / "snapshot", agent.folder)
    agent.start()
    wait_for(lambda: agent.device_id != first_id, "the machine to become another device", collector, agent)
    wait_for(lambda: collector.incidents("device-rekeyed", device_id=agent.device_id), "the incident", collector, agent)
    agent.wait_until_sent()
    assert find_head(collector.engine, first_id) == held
    collector.verify()


def list_ids(collector: RunningCollector) -> set[str]:
    """Return every device that the school has; those of the stories before are among them."""
    return {device.id for device in list_devices(collector.engine, collector.config.school_id)}
