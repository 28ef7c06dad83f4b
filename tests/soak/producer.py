# SPDX-License-Identifier: Apache-2.0
"""An agent that makes events as fast as it is told: the real chain, recorder, spool, uplink and renewal, no checks.

`python -m tests.soak.producer STATE JOURNAL --rate EVENTS_A_SECOND`. Every event that the spool said is on the disk is
written to the journal, on the disk as well, before the next is made. It is there to be killed. While STATE/stop
exists it makes none; a file beside the journal says how many wait and what the line says.
"""

import argparse
import json
import logging
import os
import time
from dataclasses import replace
from pathlib import Path

from agent.config import Config
from agent.errors import SpoolError
from agent.identity import Identity, IdentityFolder
from agent.recorder import Record, Recorder
from agent.renewal import Renewal
from agent.succession import Succession
from agent.uplink.comparison import Break
from agent.uplink.line import Tell, Uplink
from proto.wire import DeviceFacts
from tests.soak.promises import Marks

BOOT_ID = bytes(16)
SEVERITY = 3
STANDING_EVERY_S = 0.2


class Producer:
    """The agent, put together as `agent.app` does it, and the journal of what it promised."""

    def __init__(self, state: Path, journal: Path, through: str) -> None:
        self._config = Config(state)
        self.succession = Succession(self._config, BOOT_ID)
        self.identity, self._spool = self.succession.open_chain()
        self._recorder = Recorder(self.identity, self._spool, BOOT_ID)
        self._found: Break | None = None
        renewal = Renewal(IdentityFolder(state), self.identity)
        self._through = through
        self._uplink = Uplink(
            self._route(self.identity) or self.identity,
            self._spool,
            agent_version="soak",
            bundle_version=lambda: 1,
            boot_id=BOOT_ID,
            tell=Tell(
                bundle=lambda bundle: None,
                trust=lambda signed: self._route(renewal.take_trust(signed)),
                renew=lambda offset_ns, is_refused=False: self._route(
                    renewal.renew_if_due(offset_ns, is_refused=is_refused)
                ),
                broken=self._on_broken,
            ),
        )
        self._standing_file = journal.with_suffix(".standing")
        """Beside the journal, which no fault touches: the state folder may be on the disk that is full."""
        self._journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._marks = Marks()
        self._standing_due_s = 0.0
        self._refused = 0
        self.made = 0

    def run(self, rate: float, batch: int, most: int) -> Break:
        """Make events until killed, after `most` of them only send; return if the chain is broken."""
        self._uplink.start()
        stop_file = self._config.state / "stop"
        while self._found is None:
            is_told_to_stop = stop_file.exists()
            if self.made < most and not is_told_to_stop:
                self._make(batch)
                time.sleep(batch / rate)
            else:
                time.sleep(STANDING_EVERY_S)
            self._tell_standing(is_stopped=is_told_to_stop)
        self._uplink.stop()
        self._spool.close()
        os.close(self._journal)
        return self._found

    def _route(self, identity: Identity | None) -> Identity | None:
        """Let the agent find the collector behind somebody in between, wherever it is told that the collector is."""
        return replace(identity, events_address=self._through) if identity and self._through else identity

    def _on_broken(self, found: Break) -> float:
        if found.is_succession:
            self.succession.ask(self.identity, found, DeviceFacts(hostname="soak"))
        self._found = found
        return 0.0

    def _make(self, count: int) -> None:
        made = [self._marks.next_event() for _ in range(count)]
        try:
            self._recorder.record([Record(event, SEVERITY) for _, event in made], bundle_version=1)
        except SpoolError:
            # Nothing was promised. These marks are never used again, so that they would be seen if they came.
            self._refused += count
            time.sleep(0.1)
            return
        os.write(self._journal, "".join(f"{mark}\n" for mark, _ in made).encode("ascii"))
        os.fdatasync(self._journal)
        self.made += count

    def _tell_standing(self, *, is_stopped: bool) -> None:
        if time.monotonic() < self._standing_due_s:
            return
        self._standing_due_s = time.monotonic() + STANDING_EVERY_S
        line = self._uplink.state
        content = {
            "pid": os.getpid(),
            "stopped": is_stopped,
            "waiting": self._spool.count(),
            "made": self.made,
            "refused": self._refused,
            "connected": line.is_connected,
            "problem": line.problem,
        }
        unfinished = self._standing_file.with_suffix(".new")
        unfinished.write_text(json.dumps(content), encoding="utf-8")
        os.replace(unfinished, self._standing_file)


def main() -> None:
    """Make events until killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.producer")
    parser.add_argument("state", type=Path)
    parser.add_argument("journal", type=Path)
    parser.add_argument("--rate", type=float, default=300.0, help="events a second")
    parser.add_argument("--batch", type=int, default=5, help="how many are made durable at once")
    parser.add_argument("--most", type=int, default=2**62, help="after so many, only send")
    parser.add_argument("--through", default="", metavar="HOST:PORT", help="where the collector is said to be")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s agent %(levelname)s %(name)s: %(message)s")
    while True:
        producer = Producer(options.state, options.journal, options.through)
        found = producer.run(options.rate, options.batch, options.most)
        producer.succession.mend(producer.identity, found)


if __name__ == "__main__":
    main()
