# SPDX-License-Identifier: Apache-2.0
"""Identity and queue when the power goes while one chain ends and the next begins: nothing that waited is lost or told
twice, and whoever starts next is either the old device or the new one, whole.

`python -m tests.soak.cuts.succession FOLDER REASON` is the process that is watched: a device with events that wait
finds its chain broken and mends it, as a running agent does. Who answers for the collector is the complete fake.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import agent.succession
from agent.config import Config
from agent.identity import IdentityFolder
from agent.recorder import Record, Recorder
from agent.spool import Spool
from agent.succession import Succession
from agent.uplink.comparison import COLLECTOR_RESTORED, Break
from proto.enrolment import FORKED
from proto.errors import SchoolwardenError
from proto.events import AgentRekeyed, AgentStopped, ChainRestarted, Kind
from proto.wire import decode_event
from tests.agent.collector import FACTS, FakeCollector, open_as_collector
from tests.agent.spooled import peek_all
from tests.soak.cuts.platter import Cut, Platter, lay_down, make_cuts
from tests.soak.cuts.trace import WORDS, record
from tests.soak.outcome import Outcome

REASONS = (FORKED, COLLECTOR_RESTORED)
BOOT_ID = bytes(16)
SUCCESSOR_ID = "f" * 16
TOLD = tuple(AgentStopped(f"event {number}") for number in range(1, 13))
ACKNOWLEDGED = 2
WAITING = list(TOLD[ACKNOWLEDGED:])


def run(outcome: Outcome, scratch: Path, *, seed: int, quick: bool) -> int:
    """Cut at every write of both ways in which a chain is mended; return how many different disks were tried."""
    tried = 0
    for reason in REASONS:
        folder = scratch / f"succession-{reason}"
        folder.mkdir()
        before = Platter.load(folder)
        steps = record(folder, "tests.soak.cuts.succession", str(folder), reason)
        for cut in make_cuts(folder, before, steps, seed=seed, drops_each=not quick):
            if "ready" not in cut.said:
                continue
            tried += 1
            with tempfile.TemporaryDirectory(dir=scratch) as place:
                lay_down(cut.state, folder, Path(place))
                _judge(cut, reason, Path(place) / "state", outcome)
        outcome.produced += len(TOLD)
        outcome.acknowledged += ACKNOWLEDGED
    return tried


def _judge(cut: Cut, reason: str, state: Path, outcome: Outcome) -> None:
    """Start on what a cut left, and hold it against what waited."""
    try:
        identity, spool = Succession(Config(state), BOOT_ID).open_chain()
    except SchoolwardenError as error:
        outcome.lost += len(WAITING)
        outcome.problems.append(f"{reason}, after step {cut.after}: {error}")
        return
    try:
        waiting = peek_all(spool)
        if waiting and waiting[0].seq == 1:
            open_as_collector(identity, waiting)
        told = [decode_event(event.kind, event.payload.body) for event in waiting]
    except SchoolwardenError as error:
        outcome.problems.append(f"{reason}, after step {cut.after}: {error}")
        return
    finally:
        spool.close()
    outcome.lost += sum(each not in told for each in WAITING)
    outcome.duplicated += sum(told.count(each) - 1 for each in WAITING if each in told)
    opening = [each for each in told if not isinstance(each, AgentStopped)]
    is_new = identity.device_id == SUCCESSOR_ID or identity.epoch > 1
    if is_new != bool(opening) or any(not _is_opening(each, reason) for each in opening):
        outcome.problems.append(f"{reason}, after step {cut.after}: the chain begins with {opening}")


def _is_opening(event: Kind | None, reason: str) -> bool:
    if isinstance(event, AgentRekeyed | ChainRestarted):
        return (event.reason, event.carried) == (reason, len(WAITING))
    return False


def main(arguments: Sequence[str]) -> None:
    """Be the process that is watched."""
    folder, reason = Path(arguments[0]), arguments[1]
    config, collector = Config(folder / "state"), FakeCollector()
    words = os.open(folder / WORDS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    collector.enrol(config.state)
    Spool(config.spool_file, IdentityFolder(config.state).load().spool_key).close()
    succession = Succession(config, BOOT_ID)
    identity, spool = succession.open_chain()
    Recorder(identity, spool, BOOT_ID).record([Record(each, 1) for each in TOLD], bundle_version=1)
    spool.acknowledge(ACKNOWLEDGED)
    spool.close()
    os.write(words, b"ready\n")
    asking: Any = agent.succession
    asking.rekey = lambda former, request: collector.answer(request, device_id=SUCCESSOR_ID)
    found = Break(reason=reason, detail="said the soak")
    if found.is_succession:
        succession.ask(identity, found, FACTS)
    succession.mend(identity, found)
    os.write(words, b"mended\n")
    succession.open_chain()[1].close()


if __name__ == "__main__":
    main(sys.argv[1:])
