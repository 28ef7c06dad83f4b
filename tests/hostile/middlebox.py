# SPDX-License-Identifier: Apache-2.0
"""What may stand between a device and its collector, each a real small server on a free port.

with Middlebox(answer(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as box: ... box.address
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from collector.authority import Authority, issue_listener_certificate

DEADLINE_S = 30.0
Behaviour = Callable[["Middlebox", socket.socket], None]


class Middlebox:
    """Takes connections and does one thing with each, in a thread of its own."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.ended = threading.Event()
        self.frozen = threading.Event()
        """Set it, and a pump carries nothing any more, and tells nobody."""
        self.heard = bytearray()
        """The first bytes of each connection."""
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while not self.ended.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._start(partial(self._serve, connection))

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(DEADLINE_S)
        # Whoever calls may hang up at any time.
        with connection, contextlib.suppress(OSError):
            self._behaviour(self, connection)

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()


def answer(text: bytes) -> Behaviour:
    """Answer the first words of a caller with these, and hang up."""

    def behave(box: Middlebox, connection: socket.socket) -> None:
        box.heard += connection.recv(65_536)
        connection.sendall(text)

    return behave


def say_nothing(box: Middlebox, connection: socket.socket) -> None:
    """Take the connection and nothing else."""
    box.ended.wait(DEADLINE_S)


def reset(box: Middlebox, connection: socket.socket) -> None:
    """Reset the connection at the first byte."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(box: Middlebox, connection: socket.socket) -> None:
    """Hang up in order after the first words."""
    connection.recv(65_536)


def speak_tls(folder: Path, authority: Authority, *, alpn: tuple[str, ...] = (), text: bytes = b"") -> Behaviour:
    """Speak TLS with a certificate of this CA, with these protocols, and answer the first words."""
    key, chain = issue_listener_certificate(authority)
    return speak_tls_with(folder, key, chain, alpn=alpn, text=text)


def speak_tls_with(folder: Path, key: bytes, chain: bytes, *, alpn: tuple[str, ...], text: bytes = b"") -> Behaviour:
    """Speak TLS with this certificate."""
    file = folder / "middlebox.pem"
    file.write_bytes(key + chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if alpn:
        context.set_alpn_protocols(list(alpn))

    def behave(box: Middlebox, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            box.heard += inside.recv(65_536)
            inside.sendall(text)

    return behave


def connect_to(target: str) -> Behaviour:
    """Be an HTTP proxy that lets CONNECT through to one address."""

    def behave(box: Middlebox, connection: socket.socket) -> None:
        box.heard += connection.recv(65_536)
        host, _, port = target.partition(":")
        with socket.create_connection((host, int(port))) as beyond:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            pump(box, connection, beyond)

    return behave


def pump(box: Middlebox, one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""

    def carry(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if box.frozen.is_set():
                    box.ended.wait(DEADLINE_S)
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=carry, args=(other, one), daemon=True)
    back.start()
    carry(one, other)
    back.join(DEADLINE_S)
