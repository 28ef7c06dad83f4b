# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that does to a connection what bad networks do. It sees only ciphertext, as a network does."""

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

CHUNK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to what passes, in both directions."""

    name: str
    delay_s: float = 0.0
    bytes_per_s: float = 0.0
    """0: as fast as it comes."""
    cut_after_bytes: int = 0
    """A connection is reset somewhere within so many bytes, most often in the middle of a record. 0: never."""
    corrupt_chance: float = 0.0
    """Of each chunk, that one of its bytes is changed."""
    is_swallowing: bool = False
    """Half-open: nothing arrives any more, and nobody is told."""
    is_refusing: bool = False


FAIR = Weather("fair")


class Proxy:
    """Listens on a port of its own and passes on to a target."""

    def __init__(self, target: Callable[[], str], seed: int) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_closed = False
        self.weather = FAIR
        self.counts: Counter[str] = Counter()
        """What was done to connections, by what it was; and `connections`."""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def reset_all(self) -> None:
        """Reset every connection that is open, on both sides."""
        with self._lock:
            sockets = list(self._open)
        for each in sockets:
            self._reset(each)

    def close(self) -> None:
        """Take no more connections, and end those that are open."""
        self._is_closed = True
        # A close alone does not wake whoever waits in accept.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.reset_all()

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if self.weather.is_refusing:
                self.counts["refused"] += 1
                self._reset(near)
                continue
            host, _, port = self._target().rpartition(":")
            try:
                far = socket.create_connection((host, int(port)), timeout=10)
            except OSError:
                self._reset(near)
                continue
            self.counts["connections"] += 1
            far.settimeout(None)
            with self._lock:
                self._open |= {near, far}
            budget = [self._random.randrange(1, self.weather.cut_after_bytes)] if self.weather.cut_after_bytes else [0]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink, budget), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, budget: list[int]) -> None:
        """Pass on one direction; both share the bytes after which the connection is cut."""
        try:
            while data := source.recv(CHUNK_BYTES):
                weather = self.weather
                if weather.is_swallowing:
                    self.counts["swallowed"] += 1
                    continue
                if weather.delay_s:
                    self.counts["delayed"] += 1
                    time.sleep(weather.delay_s * self._random.random())
                if weather.bytes_per_s:
                    self.counts["throttled"] += 1
                    time.sleep(len(data) / weather.bytes_per_s)
                if weather.cut_after_bytes:
                    budget[0] = (budget[0] or self._random.randrange(1, weather.cut_after_bytes)) - len(data)
                    if budget[0] <= 0:
                        sink.sendall(data[: len(data) + budget[0]])
                        self.counts["cut"] += 1
                        return
                sink.sendall(self._corrupt(data) if self._random.random() < weather.corrupt_chance else data)
        except OSError:
            return
        finally:
            self._reset(source)
            self._reset(sink)

    def _corrupt(self, data: bytes) -> bytes:
        self.counts["corrupted"] += 1
        place = self._random.randrange(len(data))
        return data[:place] + bytes([data[place] ^ self._random.randrange(1, 256)]) + data[place + 1 :]

    def _reset(self, each: socket.socket) -> None:
        with self._lock:
            self._open.discard(each)
        with suppress(OSError):
            # Not in order: what is on its way is thrown away, and the other side hears a reset.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            each.close()
