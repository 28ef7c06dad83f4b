# SPDX-License-Identifier: Apache-2.0
"""The agent's queue when the power goes: everything promised and not yet forgotten is there, once, and in order.

`python -m tests.soak.cuts.queue FOLDER` is the process that is watched: it makes a queue, appends small and large
events, forgets some, closes and opens again, and fills it until old content has to go.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agent.errors import AgentError
from agent.spool import Spool, SpooledEvent
from proto.events import Missing
from tests.agent.spooled import KEY, Chain, peek_all
from tests.soak.cuts.platter import Cut, Platter, lay_down, make_cuts
from tests.soak.cuts.trace import WORDS, record
from tests.soak.outcome import Outcome

MAX_BYTES = 120_000
LARGE_BYTES = 20_000
FILE = "spool.db"


def run(outcome: Outcome, scratch: Path, *, seed: int, quick: bool) -> int:
    """Cut at every write of the watched process; return how many different disks were tried."""
    folder = scratch / "queue"
    folder.mkdir()
    before = Platter.load(folder)
    steps = record(folder, "tests.soak.cuts.queue", str(folder))
    tried = 0
    for cut in make_cuts(folder, before, steps, seed=seed, drops_each=not quick):
        tried += 1
        with tempfile.TemporaryDirectory(dir=scratch) as place:
            lay_down(cut.state, folder, Path(place))
            _judge(cut, Path(place), outcome)
    last = [word.split() for word in cut.said]
    outcome.produced += max(int(number) for word, number in last if word == "appended")
    outcome.acknowledged += max(int(number) for word, number in last if word == "forgetting")
    return tried


def _judge(cut: Cut, place: Path, outcome: Outcome) -> None:
    """Open what a cut left, as the agent does at its next start, and hold it against what was promised."""
    said = [word.split() for word in cut.said]
    promised = max((int(number) for word, number in said if word == "appended"), default=0)
    begun = max((int(number) for word, number in said if word == "appending"), default=0)
    forgotten = max((int(number) for word, number in said if word == "forgetting"), default=0)
    try:
        spool = Spool(place / FILE, KEY, max_bytes=MAX_BYTES)
    except AgentError as error:
        outcome.lost += promised - forgotten
        if promised == 0:
            # Nothing was in it. The agent says so in a new epoch; that it does is tested with the agent.
            return
        outcome.problems.append(f"queue, after step {cut.after}: {error}")
        return
    try:
        head, waiting = spool.head(1), peek_all(spool)
        numbers = [event.seq for event in waiting]
        outcome.lost += len(set(range(forgotten + 1, promised + 1)) - set(numbers))
        outcome.duplicated += len(numbers) - len(set(numbers))
        if not promised <= head.seq <= begun:
            outcome.problems.append(f"queue, after step {cut.after}: the chain ends at {head.seq}, not {promised}")
        outcome.lost += sum(
            not _is_whole(event, may_have_gone=("filling", "1") in map(tuple, said)) for event in waiting
        )
        # What was left is of use: the chain goes on, and what waits can be forgotten.
        following = Chain(spool).make()
        spool.append(1, [following])
        spool.acknowledge(following.seq)
        if spool.count():
            outcome.problems.append(f"queue, after step {cut.after}: it does not run empty")
    except AgentError as error:
        outcome.problems.append(f"queue, after step {cut.after}: {error}")
    finally:
        spool.close()


def _is_whole(event: SpooledEvent, *, may_have_gone: bool) -> bool:
    if event.payload.missing is Missing.QUEUE_FULL:
        return may_have_gone
    return event.payload.missing is Missing.NO and event.payload.body == _body_of(event.seq)


def _body_of(seq: int) -> bytes:
    return f"content of event {seq}".encode().ljust(LARGE_BYTES if seq % 4 == 0 else 0, b".")


def main(arguments: Sequence[str]) -> None:
    """Be the process that is watched."""
    folder = Path(arguments[0])
    words = os.open(folder / WORDS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(word: str, number: int) -> None:
        os.write(words, f"{word} {number}\n".encode())

    def append(spool: Spool, count: int) -> None:
        chain, first = Chain(spool), spool.head(1).seq + 1
        say("appending", first + count - 1)
        spool.append(1, [chain.make(_body_of(seq)) for seq in range(first, first + count)])
        say("appended", first + count - 1)

    def forget(spool: Spool, seq: int) -> None:
        say("forgetting", seq)
        spool.acknowledge(seq)

    spool = Spool(folder / FILE, KEY, max_bytes=MAX_BYTES)
    append(spool, 1)
    append(spool, 5)
    forget(spool, 3)
    append(spool, 2)
    spool.close()
    spool = Spool(folder / FILE, KEY, max_bytes=MAX_BYTES)
    append(spool, 3)
    forget(spool, 11)
    append(spool, 4)
    say("filling", 1)
    append(spool, 9)
    append(spool, 8)
    forget(spool, 17)
    append(spool, 1)
    spool.close()


if __name__ == "__main__":
    main(sys.argv[1:])
