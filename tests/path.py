# SPDX-License-Identifier: Apache-2.0
"""The whole path as an operator starts it: a collector and agents as programs of their own, in folders of a test.

    with RunningCollector(tmp_path / "collector") as collector, RunningAgent(tmp_path / "agent") as agent:
        collector.init()
        collector.start()
        agent.enrol(collector.token())
        agent.start()

What they say is kept beside their folder and shown when something is waited for in vain.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Engine

from collector.config import Config, load_config
from collector.incidents import Incident, list_incidents
from collector.store.engine import open_engine
from proto.events import Audience
from tests.events import list_events

PROGRAMS = Path(sys.executable).parent
DEADLINE_S = 60.0
GRACE_S = 30.0
Found = TypeVar("Found")

ANY_PORT = ("--grpc", "127.0.0.1:0", "--enrol", "127.0.0.1:0", "--http", "127.0.0.1:0")


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


def run(program: str, *arguments: str, given: str = "", deadline_s: float = DEADLINE_S) -> Said:
    """Run one command to its end."""
    done = subprocess.run(
        [str(PROGRAMS / program), *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=deadline_s,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def wait_for(look: Callable[[], Found], what: str, *programs: "RunningProgram") -> Found:
    """Look again and again until there is something to see; show what the programs said if it never comes."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := look()):
        said = "\n".join(f"--- {program.name}\n{program.log()}{program.describe()}" for program in programs)
        assert time.monotonic() < deadline, f"waited in vain for {what}\n{said}"
        time.sleep(0.1)
    return found


class RunningProgram:
    """A program that runs until it is stopped or killed."""

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder.with_name(f"{folder.name}.log")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """Return what it said last."""
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""

    def describe(self) -> str:
        """Return how it stands, for whoever waited in vain."""
        return "" if self.is_running else "It does not run.\n"

    @property
    def pid(self) -> int:
        """Its process id, while it runs."""
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        return self._process.pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end and return its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(GRACE_S)

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _command(self) -> list[str]:
        return [str(PROGRAMS / self.name)]

    def _launch(self, *arguments: str) -> Path:
        """Start it and return the file that its standard output goes to."""
        assert not self.is_running
        output = self.folder.with_name(f"{self.folder.name}.out")
        with output.open("wb") as out, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command(), *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=log
            )
        return output


class RunningCollector(RunningProgram):
    """A collector."""

    name = "schoolwarden-collector"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.addresses: dict[str, str] = {}
        self._engine: Engine | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine is not None:
            self._engine.dispose()
        super().__exit__(kind, error, trace)

    def run(self, *arguments: str, given: str = "") -> Said:
        """Run a verb on its folder."""
        return run(self.name, *arguments, "--dir", str(self.folder), given=given)

    def init(self, *arguments: str) -> str:
        """Make it and return the first administrator's password."""
        named = () if "--school" in arguments else ("--school", "A school")
        said = self.run("init", *named, *arguments)
        assert said.code == 0, said
        return said.out.strip()

    def start(self, *arguments: str) -> None:
        """Serve, the first time on any free ports, later where it served last; return when all three answer."""
        wanted = arguments or (() if self.addresses else ANY_PORT)
        output = self._launch("serve", "--dir", str(self.folder), *wanted)
        wait_for(lambda: output.read_bytes().endswith(b"\n") or not self.is_running, "the collector to serve", self)
        assert self.is_running, self.log()
        self.addresses = json.loads(output.read_text())

    def token(self, *, uses: int = 1) -> str:
        """Return a new enrolment token."""
        said = self.run("token", "--uses", str(uses), "--valid-for", "1h")
        assert said.code == 0, said
        return said.out.strip()

    @property
    def config(self) -> Config:
        """Its settings."""
        return load_config(self.folder)

    @property
    def engine(self) -> Engine:
        """Its database, to look at beside it."""
        if self._engine is None:
            self._engine = open_engine(self.config)
        return self._engine

    def incidents(self, rule: str = "", *, device_id: str | None = None) -> list[Incident]:
        """Return the security incidents, or those of one rule or one device."""
        found = list_incidents(self.engine, self.config.school_id, audiences=[Audience.SECURITY], device_id=device_id)
        return [incident for incident in found if rule in ("", incident.rule)]

    def wait_for_kind(self, kind: str, agent: "RunningAgent") -> None:
        """Return when an event of a kind has come from an agent."""

        def has_come() -> bool:
            events = list_events(self.engine, self.config.school_id, agent.device_id, limit=1000)
            return kind in {event.kind for event in events}

        wait_for(has_come, f"an event {kind}", self, agent)

    def verify(self) -> dict[str, Any]:
        """Check all evidence from the command line; it must be sound."""
        said = self.run("verify", "--format", "json")
        assert (said.code, said.json["problems"]) == (0, []), said
        return dict(said.json)


class RunningAgent(RunningProgram):
    """An agent that watches this machine."""

    name = "schoolwarden-agent"

    def run(self, *arguments: str, given: str = "") -> Said:
        """Run a command on its folder."""
        return run(self.name, *arguments, "--state", str(self.folder), given=given)

    def enrol(self, token: str, *arguments: str) -> Said:
        """Enrol with a token that goes in by standard input."""
        said = self.run("enrol", "--token", "-", *arguments, given=token)
        assert said.code == 0, said
        return said

    def start(self) -> None:
        """Run until stopped; return when it says of itself that it runs."""
        self._launch("run", "--state", str(self.folder))
        wait_for(lambda: self.status().get("pid") == self.pid, "the agent to run", self)

    def status(self) -> dict[str, Any]:
        """Return what it last wrote down of itself."""
        try:
            status: dict[str, Any] = json.loads((self.folder / "status.json").read_text())
        except FileNotFoundError:
            return {}
        return status

    def describe(self) -> str:
        """Return how it stands, with what it last wrote down of itself."""
        return f"{super().describe()}{json.dumps(self.status(), indent=1)}\n"

    @property
    def device_id(self) -> str:
        """Which device it is."""
        return str(json.loads((self.folder / "identity" / "identity.json").read_text())["device_id"])

    def wait_until_connected(self) -> None:
        """Return when the collector answers it."""
        wait_for(lambda: self.status().get("connected"), "the agent to connect", self)

    def wait_until_sent(self) -> None:
        """Return when nothing waits any more."""
        wait_for(
            lambda: self.status().get("connected") and self.status().get("waiting_events") == 0,
            "the agent's queue to run empty",
            self,
        )
