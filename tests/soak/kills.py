# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of agent and collector at random moments under load: nothing lost, nothing twice, everything verifies.

The agent is `producer`, which keeps a journal of what its spool said is on the disk. At the end both stand still, the
queue runs empty (so everything was acknowledged), and the ledger is held against the journal.
"""

import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from collector.config import load_config
from collector.store.engine import open_checked_engine, reading
from collector.store.schema import envelopes, incidents
from collector.verify import verify
from proto.chain import GENESIS, link
from proto.wire import decode_header_block

EVENTS_PER_S = 300
LONGEST_LIFE_S = 4.0
"""A collector needs about half of it to start: it is killed then as well."""
EMPTY_WITHIN_S = 120.0

Process = subprocess.Popen[bytes]


@dataclass
class Figures:
    """What happened."""

    kills_of_agent: int = 0
    kills_of_collector: int = 0
    produced: int = 0
    in_ledger: int = 0
    lost: int = 0
    duplicated: int = 0
    changed: int = 0
    incident_count: int = 0
    incident_count_expected: int = 0
    verify_problems: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def is_good(self) -> bool:
        """Return whether nothing was lost, doubled or changed."""
        counts = self.incident_count == self.incident_count_expected
        return counts and not (self.lost or self.duplicated or self.changed or self.verify_problems or self.problems)


class Rig:
    """One collector and one producer in a folder, to be killed and started again."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._log = (folder / "log").open("ab")
        self.collector_folder = folder / "collector"
        self.state = folder / "agent"
        self.journal = folder / "journal"
        self.figures = Figures()
        self._run("collector", "init", "--dir", str(self.collector_folder), "--school", "Soak school")
        self.collector = self._start_collector("127.0.0.1:0")
        self._wait_until_served()
        token = self._run("collector", "token", "--dir", str(self.collector_folder), "--uses", "1", "--valid-for", "1h")
        self._run("agent", "enrol", "--state", str(self.state), "--token", token.strip())
        self.agent = self._start_agent()

    def kill_one(self) -> None:
        """Let both live for a random while, then kill one of them and start it again."""
        time.sleep(self._random.uniform(0.02, LONGEST_LIFE_S))
        if self._random.random() < 0.5:
            _kill(self.agent)
            self.figures.kills_of_agent += 1
            self.agent = self._start_agent()
        else:
            _kill(self.collector)
            self.figures.kills_of_collector += 1
            self.collector = self._start_collector(None)

    def settle(self) -> None:
        """Make no more events, and wait until everything was acknowledged."""
        if self.collector.poll() is not None:
            self.collector = self._start_collector(None)
        (self.state / "stop").touch()
        waiting = self.state / "waiting"
        deadline = time.monotonic() + EMPTY_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                if waiting.read_text() == "0":
                    return
            time.sleep(0.2)
        self.figures.problems.append(f"the queue did not run empty: {(self._folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """End both."""
        _kill(self.agent)
        self.collector.send_signal(signal.SIGTERM)
        try:
            self.collector.wait(30)
        except subprocess.TimeoutExpired:
            _kill(self.collector)
        self._log.close()

    def count(self) -> None:
        """Hold the ledger against the journal."""
        config = load_config(self.collector_folder)
        engine = open_checked_engine(config)
        produced = dict(_read_journal(self.journal))
        ledger: Counter[int] = Counter()
        hashes: dict[int, str] = {}
        with reading(engine) as connection:
            previous = GENESIS
            for row in connection.execute(select(envelopes).order_by(envelopes.c.first_seq)):
                for seq, header in enumerate(decode_header_block(row.header_block), row.first_seq):
                    previous = link(header, previous)
                    ledger[seq] += 1
                    hashes[seq] = previous.hex()
            self.figures.incident_count = connection.execute(select(incidents.c.count.label("n"))).scalar() or 0
        self.figures.produced = len(produced)
        self.figures.in_ledger = len(ledger)
        self.figures.lost = sum(seq not in ledger for seq in produced)
        self.figures.duplicated = sum(times - 1 for times in ledger.values())
        self.figures.changed = sum(digest not in ("-", hashes.get(seq, "-")) for seq, digest in produced.items())
        self.figures.incident_count_expected = sum(seq % 50 == 0 for seq in ledger)
        if sorted(ledger) != list(range(1, len(ledger) + 1)):
            self.figures.problems.append("the numbers in the ledger have gaps")
        report = verify(engine, config)
        self.figures.verify_problems = len(report.problems)
        self.figures.problems += report.problems[:5]
        engine.dispose()

    def _start_collector(self, address: str | None) -> Process:
        ports = [each for name in ("--grpc", "--enrol", "--http") for each in (name, address)] if address else []
        command = [sys.executable, "-m", "collector", "serve", "--dir", str(self.collector_folder), *ports]
        return subprocess.Popen([each for each in command if each], stdout=self._log, stderr=self._log)

    def _start_agent(self) -> Process:
        command = [sys.executable, "-m", "tests.soak.producer", str(self.state), str(self.journal), str(EVENTS_PER_S)]
        return subprocess.Popen(command, stdout=self._log, stderr=self._log)

    def _wait_until_served(self) -> None:
        deadline = time.monotonic() + 60
        while not (self.collector_folder / "served.json").exists():
            if time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.1)

    def _run(self, module: str, *arguments: str) -> str:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def run(times: int, seed: int) -> Figures:
    """Kill so many times and return the figures."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), seed)
        try:
            for done in range(times):
                rig.kill_one()
                if (done + 1) % 10 == 0:
                    sys.stderr.write(f"{done + 1} of {times} kills\n")
            rig.settle()
        finally:
            rig.stop()
        rig.count()
    rig.figures.seconds = round(time.monotonic() - started, 1)
    return rig.figures


def to_text(figures: Figures) -> str:
    """Return the table."""
    rows: dict[str, Any] = {
        name.replace("_", " "): value for name, value in vars(figures).items() if name != "problems"
    }
    width = max(map(len, rows))
    return "\n".join([*(f"{name.ljust(width)}  {value}" for name, value in rows.items()), *figures.problems]) + "\n"


def to_json(figures: Figures) -> str:
    """Return the figures as JSON."""
    return json.dumps(vars(figures), indent=1) + "\n"


def _kill(process: Process) -> None:
    process.kill()
    process.wait()


def _read_journal(path: Path) -> list[tuple[int, str]]:
    """Return (number, hash, or - where it was gone) of each promised event; a line that was cut promised nothing."""
    lines = path.read_text().splitlines(keepends=True)
    parts = [line.split() for line in lines if line.endswith("\n")]
    return [(int(number), digest) for number, digest in parts]
