# SPDX-License-Identifier: Apache-2.0
"""The collector's database goes away under load and comes back: PostgreSQL that is killed, and for the embedded one a
lock that somebody holds and a file that is not there at a start."""

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from collector.config import load_config
from collector.store.engine import open_engine, writing
from tests.postgres import Cluster
from tests.run import find_missing_postgres
from tests.soak.outcome import Outcome
from tests.soak.rig import RATE, Rig, running

BEFORE_S = 5.0
LONGEST_LOCK_S = 60.0
MOST_WAITING = 100_000
"""Events for which a queue has room, whole."""
BACK_WITHIN_S = 180.0


def find_missing() -> str:
    """Say what is missing for a database server; empty when nothing is."""
    return find_missing_postgres()


def run(down_s: float) -> Outcome:
    """Take each database away for so long."""
    outcome = Outcome("database")
    seen = [_run_server(outcome, down_s), _run_embedded(outcome, min(down_s, LONGEST_LOCK_S))]
    outcome.seen = "; ".join(seen)
    return outcome


def _run_server(outcome: Outcome, down_s: float) -> str:
    cluster = Cluster()
    try:
        cluster.start()
        url = cluster.create_database("soak")
        with tempfile.TemporaryDirectory() as folder, running(Path(folder), outcome, database=url) as rig:
            rig.start_agent("--rate", str(min(RATE, MOST_WAITING / down_s)))
            time.sleep(BEFORE_S)
            sys.stderr.write(f"database: PostgreSQL down for {down_s:.0f} s\n")
            cluster.kill()
            time.sleep(down_s)
            waiting = int(rig.standing().get("waiting", 0))
            said = str(rig.standing().get("problem", ""))
            is_alive = rig.collector is not None and rig.collector.poll() is None
            cluster.start()
            _wait_until_back(rig, "PostgreSQL was down", outcome)
    finally:
        cluster.remove()
    outcome.tried += 1
    if not is_alive:
        outcome.problems.append("the collector ended when PostgreSQL went away")
    return f"PostgreSQL killed for {down_s:.0f} s, {waiting} events waited ({said})"


def _run_embedded(outcome: Outcome, down_s: float) -> str:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), outcome) as rig:
        rig.start_agent()
        time.sleep(BEFORE_S)
        sys.stderr.write(f"database: embedded, locked for {down_s:.0f} s\n")
        waiting = _hold_lock(rig, down_s)
        _wait_until_back(rig, "the database was locked", outcome)
        sys.stderr.write("database: embedded, not there at a start\n")
        said = _take_away_at_start(rig, outcome)
        _wait_until_back(rig, "the database was away", outcome)
    outcome.tried += 2
    return f"SQLite locked for {down_s:.0f} s, {waiting} events waited; SQLite away at a start: {said}"


def _hold_lock(rig: Rig, down_s: float) -> int:
    """Keep every other writer out, as a backup program that hangs would; return how many events waited at the end."""
    engine = open_engine(load_config(rig.collector_folder))
    try:
        with writing(engine):
            time.sleep(down_s)
            return int(rig.standing().get("waiting", 0))
    finally:
        engine.dispose()


def _take_away_at_start(rig: Rig, outcome: Outcome) -> str:
    """Start the collector while its database is elsewhere; return what it says. It must not begin with an empty one."""
    rig.stop_collector()
    store = rig.collector_folder / "store"
    elsewhere = store.with_name("elsewhere")
    shutil.copytree(store, elsewhere)
    for path in store.glob("ledger.db*"):
        path.unlink()
    rig.start_collector()
    collector: Any = rig.collector
    if not rig.wait_until(lambda: collector.poll() is not None, BACK_WITHIN_S):
        outcome.problems.append("a collector without its database has started")
        rig.kill_collector()
    said = [line for line in rig.log_tail().splitlines() if line.startswith("schoolwarden-collector:")]
    for path in store.glob("ledger.db*"):
        path.unlink()
    for path in elsewhere.glob("ledger.db*"):
        shutil.copy2(path, store)
    rig.start_collector()
    return said[-1].partition(": ")[2] if said else "nothing"


def _wait_until_back(rig: Rig, what: str, outcome: Outcome) -> None:
    if not rig.wait_until_answered(BACK_WITHIN_S):
        outcome.problems.append(f"after {what} the agent did not come back: {rig.standing()}")
