# SPDX-License-Identifier: Apache-2.0
"""The collector is away: events wait on the machine, over restarts of the agent, and all arrive once."""

from collector.devices import list_devices
from tests.events import list_events
from tests.path import RunningAgent, RunningCollector, wait_for
from tests.scenarios.conftest import Start


def test_events_wait_and_arrive_once(collector: RunningCollector, agent: RunningAgent, start: Start) -> None:
    """What is started while nobody answers is an incident when the collector is back, and counted once."""
    assert collector.stop() == 0
    wait_for(lambda: not agent.status()["connected"], "the agent to notice", agent)
    start("tor")
    wait_for(lambda: agent.status()["waiting_events"] > 0, "events to wait", agent)
    assert agent.stop() == 0
    start("hydra")
    agent.start()  # What runs already when the agent starts is found then.
    wait_for(lambda: len(waiting_names(agent)) >= 2, "the second program to be found", agent)
    said = agent.run("status")
    assert said.code == 1
    assert "not connected: nothing listens at 127.0.0.1:" in said.out

    collector.start()
    wait_for(lambda: collector.incidents("cracking-passwords"), "the last event of the week", collector, agent)
    about_programs = [each for each in collector.incidents() if each.group.startswith("program/")]
    assert [(each.rule, each.count) for each in sorted(about_programs, key=lambda each: each.rule)] == [
        ("bypass-tor", 2),  # Started once; still running when the agent came back, which says so.
        ("cracking-passwords", 1),
    ]
    (device,) = list_devices(collector.engine, collector.config.school_id)
    events = list_events(collector.engine, collector.config.school_id, device.id, limit=1000)
    assert [event.seq for event in events] == list(range(len(events), 0, -1))
    assert agent.stop() == 0
    collector.wait_for_kind("agent.stopped", agent)
    assert collector.stop() == 0
    assert collector.verify()["checkpoints"] >= 1


def waiting_names(agent: RunningAgent) -> list[str]:
    """Return which forbidden programs the agent sees at work."""
    checks = agent.status().get("checks", [])
    return [name for check in checks for name in check["facts"].get("running", "").split(", ") if name]
