# SPDX-License-Identifier: Apache-2.0
"""What one look of each check costs, on this machine as it is, beside one plain iteration of psutil in the same run:
`python -m tests.bench.scans`.

The first look of a check finds everything new and is told apart. Processor time is that of this process and of the
children that look into users' files.
"""

import json
import sys
import time
from typing import Any

import psutil

from agent import checks
from agent.checks.interface import Check
from agent.config import CHECKS
from agent.policy import InForce
from agent.system import current
from agent.system.interface import System
from rules.evaluate import Evaluator
from rules.load import load_pack, parse_files
from tests.bench.measure import spread

LOOKS = 30
QUICK_LOOKS = 5
PSUTIL_FIELDS = ["name", "exe", "username", "create_time"]


def run(*, quick: bool = False) -> dict[str, Any]:
    """Return milliseconds of processor time a look, for each check, and their share of psutil's."""
    looks = QUICK_LOOKS if quick else LOOKS
    policy = parse_files(load_pack("uk-baseline"))
    in_force = InForce(policy, Evaluator(policy), b"")
    plain = spread([_measure(_iterate) for _ in range(looks)])
    figures: dict[str, Any] = {
        "processes": len(psutil.pids()),
        "psutil_iteration_ms": plain.to_json(),
    }
    for name in CHECKS:
        system = current()
        check = checks.load(name)(system, lambda: in_force)
        first = _look(system, check)
        later = spread([_look(system, check) for _ in range(looks)], digits=2)
        check.close()
        figures[name] = {
            "first_look_ms": round(first, 1),
            "look_ms": later.to_json(),
            "times_psutil": round(later.median / plain.median, 3),
            "every_s": check.poll_interval_s,
            "percent_of_a_core": round(later.median / 10 / check.poll_interval_s, 3),
        }
    return figures


def _iterate() -> None:
    for process in psutil.process_iter(PSUTIL_FIELDS):
        assert process.info


def _measure(work: Any) -> float:
    started_s = time.process_time()
    work()
    return (time.process_time() - started_s) * 1000


def _look(system: System, check: Check) -> float:
    """Look until there is nothing more to do; return milliseconds."""
    before_s = system.own_usage().cpu_s
    is_first = True
    while is_first or check.has_more:
        is_first = False
        for _ in check.observe(time.time_ns()):
            pass
    return (system.own_usage().cpu_s - before_s) * 1000


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(quick="--quick" in sys.argv), indent=1) + "\n")
