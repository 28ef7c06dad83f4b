# SPDX-License-Identifier: Apache-2.0
"""What it costs to evaluate an event against the shipped rules, beside comparing it with every name one by one."""

import time
from typing import Any

from proto.events import Program, ProgramStarted
from rules.evaluate import Evaluator
from rules.load import load_pack, parse_files
from tests.bench.measure import spread

REPEATS = 20_000


def run(*, quick: bool) -> dict[str, Any]:
    """Return microseconds of processor time as JSON values."""
    policy = parse_files(load_pack("uk-baseline"))
    evaluator = Evaluator(policy)
    ordinary = ProgramStarted(Program("gnome-calculator", "/usr/bin/gnome-calculator", "ab" * 32, "process"))
    names = [name.casefold() for rule in policy.rules for each in rule.programs for name in each.executables]

    def one_by_one() -> bool:
        return any(ordinary.program.name.casefold() == name for name in names)

    runs = 3 if quick else 9
    compiled = spread([_us(lambda: evaluator.match(ordinary.kind, ordinary)) for _ in range(runs)], 2)
    naive = spread([_us(one_by_one) for _ in range(runs)], 2)
    return {
        "rules": len(policy.rules),
        "names": len(names),
        "no_match_us": compiled.to_json(),
        "names_one_by_one_us": naive.to_json(),
        "ratio": round(naive.median / compiled.median, 1),
    }


def _us(call: Any) -> float:
    started = time.process_time()
    for _ in range(REPEATS // 20):
        call()
    return (time.process_time() - started) / (REPEATS // 20) * 1e6
