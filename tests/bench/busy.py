# SPDX-License-Identifier: Apache-2.0
"""What a real agent costs for minutes on a busy machine: `python -m tests.bench.busy --minutes 10`.

Meanwhile programs are started five times a second and a file is written every second; the load of the machine is
printed beside, for whoever else uses it shows in the figures. Children of the agent count.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from tests.bench.measure import pss_mb, spread, tree_cpu_s
from tests.bench.programs import Agent, Collector, running

STARTS_A_SECOND = 5
SAMPLE_EVERY_S = 10.0
SETTLE_S = 60.0
"""The first minute, in which everything is looked at for the first time, is told apart."""


def run(minutes: float) -> dict[str, Any]:
    """Return memory and processor use of one agent as JSON values."""
    with tempfile.TemporaryDirectory() as folder:
        collector = Collector(Path(folder) / "collector")
        with running(collector):
            agent = Agent(Path(folder) / "agent", collector.token(1))
            with running(agent):
                agent.wait_until_watching()
                ended = threading.Event()
                load = threading.Thread(target=_keep_busy, args=(ended, Path(folder)))
                load.start()
                try:
                    return _watch(agent.process.pid, minutes)
                finally:
                    ended.set()
                    load.join()


def _watch(pid: int, minutes: float) -> dict[str, Any]:
    begun_s, begun_cpu_s = time.monotonic(), tree_cpu_s([pid])
    time.sleep(min(SETTLE_S, minutes * 60))
    first = 100 * (tree_cpu_s([pid]) - begun_cpu_s) / (time.monotonic() - begun_s)
    own, children, use = [], [], []
    started_s, cpu_s = time.monotonic(), tree_cpu_s([pid])
    while time.monotonic() - started_s < minutes * 60:
        before_s, before_cpu_s = time.monotonic(), tree_cpu_s([pid])
        time.sleep(SAMPLE_EVERY_S)
        use.append(100 * (tree_cpu_s([pid]) - before_cpu_s) / (time.monotonic() - before_s))
        own.append(pss_mb(pid))
        children.append(sum(pss_mb(each.pid) for each in psutil.Process(pid).children(recursive=True)))
    total = 100 * (tree_cpu_s([pid]) - cpu_s) / (time.monotonic() - started_s)
    return {
        "minutes": round((time.monotonic() - started_s) / 60, 1),
        "starts_a_second": STARTS_A_SECOND,
        "load_of_the_machine": round(os.getloadavg()[1], 2),
        "cpu_percent_of_one_core_in_the_first_minute": round(first, 2),
        "cpu_percent_of_one_core": round(total, 3),
        "cpu_percent_each_10_s": spread(use, digits=2).to_json(),
        "pss_mb": spread(own).to_json(),
        "pss_of_children_mb": spread(children).to_json(),
    }


def _keep_busy(ended: threading.Event, folder: Path) -> None:
    number = 0
    while not ended.wait(1 / STARTS_A_SECOND):
        number += 1
        subprocess.run(["true"], check=True)
        if number % STARTS_A_SECOND == 0:
            (folder / f"note-{number % 100}.txt").write_text("words\n" * 100)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.busy", description="Measures; nothing passes or fails."
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="for how long (default: 10)")
    sys.stdout.write(json.dumps(run(parser.parse_args().minutes), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
