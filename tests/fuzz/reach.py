# SPDX-License-Identifier: Apache-2.0
"""Which branches inputs reach: `python -m tests.fuzz.reach WORK KEEP NAME...`, a JSON line for each target.

Branches are counted by coverage.py in the modules that a target names. With KEEP over 0 the inputs that are needed for
what all of them reach are left in WORK/NAME, the shortest first and KEEP of them at most, and the others removed.
"""

import contextlib
import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import coverage

KEPT_BYTES = 2048
"""Longer inputs are of use while it runs, and too large to be kept."""


def measure(name: str, work: Path, keep: int) -> dict[str, Any]:
    """Return how much of a target's modules the inputs of its folder reach."""
    from tests.fuzz.targets import find_target

    target = find_target(name)
    files = [str(Path(spec.origin)) for module in target.modules if (spec := find_spec(module)) and spec.origin]
    inputs = sorted((work / name).iterdir(), key=lambda path: path.stat().st_size)
    counter = coverage.Coverage(data_file=None, branch=True, include=files)
    counter.start()
    try:
        for path in inputs:
            # What breaks it was told by the session; here it only keeps us from the branches behind it.
            with contextlib.suppress(Exception):
                target.feed(path.read_bytes())
    finally:
        counter.stop()
    branches = missing = 0
    for file in files:
        analysis = counter._analyze(file)
        branches += analysis.numbers.n_branches
        missing += analysis.numbers.n_missing_branches
    # After it was measured: what a parser remembers of an input it does not run through a second time.
    if keep:
        inputs = _select(target.feed, inputs, set(files), keep)
    return {"target": name, "inputs": len(inputs), "branches": branches, "reached": branches - missing}


def _select(feed: Callable[[bytes], None], inputs: list[Path], files: set[str], keep: int) -> list[Path]:
    reached: set[tuple[str, int, int]] = set()
    kept: list[Path] = []
    for path in inputs:
        steps = _trace(feed, path.read_bytes(), files)
        if path.stat().st_size <= KEPT_BYTES and len(kept) < keep and not steps <= reached:
            kept.append(path)
            reached |= steps
        else:
            path.unlink()
    return kept


def _trace(feed: Callable[[bytes], None], data: bytes, files: set[str]) -> set[tuple[str, int, int]]:
    """Return the steps from line to line that an input makes in some files."""
    steps: set[tuple[str, int, int]] = set()
    before: dict[int, int] = {}

    def follow(frame: FrameType, event: str, argument: object) -> Any:
        file = frame.f_code.co_filename
        if file not in files:
            return None
        place = id(frame)
        steps.add((file, before.get(place, 0), frame.f_lineno))
        before[place] = frame.f_lineno
        if event == "return":
            before.pop(place, None)
        return follow

    sys.settrace(follow)
    try:
        feed(data)
    finally:
        sys.settrace(None)
    return steps


def main(work: str, keep: str, *names: str) -> None:
    """Measure the targets that are named."""
    for name in names:
        sys.stdout.write(json.dumps(measure(name, Path(work), int(keep))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
