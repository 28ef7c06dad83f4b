# SPDX-License-Identifier: Apache-2.0
"""A school under its own policy: Bexton Primary School's e-Safety Policy at work, from its words to what is done.

The policy has a table of user actions and a table of what is done about them. One Monday shows both.

In the lesson the class builds in an educational game: the policy calls that acceptable at certain times, so nothing is
told (BX-01, BX-08). A pupil starts a game shop as well: that is unacceptable, and an incident says so, with the clause
it rests on. The technician sees what the policy's table names for it and records that the class teacher was told
(BX-02). At break the same educational game is told, as one that has its times.

Then the technician wants the watch on USB sticks off for two hours. Nothing happens until the headteacher agrees; then
the device has the pause with its end, and the log has both names (BX-13). What the school's policy asks and what
carries it out can be read by any governor, line by line, with what is not done yet.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.audit import list_entries
from collector.policies import load_policy
from collector.responses import About, Deed, list_responses, record_response
from collector.roles import Role
from proto.events import Audience
from rules.responses import Step
from tests.path import RunningAgent, RunningCollector, wait_for
from tests.scenarios.conftest import Start
from tests.scenarios.office import Office
from tests.scenarios.timetable import write_day


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """A collector that was made with the school's pack, and serves."""
    with RunningCollector(tmp_path_factory.mktemp("school") / "collector") as collector:
        collector.init("--school", "Bexton Primary School", "--pack", "bexton")
        collector.start()
        yield collector


def change_rules(collector: RunningCollector, file: Path, agent: RunningAgent | None = None) -> None:
    """Add a rule file of the school's own, and wait until a device works by it."""
    said = collector.run("rules", "add", str(file), "--reason", "this term's timetable")
    assert said.code == 0, said
    if agent is not None:
        wait_for_policy(collector, agent)


def wait_for_policy(collector: RunningCollector, agent: RunningAgent) -> None:
    """Return when a device works by the newest policy."""
    newest = load_policy(collector.engine, collector.config).version
    wait_for(lambda: agent.status().get("policy_version") == newest, "the newest policy", collector, agent)


@pytest.mark.timeout(400)
def test_a_lesson_a_break_and_a_pause(collector: RunningCollector, start: Start, tmp_path: Path) -> None:
    """The story above, on a real machine with real programs."""
    change_rules(collector, write_day(tmp_path / "timetable.toml", "lesson"))
    with RunningAgent(tmp_path / "agent") as agent:
        agent.enrol(collector.token())
        agent.start()
        collector.wait_for_kind("agent.started", agent)

        # The lesson: the class's game is silent, the shop is not.
        start("minetest")
        start("steam")
        (shop,) = wait_for(lambda: collector.incidents("games-clients"), "the incident", collector, agent)
        assert collector.incidents("educational-gaming") == []
        assert (shop.action_class, shop.severity) == ("unacceptable", 2)
        assert shop.clauses == ("BX-08", "BX-16")
        policy = load_policy(collector.engine, collector.config)
        (row,) = (each for each in policy.responses if each.id == shop.response)
        assert [offer.step for offer in row.pupil] == [Step.CLASS_TEACHER, Step.E_SAFETY_COORDINATOR, Step.WARNING]
        record_response(
            collector.engine,
            collector.config.school_id,
            shop.id,
            Deed(Step.CLASS_TEACHER, About.PUPIL, "The class teacher knows."),
            audiences=[Audience.SECURITY],
            actor="tina",
            now_ns=time.time_ns(),
        )
        (done,) = list_responses(collector.engine, collector.config.school_id, shop.id)
        assert (done.name, done.recorded_by) == ("Class teacher", "tina")

        # The break: now the class's game is told too.
        change_rules(collector, write_day(tmp_path / "timetable.toml", "break"), agent)
        start("luanti")
        (game,) = wait_for(lambda: collector.incidents("educational-gaming"), "the incident", collector, agent)
        assert game.action_class == "certain_times"

        # A safeguard is switched off: by two people, for a while.
        config = collector.config
        office = Office(collector)
        technician = office.visit(Role.TECHNICIAN)
        technician.get("/policy/pause")
        wish = {"what": "check:usb_storage", "length": "2 hours", "reason": "The stick of the fire service"}
        asked = technician.post("/policy/pause", wish)
        assert asked.status == 303, asked.words
        assert load_policy(collector.engine, config).arrangements.pauses == ()
        head, change = office.visit(Role.HEADTEACHER), asked.location.partition("?")[0]
        assert "The stick of the fire service" in head.get(change).words
        agreed = head.post(f"{change}/agree", {"note": "For this morning."})
        assert agreed.status == 303, agreed.words
        (pause,) = load_policy(collector.engine, config).arrangements.pauses
        assert (pause.what, (pause.last - pause.first).total_seconds()) == ("check:usb_storage", 7200)
        wait_for_policy(collector, agent)
        (paused,) = wait_for(lambda: agent.status()["paused"], "the pause on the device", collector, agent)
        assert paused.startswith("check:usb_storage, from ")
        assert paused.endswith(f" to {pause.last:%Y-%m-%d %H:%M}")
        actors = {entry.actor for entry in list_entries(collector.engine, config.school_id)}
        assert {"technician", "headteacher"} <= actors
    collector.verify()


def test_a_governor_reads_what_is_carried_out_and_what_is_not(collector: RunningCollector) -> None:
    """One line for each clause of the policy, and those that nothing carries out yet say so."""
    rows = {row["clause"]: row for row in collector.run("coverage", "--format", "json").json}
    assert len(rows) == 26
    assert (rows["BX-08"]["how"], rows["BX-08"]["extent"]) == ("rule", "partly")
    assert (rows["BX-26"]["extent"], rows["BX-26"]["test"]) == ("paper", "")
    assert [clause for clause, row in rows.items() if row["extent"] == "not yet"] == ["BX-11", "BX-17"]
