# SPDX-License-Identifier: Apache-2.0
"""Runs a whole Schoolwarden on this machine, for a first look: a collector, and this machine as its only device.

`make run` calls it. It only does what an administrator would do by hand, with the same two commands, in a folder that
is kept until `make reset`. For a school, see the installation pages: there the two run as services, apart.
"""

import argparse
import fcntl
import json
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from collector.config import Addresses, load_addresses, load_config
from collector.store.engine import open_checked_engine
from collector.users import list_users
from installers import demo
from installers.children import Child, stop_all
from installers.errors import LocalRunError
from proto.files import make_private_folder, write_private

BIN = Path(sys.executable).parent
SCHOOL = "Demo school"
ADMINISTRATOR = "admin"
TECHNICIAN = "technician"
FORBIDDEN = "tor"
"""A program that the baseline policy forbids, for trying it out."""

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below those that the system gives to outgoing connections, so that a kept one is likely to be free again."""
START_TIMEOUT_S = 90.0
ONE_TIME_PASSWORD = re.compile(r"\b(?:[a-z2-9]{4}-){4}[a-z2-9]{4}\b")


class StopRequestedError(Exception):
    """Ctrl-C, or somebody ended us."""


class LocalRun:
    """A collector and an agent in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.collector = folder / "collector"
        self.agent = folder / "agent"
        self.readers = folder / "readers"
        self._notes = folder / "notes.json"
        self._children: list[Child] = []

    def run(self) -> None:
        """Prepare, start both, say where to look, and stay until asked to stop.

        Raises:
            LocalRunError: a step failed, or one of the two ended by itself; the other is stopped then.
        """
        make_private_folder(self.folder)
        (self.folder / "log").mkdir(exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                hint = "use that one, or another folder: make run RUN=.run2"
                raise LocalRunError(f"{self.folder} is in use by another run", hint=hint) from error
            try:
                self._prepare()
                served = self._start_collector()
                self._enrol(served["grpc"])
                self._start_agent()
                _talk(self._describe(served["http"]))
                while True:
                    self._verify_running()
                    time.sleep(0.5)
            finally:
                self._stop()

    def _prepare(self) -> None:
        """Make the collector and the people who look at it, once."""
        if not (self.collector / "collector.toml").exists():
            _talk("making a collector ...")
            made = _collector("init", "--dir", str(self.collector), "--school", SCHOOL)
            self._note(passwords={ADMINISTRATOR: _find_password(made)})
        if TECHNICIAN not in self._passwords():
            self._add_user(TECHNICIAN, "technician")
        if "readers" not in self._load_notes():
            _talk("making two demo readers of safeguarding flags, with keys of their own ...")
            if self.readers.exists():
                raise LocalRunError("the demo's readers are half made", hint="make reset starts afresh")
            readers = demo.set_up(self.readers, self.collector, run=_run_command, add_user=self._add_user)
            self._note(readers={each.name: each.passphrase for each in readers})

    def _add_user(self, name: str, role: str) -> str:
        password = _find_password(_collector("user", "add", name, "--role", role, "--dir", str(self.collector)))
        self._note(passwords={**self._passwords(), name: password})
        return password

    def _start_collector(self) -> dict[str, str]:
        kept = load_addresses(self.collector) or Addresses("", "", "")
        chosen: list[str] = []
        for address in (kept.grpc, kept.enrol, kept.http):
            chosen.append(address if _is_free(address) else _choose_free_address(chosen))
        options = [part for pair in zip(("--grpc", "--enrol", "--http"), chosen, strict=True) for part in pair]
        _talk("starting the collector ...")
        child = self._start("collector", ["schoolwarden-collector", "serve", "--dir", str(self.collector), *options])
        served: dict[str, str] = json.loads(child.wait_for_line(START_TIMEOUT_S))
        return served

    def _enrol(self, events_address: str) -> None:
        """Make this machine a device; again when the collector had to move, since a device keeps its address."""
        enrolled_at = self._load_notes().get("enrolled_at")
        if enrolled_at == events_address:
            return
        _talk("enrolling this machine ..." if enrolled_at is None else "its address was taken: enrolling again ...")
        token = _collector("token", "--dir", str(self.collector), "--uses", "1", "--valid-for", "1h").strip()
        again = ["--again"] if (self.agent / "identity").exists() else []
        _run(["schoolwarden-agent", "enrol", "--state", str(self.agent), "--token", "-", *again], token)
        self._note(enrolled_at=events_address)

    def _start_agent(self) -> None:
        """Start the agent and wait until it is connected."""
        _talk("starting the agent ...")
        child = self._start("agent", ["schoolwarden-agent", "run", "--state", str(self.agent)])
        command = [str(BIN / "schoolwarden-agent"), "status", "--state", str(self.agent), "--format", "json"]
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            self._verify_running()
            said = subprocess.run(command, capture_output=True, text=True, check=False)
            # Right after a run the agent before this one may still look alive.
            if said.returncode == 0 and json.loads(said.stdout).get("pid") == child.pid:
                return
            time.sleep(0.3)
        raise LocalRunError(f"the agent did not reach the collector:\n{child.tail()}", hint=f"see {child.log}")

    def _start(self, name: str, command: list[str]) -> Child:
        child = Child(name, [str(BIN / command[0]), *command[1:]], self.folder / "log")
        self._children.append(child)
        return child

    def _verify_running(self) -> None:
        for child in self._children:
            child.verify_running()

    def _stop(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if self._children:
            _talk("stopping ...")
        for name in stop_all(self._children):
            _talk(f"{name} did not end in time and was killed; what it had acknowledged is safe")

    def _describe(self, address: str) -> str:
        explained = json.loads(_run(["schoolwarden-agent", "explain", "--state", str(self.agent), "--format", "json"]))
        copy, commands = self.folder / FORBIDDEN, _shorten(BIN)
        lines = ["", "Schoolwarden runs on this machine.", "", f"  Console        {address}"]
        for name, password in self._forget_used_passwords().items():
            shown = f"{password}   (once: you choose your own then)" if password else "the one-time password was used"
            lines.append(f"  {name:<13}  {shown}")
            if not password:
                reset = f"{commands}/schoolwarden-collector user reset {name} --dir {self.collector}"
                lines.append(f"                 (forgotten? {reset}, or all of it: make reset)")
        lines += [
            "",
            f"Watched on this machine: {', '.join(explained['checks'])}.",
            "Not watched:",
        ]
        lines += [f"  - {each}" for each in explained["not_watched"]]
        lines += ["", "Try it: this starts a program under a forbidden name, an incident about a second later."]
        lines += [f"  cp /bin/sleep {copy} && {copy} 30", ""]
        lines += self._describe_flags(explained, commands)
        lines += [f"What is collected: {commands}/schoolwarden-agent explain --state {self.agent}"]
        return "\n".join([*lines, f"Logs: {self.folder / 'log'}", "Stop: Ctrl-C", ""])

    def _describe_flags(self, explained: dict[str, Any], commands: Path) -> list[str]:
        """Say how a safeguarding flag is seen, and what of it cannot be seen on this machine."""
        drill = f"{commands}/schoolwarden-collector drill {explained['device']} --dir {self.collector}"
        lines = [
            "Safeguarding flags: DEMO readers with a DEMO impact assessment. Sign in as dsl (it asks for a second",
            "factor at once: take any authenticator app), open Flags and enter the six words:",
            *(f"  {name:<13}  {words}" for name, words in self._load_notes()["readers"].items()),
        ]
        unmet = explained["watching"]["unmet"]
        if unmet:
            lines += ["Keyboards are not watched on this machine now:", *(f"  - {each}" for each in unmet)]
        else:
            groups = ", ".join(explained["watching"]["groups"])
            lines += [
                f"Watched are X11 sessions of members of {groups}, never root's, once the notice there is accepted:",
                "  type in any window: i want to kill myself",
            ]
        return [*lines, "Without a keyboard, a drill takes the same way and is marked as one:", f"  {drill}", ""]

    def _forget_used_passwords(self) -> dict[str, str]:
        """Return the one-time passwords by user; one that was used is no secret worth keeping and is empty."""
        config = load_config(self.collector)
        users = list_users(open_checked_engine(config), config.school_id)
        unused = {user.name for user in users if user.must_change_password}
        self._note(passwords={name: text if name in unused else "" for name, text in self._passwords().items()})
        return self._passwords()

    def _passwords(self) -> dict[str, str]:
        passwords: dict[str, str] = self._load_notes().get("passwords", {})
        return passwords

    def _load_notes(self) -> dict[str, Any]:
        try:
            notes: dict[str, Any] = json.loads(self._notes.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return notes

    def _note(self, **values: Any) -> None:
        write_private(self._notes, json.dumps({**self._load_notes(), **values}, indent=1).encode())


def _collector(*arguments: str) -> str:
    return _run(["schoolwarden-collector", *arguments])


def _run_command(program: str, *arguments: str, said: str = "") -> str:
    return _run([program, *arguments], said)


def _run(command: list[str], said: str = "") -> str:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], input=said, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise LocalRunError(f"{' '.join(command[:2])} failed: {done.stderr.strip()}", hint="make reset starts afresh")
    return done.stdout


def _find_password(said: str) -> str:
    found = ONE_TIME_PASSWORD.search(said)
    if found is None:
        raise LocalRunError("no one-time password was printed", hint="make reset starts afresh")
    return found.group()


def _shorten(path: Path) -> Path:
    """Return a path as short as it can be typed in the folder we are in."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _is_free(address: str) -> bool:
    host, _, port = address.rpartition(":")
    if not host:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return False
    return True


def _choose_free_address(taken: list[str]) -> str:
    for port in random.sample(PORTS, 200):
        address = f"{HOST}:{port}"
        if address not in taken and _is_free(address):
            return address
    raise LocalRunError("no free port was found", hint="end some of the programs that listen on this machine")


def _talk(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _request_stop(number: int, _frame: object) -> None:
    raise StopRequestedError(signal.Signals(number).name)


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped: 0 when asked to, 3 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m installers.local", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(".run"), help="where everything is kept (default: .run)")
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _request_stop)
    try:
        LocalRun(options.folder).run()
    except StopRequestedError:
        _talk("stopped; make run goes on where this ended")
        return 0
    except LocalRunError as error:
        sys.stderr.write(f"local run: {error.message}\nlocal run: what to do: {error.hint}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
