# SPDX-License-Identifier: Apache-2.0
"""A machine that nothing else can bring back is enrolled again: what it saw while nobody heard it comes along."""

from collector.devices import find_device
from collector.ledger import find_head
from tests.events import list_events
from tests.path import RunningAgent, RunningCollector, wait_for
from tests.scenarios.conftest import Start


def test_what_waited_is_told_by_the_new_device(collector: RunningCollector, agent: RunningAgent, start: Start) -> None:
    """Once, and said for whom; the former device is ended and its history stays."""
    agent.wait_until_sent()
    former = agent.device_id
    collector.stop()
    start("hydra")
    wait_for(lambda: agent.status()["waiting_events"], "an event while the collector is away", agent)
    agent.kill()
    collector.start()
    held = find_head(collector.engine, former)
    said = agent.enrol(collector.token(), "--again")
    assert "are told again as device" in said.err
    agent.start()
    (incident,) = wait_for(
        lambda: collector.incidents("device-rekeyed", device_id=agent.device_id), "the incident", collector, agent
    )
    agent.wait_until_sent()
    assert agent.device_id != former
    assert f"was enrolled again and goes on as a new device, after event {held.seq}" in incident.summary
    bodies = [
        each.body
        for device_id in (former, agent.device_id)
        for each in list_events(collector.engine, collector.config.school_id, device_id, limit=500)
    ]
    started = [body for body in bodies if body and body.get("program", {}).get("name") == "hydra"]
    # Told again is that it started; that it still runs is new, as after each start of an agent.
    assert [body["already_running"] for body in started].count(False) == 1
    assert find_head(collector.engine, former) == held
    known = find_device(collector.engine, collector.config.school_id, former)
    assert known is not None
    assert known.state == "revoked"
    collector.verify()
