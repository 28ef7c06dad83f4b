# SPDX-License-Identifier: Apache-2.0
"""Serves the console: a process of its own on a socket that `app` has opened. What it shows is in `console`.

`python -m collector.web FOLDER DESCRIPTOR ADDRESS`, started by `app` only. Without TLS on loopback, with TLS
everywhere else.
"""

import logging
import os
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

import uvicorn

from collector import policies
from collector.addresses import is_loopback, split_address
from collector.authority import issue_console_certificate, load_authority
from collector.config import Config, load_config
from collector.console.app import create_app
from collector.errors import AddressError
from collector.store.engine import open_checked_engine
from proto.errors import SchoolwardenError
from proto.files import write_private
from proto.keys import load_signer


def serve_console(folder: Path, listening: socket.socket, address: str) -> None:
    """Serve until SIGTERM.

    Raises:
        StoreError: the database cannot be used.
        AddressError: the certificate cannot be used.
    """
    config = load_config(folder)
    engine = open_checked_engine(config)
    signer = load_signer(config.signing_key)
    is_secure = not is_loopback(address)

    def publish(actor: str, reason: str) -> int:
        return policies.publish(engine, config.school_id, signer, actor=actor, reason=reason, now_ns=time.time_ns())

    settings = uvicorn.Config(
        create_app(config, engine, publish=publish, secure_cookies=is_secure),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
    settings.load()
    if is_secure:
        settings.ssl = _load_tls(config, address)
    uvicorn.Server(settings).run(sockets=[listening])


def _load_tls(config: Config, address: str) -> ssl.SSLContext:
    """Return the school's own certificate if it put one into console/, else one of our CA."""
    folder = config.folder / "console"
    if not (folder / "tls.crt").exists():
        names = sorted({split_address(address)[0], socket.gethostname(), "localhost"})
        key, chain = issue_console_certificate(load_authority(config.authority_folder), names)
        folder = folder / "own"
        write_private(folder / "tls.key", key)
        write_private(folder / "tls.crt", chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    except (OSError, ssl.SSLError) as error:
        raise AddressError(f"the console's certificate cannot be used: {error}", hint=str(folder)) from error
    return context


def _end_with_parent() -> None:
    """End when the collector does, however it ends: our standard input is a pipe that it holds open."""

    def wait() -> None:
        # Not through sys.stdin: this thread would hold its lock when the interpreter ends, which aborts it.
        while os.read(0, 1):
            pass
        # It stops us in order before it ends itself, so it was killed: free the port at once, for its successor.
        os._exit(3)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def main(arguments: list[str]) -> int:
    """Serve the console and return the exit code."""
    folder, descriptor, address = arguments
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    _end_with_parent()
    try:
        with socket.socket(fileno=int(descriptor)) as listening:
            serve_console(Path(folder), listening, address)
    except SchoolwardenError as error:
        sys.stderr.write(f"the console: {error.message}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
