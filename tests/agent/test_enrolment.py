# SPDX-License-Identifier: Apache-2.0
"""Tests of how a machine becomes a device, and of what stands in the way."""

from typing import Any

import pytest

from agent.app import Agent
from agent.enrolment import enrol_machine
from agent.errors import AlreadyRunningError, CollectorUnreachableError, EnrolmentError
from agent.identity import IdentityFolder
from agent.policy import PolicyStore
from proto.errors import TokenError
from proto.token import encode_token
from tests.agent.collector import SCHOOL_NAME
from tests.agent.desk import Desk, close
from tests.fakes import FakeSystem


def test_enrolled_machine_can_run(desk: Desk, system: FakeSystem) -> None:
    """After enrolment there is an identity, an empty queue, and the policy that came with the answer in force."""
    device_id = desk.enrol()
    identity = IdentityFolder(desk.config.state).load()
    assert (identity.device_id, identity.school_name, identity.epoch) == (device_id, SCHOOL_NAME, 1)
    policy = PolicyStore(desk.config.policy_file, identity)
    policy.load()
    assert policy.version == 1
    agent = Agent(desk.config, system)
    assert agent._spool.count() == 0
    close(agent)


def test_token_is_kept_nowhere(desk: Desk) -> None:
    """Its secret is in no file of the machine."""
    desk.enrol()
    secret = desk.requests[0].token_secret
    for path in desk.config.state.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path
            assert secret.hex().encode() not in path.read_bytes(), path


def test_machine_that_is_enrolled_is_not_enrolled_by_the_way(desk: Desk) -> None:
    """Only if it is said so; the error names whose device it is."""
    desk.enrol()
    with pytest.raises(EnrolmentError, match=f"enrolled already: device {'0' * 15}1 of {SCHOOL_NAME}") as caught:
        desk.enrol()
    assert "--again" in caught.value.hint
    assert len(desk.requests) == 1


def test_machine_that_is_enrolled_again_is_a_new_device(desk: Desk, system: FakeSystem) -> None:
    """With new keys; a collector that does not say what it holds gets an empty queue, and the old one is set aside."""
    first = desk.enrol()
    agent = Agent(desk.config, system)
    agent.pipeline.step()
    close(agent)
    assert desk.enrol(again=True) != first
    assert desk.requests[0].evidence_public_key != desk.requests[1].evidence_public_key
    assert desk.config.spool_file.with_name("spool.db.old").exists()
    agent = Agent(desk.config, system)
    assert agent._spool.count() == 0
    close(agent)


def test_machine_whose_agent_runs_is_not_enrolled_again(desk: Desk, system: FakeSystem) -> None:
    """The running agent would go on with keys that are gone."""
    desk.enrol()
    agent = Agent(desk.config, system)
    with pytest.raises(AlreadyRunningError):
        desk.enrol(again=True)
    close(agent)
    assert len(desk.requests) == 1


def test_refused_machine_stays_as_it_was(desk: Desk) -> None:
    """And the next attempt is made with the same keys, so that it is the same device asking again."""
    desk.refusal = "this token has expired"
    with pytest.raises(EnrolmentError, match="this token has expired"):
        desk.enrol()
    assert not IdentityFolder(desk.config.state).is_enrolled()
    desk.refusal = ""
    desk.enrol()
    assert desk.requests[0].evidence_public_key == desk.requests[1].evidence_public_key


@pytest.mark.parametrize(
    "changes",
    [
        {"school_id": "f" * 16},
        {"certificate": b"none"},
        {"signing_public_key": b""},
        {"signing_algorithm": "none"},
    ],
)
def test_answer_that_makes_no_device_is_refused(desk: Desk, system: FakeSystem, changes: dict[str, Any]) -> None:
    """A machine that was a device stays the device that it was."""
    first = desk.enrol()
    desk.changes = changes
    with pytest.raises(EnrolmentError):
        desk.enrol(again=True)
    assert IdentityFolder(desk.config.state).load().device_id == first
    agent = Agent(desk.config, system)
    close(agent)


@pytest.mark.parametrize("text", ["", "sw1.", "not a token", "sw2.abc"])
def test_text_that_is_no_token_is_refused_before_anything_is_sent(desk: Desk, text: str) -> None:
    """A wrong paste is a wrong call."""
    with pytest.raises(TokenError) as caught:
        enrol_machine(desk.config, text, again=False)
    assert caught.value.exit_code == 2
    assert desk.requests == []


def test_collector_that_is_away_leaves_nothing_half_done(desk: Desk) -> None:
    """The machine is not enrolled, and can be later."""
    token = encode_token(
        desk.fake.make_token(enrol_address="127.0.0.1:1", ca_certificate=desk.authority.certificate_der)
    )
    with pytest.raises(CollectorUnreachableError):
        enrol_machine(desk.config, token, again=False)
    assert not IdentityFolder(desk.config.state).is_enrolled()
    assert desk.enrol()
