# SPDX-License-Identifier: Apache-2.0
"""An agent that makes events as fast as it is told: the real recorder, spool and uplink, without checks.

`python -m tests.soak.producer STATE JOURNAL EVENTS_A_SECOND`. Every event that the spool said is on the disk is
written to the journal, on the disk as well, before the next is made. It is there to be killed.
"""

import os
import sys
import time
from pathlib import Path

from agent.config import Config
from agent.identity import IdentityFolder
from agent.recorder import Record, Recorder
from agent.spool import Spool
from agent.uplink.line import Tell, Uplink
from proto.events import Program, ProgramStarted

FORBIDDEN_EVERY = 50
BATCH = 5


def main(state: str, journal: str, events_per_s: str) -> None:
    """Make events until killed."""
    config = Config(Path(state))
    identity = IdentityFolder(config.state).load()
    spool = Spool(config.spool_file, identity.spool_key)
    recorder = Recorder(identity, spool, bytes(16))
    tell = Tell(bundle=lambda bundle: None)
    uplink = Uplink(identity, spool, agent_version="soak", bundle_version=lambda: 1, tell=tell)
    uplink.start()
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    stop_file = config.state / "stop"
    while True:
        if stop_file.exists():
            # No new ones: what waits is sent, and an empty queue says that everything was acknowledged.
            (config.state / "waiting").write_text(str(spool.count()))
            time.sleep(0.1)
            continue
        before = spool.head(identity.epoch).seq
        numbers = range(before + 1, before + BATCH + 1)
        events = [
            ProgramStarted(Program("tor" if number % FORBIDDEN_EVERY == 0 else f"program-{number}", source="process"))
            for number in numbers
        ]
        recorder.record([Record(event, 3) for event in events], bundle_version=1)
        # What is acknowledged already is gone from the queue, and its hash with it.
        hashes = [spool.find_hash(number) for number in numbers]
        lines = [
            f"{number} {digest.hex() if digest else '-'}\n" for number, digest in zip(numbers, hashes, strict=True)
        ]
        os.write(descriptor, "".join(lines).encode())
        os.fdatasync(descriptor)
        time.sleep(BATCH / float(events_per_s))


if __name__ == "__main__":
    main(*sys.argv[1:])
