# SPDX-License-Identifier: Apache-2.0
"""From the start of a forbidden program to its incident in the database, with the real agent and collector."""

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from collector.config import load_config
from collector.incidents import list_incidents
from collector.store.engine import open_checked_engine
from proto.events import Audience
from tests.bench.measure import pss_mb, spread, tree_cpu_s
from tests.bench.programs import Agent, Collector, running

GIVE_UP_S = 30.0
APART_S = 0.3


def run(collector: Collector, *, quick: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the latency and the agent's own cost as JSON values."""
    root = collector.folder.parent
    agent = Agent(root / "agent", collector.token(1))
    with running(agent):
        agent.wait_until_watching()
        latencies = _latencies_ms(root, starts=5 if quick else 50)
        return _to_json(latencies), _cost_at_rest(agent, seconds=2 if quick else 60)


def _latencies_ms(root: Path, starts: int) -> list[float]:
    config = load_config(root / "collector")
    engine = open_checked_engine(config)
    latencies = []
    for number in range(starts):
        # Another path each time, or the agent would take it for a repetition.
        program = root / f"start-{number}" / "tor"
        program.parent.mkdir()
        shutil.copy("/bin/sleep", program)
        before = _count(engine, config.school_id)
        started = time.monotonic()
        process = subprocess.Popen([str(program), "60"])
        while _count(engine, config.school_id) == before:
            if time.monotonic() - started > GIVE_UP_S:
                raise RuntimeError("a forbidden program was started and no incident came")
            time.sleep(0.002)
        latencies.append((time.monotonic() - started) * 1000)
        process.kill()
        process.wait()
        time.sleep(APART_S)
    return latencies


def _count(engine: Any, school_id: str) -> int:
    return sum(each.count for each in list_incidents(engine, school_id, audiences=[Audience.SECURITY]))


def _to_json(latencies: list[float]) -> dict[str, Any]:
    ordered = sorted(latencies)
    return {
        "start_to_incident_p50": round(ordered[len(ordered) // 2], 1),
        "start_to_incident_p95": round(ordered[int(len(ordered) * 0.95)], 1),
        "start_to_incident": spread(latencies).to_json(),
    }


def _cost_at_rest(agent: Agent, seconds: float) -> dict[str, Any]:
    time.sleep(1)
    before, started = tree_cpu_s([agent.process.pid]), time.monotonic()
    memory = []
    while time.monotonic() - started < seconds:
        time.sleep(seconds / 5)
        memory.append(pss_mb(agent.process.pid))
    cpu_s = tree_cpu_s([agent.process.pid]) - before
    return {
        "pss_mb": spread(memory).to_json(),
        "cpu_percent_of_one_core": round(100 * cpu_s / (time.monotonic() - started), 3),
        "measured_s": round(time.monotonic() - started, 1),
    }
