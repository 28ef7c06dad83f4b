# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of agent and collector at random moments under load."""

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.outcome import Outcome
from tests.soak.rig import Rig, running

LONGEST_LIFE_S = 2.5
"""Shorter than both need to start and to do much: about half of all kills meet somebody who only just began."""
LAST_LIFE_S = 60.0
"""Within which the last agent must have made something."""


def run(times: int, seed: int) -> Outcome:
    """Kill so many times."""
    outcome = Outcome("kills", tried=times)
    chance = random.Random(seed)
    kills = {"agent": 0, "collector": 0}
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), outcome) as rig:
        rig.start_agent()
        for done in range(1, times + 1):
            kills[_kill_one(rig, chance)] += 1
            if done % 50 == 0:
                sys.stderr.write(f"{done} of {times} kills\n")
        rig.wait_until(lambda: rig.standing().get("made", 0) > 0, LAST_LIFE_S)
    outcome.seen = f"{kills['agent']} of the agent, {kills['collector']} of the collector; chains and incidents verify"
    return outcome


def _kill_one(rig: Rig, chance: random.Random) -> str:
    """Let both live for a random while, then kill one of them and start it again; return which."""
    time.sleep(chance.uniform(0.02, LONGEST_LIFE_S))
    if chance.random() < 0.5:
        rig.kill_agent()
        rig.start_agent()
        return "agent"
    rig.kill_collector()
    rig.start_collector()
    return "collector"
