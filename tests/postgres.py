# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL cluster for tests, made from Debian's package in a temporary folder and gone afterwards.

It listens on a Unix socket only, syncs to the disk as in a school, and runs as an unprivileged user, since PostgreSQL
refuses to run as root.
"""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

UNPRIVILEGED = ("postgres", "nobody")
OWNER = "schoolwarden"
START_TIMEOUT_S = 60.0
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "fsync": "on",
    "synchronous_commit": "on",
    # Small: several test runs may share a machine.
    "shared_buffers": "16MB",
}


class Cluster:
    """One cluster. `start` before use, `remove` at the end."""

    def __init__(self) -> None:
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found:
            raise RuntimeError("PostgreSQL is not installed: apt install postgresql")
        self._programs = Path(found[-1]).parent
        self._folder = Path(tempfile.mkdtemp(prefix="schoolwarden-postgres-"))
        self._account = _find_account()
        if self._account:
            os.chown(self._folder, self._account["user"], self._account["group"])
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "--pgdata", str(self._data), "--username", OWNER, "--auth", "trust", "--encoding", "UTF8")

    def start(self) -> None:
        """Start it and return when it answers."""
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-k", str(self._folder), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self._account)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with psycopg.connect(self._url("postgres")):
                    return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError((self._folder / "log").read_text(errors="replace")[-2000:]) from None
                time.sleep(0.05)

    def kill(self) -> None:
        """End it at once and without order; it recovers from its log at the next start."""
        self._end(signal.SIGQUIT)

    def remove(self) -> None:
        """Stop it and remove all that it wrote."""
        self._end(signal.SIGINT)
        shutil.rmtree(self._folder)

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Make a database and return its address as `--database` takes it."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return self._url(name).replace("postgresql://", "postgresql+psycopg://")

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever still uses it."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def _url(self, name: str) -> str:
        return f"postgresql://{OWNER}@/{name}?host={self._folder}"

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(60)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments], check=True, capture_output=True, cwd="/", **self._account
        )


def _find_account() -> dict[str, Any]:
    """Return as whom to run it: as ourselves, or when we are root as somebody who may nothing."""
    if os.geteuid() != 0:
        return {}
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError(f"none of these users is here to run PostgreSQL: {', '.join(UNPRIVILEGED)}")
