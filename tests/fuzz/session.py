# SPDX-License-Identifier: Apache-2.0
"""Runs targets with atheris, each in a process of its own: `python -m tests.fuzz.session WORK RUNS SECONDS NAME...`.

Our modules are instrumented as they are imported, so this module must be the first to import them. That takes seconds,
so it is done once and each target runs in a fork. WORK/NAME holds its inputs, WORK/NAME.log what was said, and
WORK/crash-NAME-* what broke it. Prints a JSON line for each target.
"""

import json
import os
import re
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["agent", "collector", "proto", "rules", "tests.fuzz.control"]):
    from tests.fuzz.targets import find_target

from tests.fuzz.target import Target

HANGS_AFTER_S = 20
"""For a few kilobytes."""
MEMORY_MB = 2048


def run_target(target: Target, work: Path, runs: int, seconds: int) -> dict[str, object]:
    """Fuzz one target and say what came of it."""
    started = time.monotonic()
    log = work / f"{target.name}.log"
    child = os.fork()
    if child == 0:
        _fuzz(target, work, log, runs, seconds)
    _, status = os.waitpid(child, 0)
    said = log.read_text(errors="replace")
    done = re.search(r"stat::number_of_executed_units:\s+(\d+)", said) or re.search(r"Done (\d+) runs", said)
    return {
        "target": target.name,
        "runs": int(done[1]) if done else 0,
        "seconds": round(time.monotonic() - started, 1),
        "crashes": sorted(path.name for path in work.glob(f"crash-{target.name}-*")),
        "is_good": os.waitstatus_to_exitcode(status) == 0 and done is not None,
    }


def _fuzz(target: Target, work: Path, log: Path, runs: int, seconds: int) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    limits = [f"-runs={runs}", f"-max_total_time={seconds}", f"-max_len={target.max_bytes}"]
    walls = [f"-timeout={HANGS_AFTER_S}", f"-rss_limit_mb={MEMORY_MB}", "-print_final_stats=1"]
    places = [f"-artifact_prefix={work}/crash-{target.name}-", str(work / target.name)]
    atheris.Setup([sys.argv[0], *limits, *walls, *places], target.feed)
    atheris.Fuzz()
    os._exit(0)


def main(work: str, runs: str, seconds: str, *names: str) -> None:
    """Fuzz the targets that are named, one after the other."""
    for name in names:
        result = run_target(find_target(name), Path(work), int(runs), int(seconds))
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
