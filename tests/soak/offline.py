# SPDX-License-Identifier: Apache-2.0
"""Fourteen days without a collector: the queue of a busy machine, switched off each evening, and then it drains.

The agent's clock starts two weeks ago and is set a day on for each day, so that its events carry the times that they
would. A day has 10,000 events: as many as one thing makes that floods for an hour and a half each day at the most that
the throttle lets through, 120 a minute. In all they nearly fill the queue (64 MB, its real bound).
"""

import sys
import tempfile
from pathlib import Path

from tests.soak.clock import DAY_NS, Clock
from tests.soak.outcome import Outcome
from tests.soak.rig import running

EVENTS_A_DAY = 10_000
BATCH = 100
DAY_WITHIN_S = 600.0
BACK_WITHIN_S = 150.0


def run(days: int, events_a_day: int = EVENTS_A_DAY) -> Outcome:
    """Be offline for so many days."""
    outcome = Outcome("offline", tried=1)
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(Path(folder), "agent")
        place = Path(folder) / "rig"
        place.mkdir()
        with running(place, outcome) as rig:
            rig.stop_collector()
            options = ("--rate", "1000000", "--batch", str(BATCH), "--most", str(events_a_day))
            for day in range(days, 0, -1):
                sys.stderr.write(f"offline: {day} days to go\n")
                clock.set(-day * DAY_NS)
                rig.start_agent(*options, environment=clock.environment)
                if not rig.wait_until(lambda: rig.standing().get("made") == events_a_day, DAY_WITHIN_S):
                    outcome.problems.append(f"the day's events were not made: {rig.standing()}")
                rig.kill_agent()
            waited = sum(1 for _ in rig.journal.open("rb"))
            size = (rig.state / "spool" / "spool.db").stat().st_size
            clock.set(0)
            rig.start_collector()
            rig.wait_until_served()
            rig.start_agent("--most", "0", environment=clock.environment)
    outcome.seen = f"{days} days, {waited} events waited in a queue of {size / 1e6:.0f} MB and drained"
    return outcome
