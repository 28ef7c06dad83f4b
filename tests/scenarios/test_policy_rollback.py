# SPDX-License-Identifier: Apache-2.0
"""Somebody plays an old policy back: the device keeps the newer one, and tells it."""

import time

from collector.authority import load_authority
from collector.policies import find_bundle, publish
from proto.keys import load_signer
from tests.collector.line import Listeners
from tests.collector.school import School
from tests.path import RunningAgent, RunningCollector, wait_for


def test_older_policy_is_refused_and_told(collector: RunningCollector, agent: RunningAgent) -> None:
    """A collector that sends an older bundle, rightly signed as it is, gets no agent to use it."""
    engine, config = collector.engine, collector.config
    old = find_bundle(engine, config.school_id)
    assert old is not None
    signer = load_signer(config.signing_key)
    publish(engine, config.school_id, signer, actor="anna", reason="newer", now_ns=time.time_ns())
    wait_for(lambda: agent.status()["policy_version"] == 2, "the newer policy", collector, agent)
    assert collector.stop() == 0
    # The real listeners with the real keys, made to send what the real collector never does.
    school = School(config, engine)
    with Listeners(school, load_authority(config.authority_folder), events_at=collector.addresses["grpc"]) as listeners:
        wait_for(lambda: listeners.server._streams, "the agent to come", agent)
        listeners.push(old)
        (incident,) = wait_for(lambda: collector.incidents("agent-policy-refused"), "the incident", agent)
    assert "version 1, and 2 is in force" in incident.summary
    collector.start()
    agent.wait_until_connected()
    assert agent.status()["policy_version"] == 2
    assert agent.stop() == 0
    agent.start()
    assert agent.status()["policy_version"] == 2
    collector.verify()
