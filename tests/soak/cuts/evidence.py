# SPDX-License-Identifier: Apache-2.0
"""The collector's ledger when the power goes: everything acknowledged is in it, once, counted once, and it verifies.

`python -m tests.soak.cuts.evidence COLLECTOR SENT` is the process that is watched: the real ingest takes what two
devices have signed (a file, so that both ends know it), says what it acknowledged, and closes the database.
"""

import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from agent.identity import IdentityFolder
from collector.config import load_config
from collector.errors import CollectorError
from collector.ingest import Ingest, Submission
from collector.policies import find_bundle, open_own_bundle
from collector.store.engine import open_checked_engine
from proto.wire import Ack, Envelope
from rules.evaluate import Evaluator
from tests.collector.evidence import Device
from tests.soak.cuts.platter import Cut, Platter, lay_down, make_cuts
from tests.soak.cuts.trace import WORDS, Say, record
from tests.soak.outcome import Outcome
from tests.soak.promises import Marks, load_held
from tests.soak.rig import Rig

SIZES = (1, 60, 5, 120, 2, 30)
"""Events of the envelopes, of one device and the other by turns."""
QUICK_EVERY = 20
INDEX = ".db-shm"
"""SQLite's index of its log: in memory in all but name, and made anew by whoever opens the database first."""

Sent = list[tuple[list[str], bytes]]
"""The marks in an envelope, and the envelope."""


def run(outcome: Outcome, scratch: Path, *, seed: int, quick: bool) -> int:
    """Cut at every write of the watched process; return how many different disks were tried."""
    collector, sent = _prepare(scratch / "ledger")
    sent_file = scratch / "sent"
    sent_file.write_bytes(pickle.dumps(sent))
    store = collector / "store"
    before = Platter.load(store)
    steps = record(store, "tests.soak.cuts.evidence", str(collector), str(sent_file))
    steps = [step for step in steps if isinstance(step, Say) or not step.path.name.endswith(INDEX)]
    template = scratch / "template"
    shutil.copytree(collector, template, ignore=shutil.ignore_patterns("store"))
    met = tried = 0
    for cut in make_cuts(store, before, steps, seed=seed, drops_each=not quick):
        met += 1
        if quick and met % QUICK_EVERY:
            continue
        tried += 1
        with tempfile.TemporaryDirectory(dir=scratch) as place:
            again = Path(place) / "collector"
            shutil.copytree(template, again)
            lay_down(cut.state, store, again / "store")
            _judge(cut, again, sent, outcome)
    outcome.produced += sum(len(marks) for marks, _ in sent)
    outcome.acknowledged += sum(len(sent[int(word)][0]) for word in cut.said)
    return tried


def _prepare(folder: Path) -> tuple[Path, Sent]:
    """Make a collector and what two of its devices have to say."""
    folder.mkdir()
    rig = Rig(folder)
    rig.enrol(folder / "other")
    rig.close()
    devices = [Device(IdentityFolder(state).load()) for state in (rig.state, folder / "other")]
    marks, sent = Marks(), []
    for number, size in enumerate(SIZES):
        made = [marks.next_event() for _ in range(size)]
        envelope = devices[number % 2].say(*(event for _, event in made))
        sent.append(([mark for mark, _ in made], envelope.SerializeToString()))
    return rig.collector_folder, sent


def _judge(cut: Cut, collector: Path, sent: Sent, outcome: Outcome) -> None:
    """Open what a cut left, as a collector does at its next start, and hold it against what was acknowledged."""
    try:
        held = load_held(collector)
    except CollectorError as error:
        outcome.problems.append(f"ledger, after step {cut.after}: {error}")
        return
    promised = [mark for word in cut.said for mark in sent[int(word)][0]]
    outcome.lost += sum(mark not in held.marks for mark in promised)
    outcome.duplicated += sum(times - 1 for times in held.marks.values())
    outcome.problems += [f"ledger, after step {cut.after}: {problem}" for problem in held.problems]
    if held.counted != held.forbidden:
        outcome.problems.append(f"ledger, after step {cut.after}: {held.forbidden} forbidden, {held.counted} counted")
    halves = [marks for marks, _ in sent if 0 < sum(mark in held.marks for mark in marks) < len(marks)]
    if halves:
        outcome.problems.append(f"ledger, after step {cut.after}: {len(halves)} envelopes are there in part")


def main(arguments: Sequence[str]) -> None:
    """Be the process that is watched."""
    config = load_config(Path(arguments[0]))
    sent: Sent = pickle.loads(Path(arguments[1]).read_bytes())
    words = os.open(config.ledger_file.with_name(WORDS), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    engine = open_checked_engine(config)
    bundle = find_bundle(engine, config.school_id)
    assert bundle is not None
    ingest = Ingest(engine, config.school_id, Evaluator(open_own_bundle(bundle, config)))
    try:
        for number, (_, raw) in enumerate(sent):
            envelope = Envelope.FromString(raw)
            answer: Future[object] = Future()
            ingest.submit(Submission(envelope.device_id, envelope, answer))
            assert isinstance(answer.result(60), Ack)
            os.write(words, f"{number}\n".encode())
    finally:
        ingest.close()
        engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1:])
