# SPDX-License-Identifier: Apache-2.0
"""The real programs under measurement: a collector and agents in a temporary folder, ended when the measurement is."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

WAIT_S = 60.0


class Collector:
    """A collector of its own, serving on free loopback ports."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder = folder
        arguments = ["init", "--dir", str(folder), "--school", "Bench school"]
        self._run(*arguments, *(["--database", database] if database else []))
        self._log = (folder.parent / "collector.log").open("w")
        ports = [argument for name in ("--grpc", "--enrol", "--http") for argument in (name, "127.0.0.1:0")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "collector", "serve", "--dir", str(folder), *ports],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError((folder.parent / "collector.log").read_text())
        self.addresses: dict[str, str] = json.loads(line)

    def token(self, uses: int) -> str:
        """Return a new enrolment token."""
        return self._run("token", "--dir", str(self.folder), "--uses", str(uses), "--valid-for", "1h").strip()

    def _run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "collector", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def stop(self) -> None:
        """End it."""
        _end(self.process)
        self._log.close()


class Agent:
    """An enrolled agent that watches this machine."""

    def __init__(self, state: Path, token: str) -> None:
        self.state = state
        command = [sys.executable, "-m", "agent", "enrol", "--state", str(state), "--token", "-"]
        subprocess.run(command, check=True, input=token, capture_output=True, text=True)
        self._log = (state.parent / "agent.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", "--state", str(state)], stdout=self._log, stderr=self._log
        )

    def wait_until_watching(self) -> None:
        """Return when the first looks are done and everything was delivered."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError, ValueError):
                status = json.loads((self.state / "status.json").read_text())
                if status["connected"] and status["checks"] and not status["waiting_events"]:
                    return
            time.sleep(0.1)
        raise RuntimeError("the agent does not get to watching")

    def stop(self) -> None:
        """End it."""
        _end(self.process)
        self._log.close()


@contextlib.contextmanager
def running(program: Collector | Agent) -> Iterator[None]:
    """End a program when the block ends."""
    try:
        yield
    finally:
        program.stop()


def _end(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
