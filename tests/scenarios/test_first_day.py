# SPDX-License-Identifier: Apache-2.0
"""The first day: a school sets it up, its machine's software becomes one decision, a forbidden program an incident."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.throttle import REPEATED_WITHIN_S
from collector.incidents import Action, decide
from collector.policies import list_publications, publish
from collector.proposals import decide_proposal, find_proposal, list_proposals
from collector.summaries import quote
from proto.events import Audience
from proto.keys import load_signer
from tests.path import RunningAgent, RunningCollector, wait_for
from tests.scenarios.conftest import Start


@pytest.fixture(scope="module")
def agent(collector: RunningCollector) -> Iterator[RunningAgent]:
    """This machine's agent; each test has programs of its own, and they may run in any order."""
    with RunningAgent(collector.folder.with_name("agent")) as agent:
        agent.enrol(collector.token())
        agent.start()
        collector.wait_for_kind("agent.started", agent)
        yield agent


OWN_RULE = """
[[rule]]
id = "own-homework"
title = "A game that calls itself homework"
why = "It was found on three machines."
advice = "Ask who brought it."
class = "unacceptable"
severity = 3
kinds = ["program.started", "program.found"]
clauses = ["BX-01"]
[[rule.program]]
name = "Doom"
sha256 = ["{digest}"]
[[rule.test]]
name = "by its content"
expect = "match"
event = {{ kind = "program.started", "program.sha256" = "{digest}", "program.source" = "process" }}
[[rule.test]]
name = "not by its name"
expect = "silent"
event = {{ kind = "program.started", "program.name" = "homework", "program.source" = "process" }}
"""


def test_forbidden_program_is_an_incident(collector: RunningCollector, agent: RunningAgent, start: Start) -> None:
    """A real program under a forbidden name is an incident that says what, where and on which machine."""
    path = start("tor")
    wait_for(lambda: collector.incidents("bypass-tor"), "the incident", collector, agent)
    said = collector.run("incidents", "--format", "json")
    (incident,) = [each for each in said.json if each["rule"] == "bypass-tor"]
    (device,) = collector.run("devices", "--format", "json").json
    assert (incident["device"], incident["hostname"]) == (device["id"], device["hostname"])
    assert (incident["state"], incident["count"], incident["audience"]) == ("open", 1, "security")
    assert incident["summary"] == f"Tor was started: {quote(str(path))}"
    collector.verify()


def test_renamed_program_is_known_by_its_content(
    collector: RunningCollector, agent: RunningAgent, start: Start, tmp_path: Path
) -> None:
    """A rule that is added while the device is connected finds what runs already, under whatever name."""
    path = start("homework", mark=b"doom")
    rule = tmp_path / "own.toml"
    rule.write_text(OWN_RULE.format(digest=hashlib.sha256(path.read_bytes()).hexdigest()))
    said = collector.run("rules", "add", str(rule), "--reason", "he has it at home")
    assert (said.code, said.out) == (0, ""), said.err
    (incident,) = wait_for(lambda: collector.incidents("own-homework"), "the incident", collector, agent)
    assert "(known by its content)" in incident.summary
    newest = list_publications(collector.engine, collector.config.school_id)[0].version
    wait_for(lambda: agent.status()["policy_version"] == newest, "the agent to tell its new policy", agent)


def test_ordinary_software_is_one_decision(collector: RunningCollector, agent: RunningAgent) -> None:
    """What the machine already has is no incident but one proposal; approved, it is in the device's next policy."""
    engine, school_id = collector.engine, collector.config.school_id
    (proposal,) = wait_for(lambda: list_proposals(engine, school_id), "the proposal", collector, agent)
    assert proposal.programs > 100
    assert collector.incidents("unlisted-software") == []
    found = find_proposal(engine, school_id, proposal.id)
    assert found is not None
    names = [program.name for program in found[1]]
    decide_proposal(engine, school_id, proposal.id, approve=names, actor="anna", now_ns=time.time_ns())
    signer = load_signer(collector.config.signing_key)
    version = publish(engine, school_id, signer, actor="anna", reason="allow list", now_ns=time.time_ns())
    wait_for(lambda: agent.status()["policy_version"] == version, "the agent to take the policy", collector, agent)

    def says_so() -> bool:
        (device,) = collector.run("devices", "--format", "json").json
        return bool(device["bundle_version"] == version)

    wait_for(says_so, "the collector to hear of it", collector, agent)
    assert collector.incidents("unlisted-software") == []


def test_what_comes_back_is_the_same_incident(collector: RunningCollector, agent: RunningAgent, start: Start) -> None:
    """Resolved and started again: the same incident, open again, counted twice."""
    start("nordvpn")
    (incident,) = wait_for(lambda: collector.incidents("bypass-vpn-service"), "the incident", collector, agent)
    decide(
        collector.engine,
        collector.config.school_id,
        incident.id,
        audiences=[Audience.SECURITY],
        actor="anna",
        action=Action.RESOLVED,
        note="removed",
        now_ns=time.time_ns(),
    )
    # Sooner it would be taken for a repetition of the same start.
    time.sleep(REPEATED_WITHIN_S)
    start("nordvpn")

    def is_back() -> bool:
        return collector.incidents("bypass-vpn-service")[0].state == "open"

    wait_for(is_back, "the incident to be reopened", collector, agent)
    (again,) = collector.incidents("bypass-vpn-service")
    assert (again.id, again.count, again.reopened) == (incident.id, 2, 1)
