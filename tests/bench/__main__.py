# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench`: measures and prints; see the package."""

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench import busy, ingest, latency, ordinary, policies, rules, scans, watcher
from tests.bench.programs import Collector, running
from tests.run import find_missing_desktop


def main() -> int:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures; nothing passes or fails.")
    parser.add_argument("--quick", action="store_true", help="fewer runs, about a minute")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--database", default="", metavar="URL", help="measure ingest on this PostgreSQL")
    parser.add_argument("--database-pid", type=int, action="append", default=[], help="its processes, to count too")
    options = parser.parse_args()
    figures: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]},
        "rules": rules.run(quick=options.quick),
        "scans": scans.run(quick=options.quick),
        "policies": policies.run(quick=options.quick),
    }
    with tempfile.TemporaryDirectory() as folder:
        collector = Collector(Path(folder) / "collector", options.database)
        with running(collector):
            figures["ingest"] = ingest.run(collector, quick=options.quick, database_pids=options.database_pid)
            figures["latency_ms"], figures["agent"] = latency.run(collector, quick=options.quick)
    figures["agent_on_a_busy_machine"] = busy.run(0.2 if options.quick else 10.0)
    missing = find_missing_desktop()
    figures["watcher"] = {"not_run": f"needs {missing}"} if missing else watcher.run(quick=options.quick)
    figures["ordinary_text"] = _run_ordinary(quick=options.quick)
    if options.format == "json":
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    else:
        _print(figures)
    return 0


def _run_ordinary(*, quick: bool) -> dict[str, Any]:
    """The short form: `python -m tests.bench.ordinary --through-watcher` types the whole million."""
    missing = ordinary.find_missing()
    if missing:
        return {"not_run": f"needs {missing}"}
    words = ordinary.QUICK_WORDS if quick else 5 * ordinary.QUICK_WORDS
    figures = ordinary.run_through_watcher(words)
    return figures | {"matched": len(figures["matched"])}


def _print(value: Any, name: str = "", depth: int = 0) -> None:
    if not isinstance(value, dict):
        sys.stdout.write(f"{'  ' * depth}{name}: {value}\n")
    elif set(value) == {"median", "min", "max", "runs"}:
        text = f"{value['median']} ({value['min']} to {value['max']}, {value['runs']} runs)"
        sys.stdout.write(f"{'  ' * depth}{name}: {text}\n")
    else:
        if name:
            sys.stdout.write(f"{'  ' * depth}{name}\n")
        for key, each in value.items():
            _print(each, key, depth + (1 if name else 0))


if __name__ == "__main__":
    sys.exit(main())
