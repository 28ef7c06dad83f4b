# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent as it is put together: whom and what the policy leaves alone for a while."""

import time
from datetime import datetime, timedelta

from agent.app import Agent
from agent.clock import read_running_ns
from agent.policy import CLOCK_IS_TRUSTED_NS
from proto.events import CheckChanged, ProgramStarted
from proto.sealed import make_account_ref
from tests.agent.collector import rule_files
from tests.agent.desk import Desk, close, events_of
from tests.agent.safeguarding import make_session
from tests.fakes import FakeSystem

KEY = bytes(range(32))
NOMINATED, OTHER = make_session(), make_session(uid=1008, account_name="pupil8", display=":1")
NOW = datetime.now()  # noqa: DTZ005 - the school's local time, give or take a day
FIRST, LAST = f"{NOW - timedelta(days=1):%Y-%m-%dT%H:%M}", f"{NOW + timedelta(days=1):%Y-%m-%dT%H:%M}"


def files_with(table: str) -> dict[str, str]:
    """Return a policy that asks for accounts and leaves something alone."""
    files = rule_files()
    asked = '\n[accounts]\nask = true\nreason = "A register of sessions."\n'
    times = f'first = "{FIRST}"\nlast = "{LAST}"\nreason = "A project."\n'
    return files | {"rules.toml": f"{files['rules.toml']}{asked}{table}{times}"}


def look(agent: Agent) -> list[ProgramStarted]:
    """Let every check look now, and return all starts of programs that were told until then."""
    agent.pipeline._due_s.update(dict.fromkeys(agent.pipeline._due_s, 0.0))
    agent.pipeline.step()
    return [each for each in events_of(agent) if isinstance(each, ProgramStarted)]


def test_a_nominated_user_is_left_alone_until_somebody_else_is_there(desk: Desk, system: FakeSystem) -> None:
    """What he starts does not leave; when another signs in, it is found running."""
    desk.enrol()
    agent = Agent(desk.config, system)
    reference = make_account_ref(KEY, NOMINATED.to_account(agent.identity.device_id)).hex()
    excepted = f'[[exception]]\nid = "asked-1"\nrules = ["tor", "after-hours"]\naccounts = ["{reference}"]\n'
    agent._on_bundle(desk.fake.publish(5, files_with(excepted)))
    agent._on_account_key(KEY)
    system.sessions = [NOMINATED]
    look(agent)
    system.start("/opt/tor-browser/tor")
    assert look(agent) == []
    system.sessions = [NOMINATED, OTHER]
    look(agent)
    (found,) = look(agent)
    assert (found.program.name, found.already_running) == ("tor", True)
    close(agent)


def test_a_clock_that_is_far_off_leaves_nobody_alone(desk: Desk, system: FakeSystem) -> None:
    """The whole agent asks the line how far off it is."""
    desk.enrol()
    agent = Agent(desk.config, system)
    agent._on_bundle(
        desk.fake.publish(5, files_with('[[exception]]\nid = "asked-1"\nrules = ["tor", "after-hours"]\n'))
    )
    system.start("/opt/tor-browser/tor")
    assert look(agent) == []
    agent._uplink._collector_clock = (time.time_ns() - 2 * CLOCK_IS_TRUSTED_NS, read_running_ns())
    look(agent)
    assert [each.program.name for each in look(agent)] == ["tor"]
    close(agent)


def test_a_paused_check_is_told_and_shown(desk: Desk, system: FakeSystem) -> None:
    """The collector gets it as the check's answer, and whoever sits at the machine reads it in the status."""
    desk.enrol()
    agent = Agent(desk.config, system)
    agent._on_bundle(desk.fake.publish(5, files_with('[[pause]]\nid = "p1"\nwhat = "check:software"\n')))
    system.start("/opt/tor-browser/tor")
    agent.pipeline.step()
    told = [each for each in events_of(agent) if isinstance(each, CheckChanged) and each.check == "software"]
    assert [each.state for each in told] == ["unknown"]
    assert told[0].summary == f"The policy pauses this check until {LAST.replace('T', ' ')}."
    assert agent._to_status()["paused"] == (f"check:software, from {FIRST} to {LAST}".replace("T", " "),)
    assert not any(isinstance(each, ProgramStarted) for each in events_of(agent))
    close(agent)
