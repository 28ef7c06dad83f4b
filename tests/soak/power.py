# SPDX-License-Identifier: Apache-2.0
"""A power cut between every pair of writes of the agent's queue, of its change to another chain, and of the
collector's ledger: `cuts` says how."""

import sys
import tempfile
import time
from pathlib import Path

from tests.soak.cuts import evidence, queue, succession, trace
from tests.soak.outcome import Outcome

IN_MEMORY = Path("/dev/shm")
"""Where the disks of a replay lie: nothing that they say about a disk is meant for a real one."""


def find_missing() -> str:
    """Say what is missing to watch writes; empty when nothing is."""
    return trace.find_missing()


def run(seed: int, *, quick: bool) -> Outcome:
    """Cut everywhere; quick: not every single write is dropped, and the ledger's every 20th cut only."""
    outcome = Outcome("cuts")
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        sys.stderr.write("cuts: the queue\n")
        of_queue = queue.run(outcome, Path(folder), seed=seed, quick=quick)
        sys.stderr.write(f"cuts: {of_queue} disks with a queue done; another chain\n")
        of_chain = succession.run(outcome, Path(folder), seed=seed, quick=quick)
        sys.stderr.write(f"cuts: {of_chain} disks with a chain that changes done; the ledger\n")
        of_ledger = evidence.run(outcome, Path(folder), seed=seed, quick=quick)
    outcome.tried = of_queue + of_chain + of_ledger
    outcome.seen = (
        f"different disks: {of_queue} with a queue, {of_chain} with a chain that changes, {of_ledger} with a ledger"
    )
    outcome.seconds = round(time.monotonic() - started_s, 1)
    return outcome
