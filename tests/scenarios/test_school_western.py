# SPDX-License-Identifier: Apache-2.0
"""A school under its own policy: Western Community Primary School's Online safety policy at work.

The policy lets nobody play or chat at school, unless the teacher has expressly allowed it for the lesson (WE-17).
Year 5 is to build a Roman villa, so its teacher asks for Minecraft for a day and says why. The headteacher, and never
the one who asked, decides; from then on the class builds and nobody is told. That somebody opens another game shop
beside it is an incident all the same. The lesson is over sooner than planned, the exception is withdrawn, and whoever
goes on playing is told like everybody else.

The technician records what was done. It stands in the incident log with the five columns of the policy's form: date,
place, description, action taken, and who recorded it (WE-08). What the policy asks and what carries it out can be read
by any governor, line by line, with what is not done yet.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from collector import exceptions
from collector.policies import load_policy, publish_change
from collector.responses import About, Deed, record_response
from collector.subjects import load_account_key
from proto.events import Audience
from proto.keys import load_signer
from rules.responses import Step
from tests.path import RunningAgent, RunningCollector, wait_for
from tests.scenarios.conftest import Start

LONDON = ZoneInfo("Europe/London")


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """A collector that was made with the school's pack, and serves."""
    with RunningCollector(tmp_path_factory.mktemp("school") / "collector") as collector:
        collector.init("--school", "Western Community Primary School", "--pack", "western")
        collector.start()
        yield collector


def decide_as_headteacher(collector: RunningCollector, exception_id: str) -> None:
    """Grant an exception, as the console does for whoever may decide it."""
    engine, config = collector.engine, collector.config
    decision = exceptions.Decision(by="heather", at_ns=time.time_ns(), note="Agreed.")
    policy, key = load_policy(engine, config), load_account_key(config)
    publish_change(
        engine,
        config.school_id,
        load_signer(config.signing_key),
        lambda connection: exceptions.grant(
            connection, config.school_id, exception_id, decision, policy=policy, account_key=key, zone=LONDON
        ),
        actor="heather",
        reason=f"exception {exception_id}",
        now_ns=time.time_ns(),
    )


def wait_for_policy(collector: RunningCollector, agent: RunningAgent) -> None:
    """Return when a device works by the newest policy."""
    newest = load_policy(collector.engine, collector.config).version
    wait_for(lambda: agent.status().get("policy_version") == newest, "the newest policy", collector, agent)


def list_games(collector: RunningCollector) -> list[str]:
    """Return which games an incident was opened for."""
    return sorted(incident.group for incident in collector.incidents("games-clients"))


def test_a_game_for_a_lesson(collector: RunningCollector, agent: RunningAgent, start: Start) -> None:
    """The story above, on a real machine with real programs."""
    # The teacher asks, the headteacher decides.
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    asked = collector.run(
        *("exceptions", "ask", "--rule", "games-clients", "--program", "Minecraft", "--until", tomorrow),
        *("--reason", "Year 5 builds a Roman villa"),
    )
    assert asked.code == 0, asked
    exception_id = asked.out.strip()
    assert load_policy(collector.engine, collector.config).arrangements.exceptions == ()
    decide_as_headteacher(collector, exception_id)
    wait_for_policy(collector, agent)

    # The lesson: the class builds, and one pupil opens something else.
    start("minecraft-launcher")
    start("steam")
    wait_for(lambda: collector.incidents("games-clients"), "the incident", collector, agent)
    assert list_games(collector) == ["program/steam"]

    # The lesson is over.
    withdrawn = collector.run("exceptions", "withdraw", exception_id, "--note", "The villa stands")
    assert withdrawn.code == 0, withdrawn
    wait_for_policy(collector, agent)
    start("minecraft")
    wait_for(lambda: len(list_games(collector)) == 2, "the incident", collector, agent)
    assert list_games(collector) == ["program/minecraft", "program/steam"]

    # What was done is in the log.
    (shop,) = (incident for incident in collector.incidents("games-clients") if incident.group == "program/steam")
    record_response(
        collector.engine,
        collector.config.school_id,
        shop.id,
        Deed(Step.DSL, About.PUPIL, "The DSL talked to the class."),
        audiences=[Audience.SECURITY],
        actor="tina",
        now_ns=time.time_ns(),
    )
    rows = collector.run("incident-log", "--format", "json").json
    (row,) = (row for row in rows if row["incident"] == shop.id)
    assert row["date"]
    assert row["where_it_took_place"] == shop.hostname
    assert "Steam was started" in row["description"]
    assert "The DSL talked to the class." in row["action_taken"]
    assert row["recorded_by"] == "tina"
    collector.verify()


def test_a_governor_reads_what_is_carried_out_and_what_is_not(collector: RunningCollector) -> None:
    """One line for each clause of the policy, and the one that nothing carries out yet says so."""
    rows = {row["clause"]: row for row in collector.run("coverage", "--format", "json").json}
    assert len(rows) == 18
    assert (rows["WE-17"]["how"], rows["WE-17"]["extent"]) == ("rule", "partly")
    assert [clause for clause, row in rows.items() if row["extent"] == "not yet"] == ["WE-01"]
    assert [clause for clause, row in rows.items() if row["extent"] == "paper"] == ["WE-14", "WE-18"]
