# SPDX-License-Identifier: Apache-2.0
"""Tests of the counters of connections, with real connections to this machine's own address."""

import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.system.linux.machine import LinuxSystem
from agent.system.linux.traffic import LinuxTraffic, parse_connection

SENT_BYTES = 4 * 1024 * 1024
SENDER = """
import fcntl, socket, struct, sys, termios, time
line = socket.create_connection((sys.argv[1], int(sys.argv[2])))
line.sendall(bytes(int(sys.argv[3])))
# The kernel counts what the other side has acknowledged.
deadline_s = time.monotonic() + 20
while struct.unpack("i", fcntl.ioctl(line, termios.TIOCOUTQ, bytes(4)))[0]:
    assert time.monotonic() < deadline_s, "not all of it has arrived"
    time.sleep(0.01)
print("sent", flush=True)
sys.stdin.read()
"""


@contextmanager
def sink(address: str) -> Iterator[int]:
    """Take all that one connection sends; give its port."""
    with socket.create_server((address, 0)) as server:

        def take() -> None:
            line, _ = server.accept()
            with line:
                while line.recv(1 << 16):
                    pass

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def own_address() -> str:
    """Return an address of this machine that is not the loopback's."""
    return next(each for each in LinuxSystem().list_addresses() if ":" not in each)


def send(address: str, port: int, program: Path) -> "subprocess.Popen[str]":
    """Let a program of that name send, and keep its connection open."""
    command = [str(program), "-c", SENDER, address, str(port), str(SENT_BYTES)]
    environment = {**os.environ, "PYTHONHOME": sys.base_prefix}
    sender = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert sender.stdout is not None
    assert sender.stdout.readline() == "sent\n"
    return sender


def test_what_a_program_sends_is_counted_under_its_name(tmp_path: Path):
    """Once it has arrived. Another machine would see the same; the first question has nothing to compare with."""
    program = tmp_path / "uploader"
    shutil.copy(os.path.realpath(sys.executable), program)
    traffic = LinuxTraffic()
    assert traffic.sample().programs == {}
    with sink(own_address()) as port:
        sender = send(own_address(), port, program)
        sample = traffic.sample()
        sender.communicate("")
    assert sample.unread == ()
    assert sample.programs["uploader"].sent_bytes == pytest.approx(SENT_BYTES, rel=0.05)
    assert traffic.sample().programs == {}
    traffic.close()


def test_what_stays_on_the_machine_is_not_counted(tmp_path: Path):
    """A program that talks to itself takes the line from nobody."""
    traffic = LinuxTraffic()
    traffic.sample()
    with sink("127.0.0.1") as port:
        sender = send("127.0.0.1", port, Path(sys.executable))
        assert traffic.sample().programs == {}
        sender.communicate("")


def test_the_total_is_that_of_the_cards(tmp_path: Path):
    """A bridge, a tunnel and the loopback are left out; a counter that goes back counts nothing."""
    for name, is_card in (("eth0", True), ("lo", False), ("br0", False)):
        statistics = tmp_path / name / "statistics"
        statistics.mkdir(parents=True)
        if is_card:
            (tmp_path / name / "device").mkdir()
        (statistics / "rx_bytes").write_text("1000\n")
        (statistics / "tx_bytes").write_text("50\n")
    traffic = LinuxTraffic(interfaces=tmp_path)
    assert traffic.sample().total.received_bytes == 0
    (tmp_path / "eth0/statistics/rx_bytes").write_text("1700\n")
    (tmp_path / "br0/statistics/rx_bytes").write_text("9000\n")
    total = traffic.sample().total
    assert (total.received_bytes, total.sent_bytes) == (700, 0)
    (tmp_path / "eth0/statistics/rx_bytes").write_text("3\n")
    assert traffic.sample().total.received_bytes == 0


@pytest.mark.parametrize("length", [0, 10, 71, 72, 75, 100, 200])
def test_a_short_answer_is_no_connection(length: int):
    """An older kernel says less; what it does not say is not made up."""
    address = socket.inet_aton("192.0.2.1") + bytes(12)
    message = struct.pack("=4BHH16s16sIQ5I", socket.AF_INET, 1, 0, 0, 1, 2, address, address, 0, 7, 0, 0, 0, 1000, 99)
    assert parse_connection((message + struct.pack("=HH", 200, 2) + bytes(120))[:length]) is None


def test_loopback_in_either_family_is_no_traffic():
    """127.0.0.0/8, ::1 and ::ffff:127.0.0.1 are this machine."""
    info = struct.pack("=HH", 4 + 136, 2) + bytes(120) + struct.pack("=QQ", 5, 6)

    def connection(family: int, address: bytes) -> object:
        fields = (family, 1, 0, 0, 1, 2, bytes(16), address, 0, 7, 0, 0, 0, 1000, 99)
        return parse_connection(struct.pack("=4BHH16s16sIQ5I", *fields) + info)

    def six(text: str) -> bytes:
        return socket.inet_pton(socket.AF_INET6, text)

    assert connection(socket.AF_INET, socket.inet_aton("127.3.2.1") + bytes(12)) is None
    assert connection(socket.AF_INET6, six("::1")) is None
    assert connection(socket.AF_INET6, six("::ffff:127.0.0.1")) is None
    found = connection(socket.AF_INET6, six("2001:db8::1"))
    assert (found.received_bytes, found.sent_bytes, found.uid, found.inode) == (6, 5, 1000, 99)  # type: ignore[attr-defined]
