# SPDX-License-Identifier: Apache-2.0
"""A network that delays, cuts, swallows, throttles and corrupts, while a forger tries his luck beside it."""

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.forger import Forger
from tests.soak.outcome import Outcome
from tests.soak.proxy import FAIR, Proxy, Weather
from tests.soak.rig import Rig, running

WEATHERS = (
    Weather("latency", delay_s=0.8),
    Weather("cut", cut_after_bytes=60_000),
    Weather("half-open", is_swallowing=True),
    Weather("throttle", bytes_per_s=20_000),
    Weather("corrupt", corrupt_chance=0.05),
    Weather("refused", is_refusing=True),
)
WEATHER_S = 8.0
HALF_OPEN_S = 200.0
"""Longer than both sides need to find out by themselves that nobody is there: two minutes and twenty seconds."""
BACK_WITHIN_S = 150.0


def run(times: int, seed: int, *, quick: bool) -> Outcome:
    """Let each weather come so many times, in a random order."""
    outcome = Outcome("network")
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), outcome) as rig:
        proxy = Proxy(lambda: rig.events_address, seed)
        rig.enrol(rig.folder / "forger")
        rig.start_agent("--through", proxy.address)
        forger = Forger(rig.folder / "forger", rig.state, rig.collector_folder)
        forger.start()
        try:
            for number in range(times):
                for weather in chance.sample(WEATHERS, len(WEATHERS)):
                    sys.stderr.write(f"network: {weather.name}\n")
                    is_long = weather.is_swallowing and number == 0 and not quick
                    _endure(rig, proxy, weather, HALF_OPEN_S if is_long else WEATHER_S, outcome)
                    outcome.tried += 1
            proxy.weather = FAIR
            rig.settle(outcome)
        finally:
            forger.stop()
            proxy.close()
    outcome.forged_accepted += len(forger.accepted)
    outcome.problems += [f"acknowledged to the forger: {name}" for name in forger.accepted]
    met = ("delayed", "cut", "swallowed", "throttled", "corrupted", "refused")
    outcome.problems += [f"nothing was {name}, so nothing was shown" for name in met if not proxy.counts[name]]
    if not forger.tried:
        outcome.problems.append("the forger was never answered, so nothing was shown")
    done = ", ".join(f"{count} {name}" for name, count in sorted(proxy.counts.items()))
    answers = ", ".join(f"{count} {name}" for name, count in forger.answers.most_common())
    outcome.seen = f"{done}; {forger.tried} forgeries: {answers}"
    return outcome


def _endure(rig: Rig, proxy: Proxy, weather: Weather, seconds: float, outcome: Outcome) -> None:
    """Let a weather pass, and wait until the agent is answered again."""
    proxy.weather = weather
    if weather.is_refusing:
        proxy.reset_all()
    before = proxy.counts["connections"]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.1)
        if weather.is_swallowing and proxy.counts["connections"] > before:
            break  # The agent has found out, and tries anew.
    proxy.weather = FAIR
    if weather.is_swallowing:
        # What was swallowed is gone: on such a connection the ciphertext no longer fits, as with a real one.
        proxy.reset_all()
    if not rig.wait_until_answered(BACK_WITHIN_S):
        outcome.problems.append(f"after {weather.name} the agent did not come back: {rig.standing()}")
