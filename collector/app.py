# SPDX-License-Identifier: Apache-2.0
"""Puts the collector together and runs it: ingest in this process, the console (`web`) in one of its own.

Two processes, because the console talks to browsers and ingest must not fall with it, and because each keeps its own
event loop. The socket of the console is opened here and handed over, so that a taken port is known at once.
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
from collector.authority import load_authority
from collector.checkpoints import make_checkpoint
from collector.config import Addresses, Config, write_addresses
from collector.errors import AddressError, CollectorError
from collector.server import Server
from collector.store.engine import open_checked_engine
from proto.keys import load_signer

log = logging.getLogger(__name__)

CHECKPOINT_EVERY_S = 3600.0
CONSOLE_START_S = 60.0
CONSOLE_GRACE_S = 5.0

Process = subprocess.Popen[bytes]


class ConsoleEndedError(CollectorError):
    """The console's process ended by itself. Everything is stopped, so that somebody notices."""


def serve(config: Config, addresses: Addresses, announce: Callable[[Addresses], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is told the addresses once all three answer.

    Raises:
        AddressError: an address cannot be served.
        StoreError: the database cannot be used.
        ConsoleEndedError: the console ended by itself.
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
    server = Server(engine, config, load_authority(config.authority_folder))
    try:
        events, enrolment = await server.start(addresses.grpc, addresses.enrol)
        served = replace(addresses, grpc=events, enrol=enrolment)
        console = _start_console(config.folder, http, served.http)
        http.close()
        try:
            await asyncio.to_thread(_wait_for_console, console, served.http)
            write_addresses(config.folder, served)
            announce(served)
            await _until_stopped(engine, config, server, console, stop)
        finally:
            await asyncio.to_thread(_stop_console, console)
    finally:
        await server.close()
        await asyncio.to_thread(_checkpoint, engine, config)


async def _until_stopped(engine: Engine, config: Config, server: Server, console: Process, stop: asyncio.Event) -> None:
    running = asyncio.create_task(server.run())
    next_checkpoint_s = 0.0
    try:
        while not stop.is_set():
            if console.poll() is not None:
                raise ConsoleEndedError(
                    f"the console ended with code {console.returncode}", hint="see its messages above"
                )
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
    except CollectorError as error:
        log.error("no checkpoint was made: %s", error)


def _start_console(folder: Path, http: socket.socket, address: str) -> Process:
    descriptor = http.fileno()
    command = [sys.executable, "-m", "collector.web", str(folder.resolve()), str(descriptor), address]
    # Its own session: Ctrl-C reaches us alone, and we end it in order. Its standard input tells it when we are gone.
    return subprocess.Popen(command, pass_fds=[descriptor], stdin=subprocess.PIPE, start_new_session=True)


def _wait_for_console(console: Process, address: str) -> None:
    """Return when it answers. The socket is open from the start, so a request just waits until somebody takes it."""
    host, port = split_address(address)
    reachable = ("::1" if ":" in host else "127.0.0.1") if is_any(host) else host
    with contextlib.suppress(OSError), socket.create_connection((reachable, port), timeout=5.0) as connection:
        connection.settimeout(1.0)
        connection.sendall(b"GET /sign-in HTTP/1.0\r\nHost: localhost\r\n\r\n")
        deadline = time.monotonic() + CONSOLE_START_S
        while console.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                # A page, or with TLS the end of a connection that did not speak it: somebody is there.
                connection.recv(1)
                return
    if console.poll() is not None:
        raise ConsoleEndedError("the console did not start", hint="see its messages above")


def _stop_console(console: Process) -> None:
    console.terminate()
    try:
        console.wait(CONSOLE_GRACE_S)
    except subprocess.TimeoutExpired:
        console.kill()
        console.wait()


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
