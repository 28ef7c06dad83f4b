# SPDX-License-Identifier: Apache-2.0
"""Tests of the proxy that does to a connection what bad networks do."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.soak.proxy import Proxy, Weather

SENT = bytes(range(256)) * 200


@contextmanager
def connected(weather: Weather) -> Iterator[tuple[Proxy, socket.socket, socket.socket]]:
    """Give a proxy, and both ends of a connection through it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = Proxy(lambda: f"127.0.0.1:{listening.getsockname()[1]}", seed=1)
        proxy.weather = weather
        host, port = proxy.address.split(":")
        try:
            with socket.create_connection((host, int(port))) as near, listening.accept()[0] as far:
                near.settimeout(30)
                far.settimeout(30)
                yield proxy, near, far
        finally:
            proxy.close()


def read_to_end(end: socket.socket) -> bytes:
    """Return what comes until the connection ends or resets, or until all has come."""
    received = b""
    try:
        while len(received) < len(SENT) and (data := end.recv(65536)):
            received += data
    except ConnectionError:
        return received
    return received


@pytest.mark.parametrize("weather", [Weather("fair"), Weather("throttle", bytes_per_s=1e7, delay_s=0.001)])
def test_what_passes_is_not_changed(weather: Weather) -> None:
    """In either direction, also when it is slow."""
    with connected(weather) as (_, near, far):
        near.sendall(SENT)
        assert read_to_end(far) == SENT
        far.sendall(SENT)
        assert read_to_end(near) == SENT


def test_corruption_changes_bytes_and_no_length() -> None:
    """So that only who checks what he gets can know."""
    with connected(Weather("corrupt", corrupt_chance=1.0)) as (proxy, near, far):
        near.sendall(SENT)
        received = read_to_end(far)
    assert len(received) == len(SENT)
    assert 0 < sum(a != b for a, b in zip(received, SENT, strict=True)) <= proxy.counts["corrupted"]


def test_cut_comes_in_the_middle() -> None:
    """The other end gets a beginning, and hears that there is no more."""
    with connected(Weather("cut", cut_after_bytes=20_000)) as (proxy, near, far):
        near.sendall(SENT[:20_000])
        received = read_to_end(far)
    assert SENT.startswith(received)
    assert len(received) < 20_000
    assert proxy.counts["cut"] == 1


def test_half_open_connection_says_nothing() -> None:
    """What is sent arrives nowhere, and neither end hears of it until it is reset."""
    with connected(Weather("half-open", is_swallowing=True)) as (proxy, near, far):
        near.sendall(b"anybody?")
        far.settimeout(0.2)
        with pytest.raises(TimeoutError):
            far.recv(1)
        proxy.reset_all()
        far.settimeout(30)
        assert read_to_end(far) == b""
