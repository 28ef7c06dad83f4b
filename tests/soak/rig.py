# SPDX-License-Identifier: Apache-2.0
"""A real collector and an agent that makes events, each a process of its own, in a folder; and the count at the end.

What goes wrong between them is for the fault. `settle` and `judge` end each: no new events, the queue runs empty, the
ledger is held against the journal.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.soak.outcome import Outcome
from tests.soak.promises import compare, load_held, read_journal

SERVED_WITHIN_S = 90.0
EMPTY_WITHIN_S = 300.0
"""An agent that met nothing but failures waits up to a minute before it tries again."""
ENDED_WITHIN_S = 60.0
RATE = 300.0

Process = subprocess.Popen[bytes]


class Rig:
    """One collector and one agent, to be hurt and started again."""

    def __init__(self, folder: Path, *, database: str = "", environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.collector_folder = folder / "collector"
        self.state = folder / "agent"
        self.journal = folder / "journal"
        self.log_file = folder / "log"
        self.collector: Process | None = None
        self.agent: Process | None = None
        self._log = self.log_file.open("ab")
        self._served_before = 0
        self.restarts_wanted = 0
        """How often a fault lets the chain begin anew for a good reason."""
        parts = ["init", "--dir", str(self.collector_folder), "--school", "Soak school"]
        self.run_command("collector", *parts, *(["--database", database] if database else []))
        self.start_collector(environment)
        self.wait_until_served()
        self.enrol(self.state)

    def enrol(self, state: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        """Make a state folder a device's."""
        parts = ["token", "--dir", str(self.collector_folder), "--uses", "1", "--valid-for", "1h"]
        token = self.run_command("collector", *parts, environment=environment)
        parts = ["enrol", "--state", str(state), "--token", token.strip(), *options]
        self.run_command("agent", *parts, environment=environment)

    def start_collector(self, environment: dict[str, str] | None = None) -> None:
        """Start it where it served last; the first time at ports of its own."""
        self._served_before = self._find_served_inode()
        is_first = self._served_before == 0
        ports = [each for name in ("--grpc", "--enrol", "--http") for each in (name, "127.0.0.1:0")] if is_first else []
        self.collector = self._start("collector", "serve", "--dir", str(self.collector_folder), *ports, on=environment)

    def start_agent(self, *options: str, environment: dict[str, str] | None = None) -> None:
        """Start it; the options are the producer's."""
        parts = [str(self.state), str(self.journal), *(options or ("--rate", str(RATE)))]
        self.agent = self._start("tests.soak.producer", *parts, on=environment)

    def kill_collector(self) -> None:
        """End it without a word."""
        _kill(self.collector)

    def kill_agent(self) -> None:
        """End it without a word."""
        _kill(self.agent)

    def stop_collector(self) -> None:
        """End it in order."""
        if self.collector is not None and self.collector.poll() is None:
            self.collector.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.collector.wait(ENDED_WITHIN_S)
        self.kill_collector()

    def wait_until_served(self) -> None:
        """Return when the collector answers.

        Raises:
            RuntimeError: it does not.
        """
        if not self.wait_until(self._is_served, SERVED_WITHIN_S):
            raise RuntimeError(f"the collector does not serve:\n{self.log_tail()}")

    @property
    def events_address(self) -> str:
        """Where the collector takes events."""
        return str(json.loads((self.collector_folder / "served.json").read_text(encoding="utf-8"))["grpc"])

    def standing(self) -> dict[str, Any]:
        """Return what the agent that runs now last said of itself; empty before its first word."""
        with contextlib.suppress(FileNotFoundError):
            content: dict[str, Any] = json.loads(self.journal.with_suffix(".standing").read_text(encoding="utf-8"))
            if self.agent is not None and content["pid"] == self.agent.pid:
                return content
        return {}

    def wait_until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Return whether something came true in time."""
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def wait_until_answered(self, within_s: float) -> bool:
        """Return whether the agent makes something from now on, sends it, and hears in time that it is durable."""
        made_before: dict[int, int] = {}

        def is_answered() -> bool:
            said = self.standing()
            if not said:
                return False
            # By process: one that was started anew counts from 0.
            before = made_before.setdefault(said["pid"], said["made"])
            return bool(said["connected"] and said["made"] - said["waiting"] > before)

        return self.wait_until(is_answered, within_s)

    def settle(self, outcome: Outcome) -> None:
        """Let no more events be made, and wait until all were acknowledged."""
        if self.collector is None or self.collector.poll() is not None:
            self.start_collector()
        if self.agent is None or self.agent.poll() is not None:
            self.start_agent()
        (self.state / "stop").touch()

        def is_empty() -> bool:
            said = self.standing()
            # What it said before it knew that it is to stop may have been true, and there may have come more.
            return bool(said) and said["stopped"] and said["waiting"] == 0

        if not self.wait_until(is_empty, EMPTY_WITHIN_S):
            outcome.problems.append(f"the queue did not run empty: {self.standing()}\n{self.log_tail()}")

    def judge(self, outcome: Outcome) -> None:
        """Hold the ledger against the journal. Both processes must have ended."""
        promised = read_journal(self.journal)
        if not promised:
            outcome.problems.append(f"no event was made, so nothing was shown:\n{self.log_tail()}")
        waiting = int(self._last_standing().get("waiting", 0))
        held = load_held(self.collector_folder)
        held.restarts = max(held.restarts - self.restarts_wanted, 0)
        compare(promised, waiting, held, outcome)

    def close(self) -> None:
        """End both, however they stand."""
        self.kill_agent()
        self.stop_collector()
        self._log.close()

    def run_command(self, module: str, *parts: str, environment: dict[str, str] | None = None) -> str:
        """Run a command of the agent's or the collector's to its end, and return what it prints.

        Raises:
            RuntimeError: it ended with an error.
        """
        done = subprocess.run(
            [sys.executable, "-m", module, *parts],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | (environment or {}),
        )
        if done.returncode:
            raise RuntimeError(f"{module} {parts[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def log_tail(self) -> str:
        """Return the end of what both said."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-3000:]

    def _is_served(self) -> bool:
        if self.collector is None or self.collector.poll() is not None:
            raise RuntimeError(f"the collector has ended:\n{self.log_tail()}")
        return self._find_served_inode() not in (0, self._served_before)

    def _find_served_inode(self) -> int:
        """Return which file says what is served: each collector that starts puts a new one in its place."""
        with contextlib.suppress(FileNotFoundError):
            return (self.collector_folder / "served.json").stat().st_ino
        return 0

    def _last_standing(self) -> dict[str, Any]:
        path = self.journal.with_suffix(".standing")
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def _start(self, module: str, *parts: str, on: dict[str, str] | None) -> Process:
        return subprocess.Popen(
            [sys.executable, "-m", module, *parts],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=os.environ | (on or {}),
        )


@contextmanager
def running(
    folder: Path, outcome: Outcome, *, database: str = "", environment: dict[str, str] | None = None
) -> Iterator[Rig]:
    """Give a rig whose collector serves; at the end all is settled, ended and judged."""
    rig = Rig(folder, database=database, environment=environment)
    started_s = time.monotonic()
    try:
        yield rig
        rig.settle(outcome)
    finally:
        rig.close()
    rig.judge(outcome)
    outcome.seconds = round(time.monotonic() - started_s, 1)


def _kill(process: Process | None) -> None:
    if process is not None:
        process.kill()
        process.wait()
