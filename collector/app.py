# SPDX-License-Identifier: Apache-2.0
"""Puts the collector together and runs it: ingest in this process, the console (`web`) in one of its own.

Two processes, because the console talks to browsers and ingest must not fall with it, and because each keeps its own
event loop. The socket of the console is opened here and lent to it: a taken port is known at once, and a console that
fell is followed by another on the same socket.
"""

import asyncio
import contextlib
import fcntl
import json
import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import uvloop
from sqlalchemy import Engine

from collector.addresses import is_any, is_loopback, join_address, split_address
from collector.authority import AuthorityFolder
from collector.checkpoints import make_checkpoint
from collector.config import Addresses, Config, write_addresses
from collector.erasure import truncate_log
from collector.errors import AddressError, CollectorError
from collector.server import Server
from collector.store.engine import open_checked_engine
from collector.trusts import announce_served
from proto.errors import SchoolwardenError
from proto.keys import load_signer

log = logging.getLogger(__name__)

CHECKPOINT_EVERY_S = 3600.0
CONSOLE_START_S = 60.0
CONSOLE_GRACE_S = 5.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 60.0
"""A console that ran for so long is no longer one that keeps falling."""

Process = subprocess.Popen[bytes]


class ConsoleEndedError(CollectorError):
    """The console did not even start. Everything is stopped, so that somebody notices."""


def serve(config: Config, addresses: Addresses, announce: Callable[[Addresses], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is told the addresses once all three answer.

    Raises:
        AddressError: an address cannot be served.
        StoreError: the database cannot be used.
        ConsoleEndedError: the console did not start.
    """
    with _only_one(config.folder), _open_http_socket(addresses.http) as http:
        engine = open_checked_engine(config)
        host, _ = split_address(addresses.http)
        addresses = replace(addresses, http=join_address(host, http.getsockname()[1]))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(engine, config, addresses, http, announce))


def to_json(addresses: Addresses) -> str:
    """Return the addresses as one line, for programs that wait until we serve."""
    scheme = "http" if is_loopback(addresses.http) else "https"
    return json.dumps({"grpc": addresses.grpc, "enrol": addresses.enrol, "http": f"{scheme}://{addresses.http}"})


async def _serve(
    engine: Engine, config: Config, addresses: Addresses, http: socket.socket, announce: Callable[[Addresses], None]
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    authorities = AuthorityFolder(config.authority_folder)
    server = Server(engine, config, authorities)
    try:
        events, enrolment = await server.start(addresses.grpc, addresses.enrol)
        served = replace(addresses, grpc=events, enrol=enrolment)
        console = _Console(config.folder, http, served.http)
        try:
            await asyncio.to_thread(console.wait)
            write_addresses(config.folder, served)
            await asyncio.to_thread(_tell_where, engine, config, authorities, served)
            announce(served)
            await _until_stopped(engine, config, server, console, stop)
        finally:
            await asyncio.to_thread(console.stop)
    finally:
        await server.close()
        await asyncio.to_thread(_checkpoint, engine, config)


def _tell_where(engine: Engine, config: Config, authorities: AuthorityFolder, served: Addresses) -> None:
    """Tell devices when ports or CAs are others than they were told; a rotation that was cut off is told now."""
    try:
        announce_served(
            engine,
            config,
            ca_certificates=authorities().certificates_der,
            served=served,
            now_ns=time.time_ns(),
        )
    except SchoolwardenError as error:
        # Devices that are connected need no statement.
        log.error("devices could not be told where to come: %s", error)


async def _until_stopped(
    engine: Engine, config: Config, server: Server, console: "_Console", stop: asyncio.Event
) -> None:
    running = asyncio.create_task(server.run())
    next_checkpoint_s = 0.0
    try:
        while not stop.is_set():
            console.look_after(time.monotonic())
            if time.monotonic() >= next_checkpoint_s:
                next_checkpoint_s = time.monotonic() + CHECKPOINT_EVERY_S
                await asyncio.to_thread(_checkpoint, engine, config)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _checkpoint(engine: Engine, config: Config) -> None:
    try:
        make_checkpoint(engine, config.school_id, load_signer(config.signing_key), time.time_ns())
        truncate_log(engine)  # What was erased while somebody read stood in there until now.
    except SchoolwardenError as error:
        log.error("no checkpoint was made: %s", error)


class _Console:
    """The console's process, and the next one when it ends by itself: devices are served meanwhile."""

    def __init__(self, folder: Path, http: socket.socket, address: str) -> None:
        self._folder = folder
        self._http = http
        self._address = address
        self._pause_s = FIRST_PAUSE_S
        self._start_again_at_s: float | None = None
        self._process = self._start()

    def _start(self) -> Process:
        descriptor = self._http.fileno()
        # -P: a file in the folder where somebody happens to start us must not be taken for a module.
        command = [sys.executable, "-P", "-m", "collector.web", str(self._folder.resolve())]
        self._started_at_s = time.monotonic()
        # Its own session: Ctrl-C reaches us alone, and we end it in order. Its standard input tells it when we are
        # gone.
        return subprocess.Popen(
            [*command, str(descriptor), self._address],
            pass_fds=[descriptor],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def wait(self) -> None:
        """Return when it answers. The socket is open from the start, so a request just waits until somebody takes it.

        Raises:
            ConsoleEndedError: it ended instead.
        """
        host, port = split_address(self._address)
        reachable = ("::1" if ":" in host else "127.0.0.1") if is_any(host) else host
        with contextlib.suppress(OSError), socket.create_connection((reachable, port), timeout=5.0) as connection:
            connection.settimeout(1.0)
            connection.sendall(b"GET /sign-in HTTP/1.0\r\nHost: localhost\r\n\r\n")
            deadline = time.monotonic() + CONSOLE_START_S
            while self._process.poll() is None and time.monotonic() < deadline:
                with contextlib.suppress(TimeoutError):
                    # A page, or with TLS the end of a connection that did not speak it: somebody is there.
                    connection.recv(1)
                    return
        if self._process.poll() is not None:
            raise ConsoleEndedError("the console did not start", hint="see its messages above")

    def look_after(self, now_s: float) -> None:
        """Start it anew if it ended, after a pause that grows while it keeps ending."""
        if self._process.poll() is None:
            return
        if self._start_again_at_s is None:
            if now_s - self._started_at_s > STEADY_AFTER_S:
                self._pause_s = FIRST_PAUSE_S
            code = self._process.returncode
            log.error("the console ended with code %s; it is started again in %.0f s", code, self._pause_s)
            self._start_again_at_s = now_s + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        elif now_s >= self._start_again_at_s:
            self._start_again_at_s = None
            self._close_pipe()
            try:
                self._process = self._start()
            except OSError as error:
                log.error("the console cannot be started: %s", error)

    def stop(self) -> None:
        """End it, and give the port back."""
        self._process.terminate()
        try:
            self._process.wait(CONSOLE_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close_pipe()
        self._http.close()

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it however we end."""
    with (folder / "serve.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AddressError(f"a collector serves {folder} already", hint="stop it first") from error
        yield


@contextlib.contextmanager
def _open_http_socket(address: str) -> Iterator[socket.socket]:
    host, port = split_address(address)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(128)
        except OSError as error:
            raise AddressError(
                f"{address} cannot be served: {error.strerror}",
                hint="another program has it? try another --http HOST:PORT",
            ) from error
        yield listening
