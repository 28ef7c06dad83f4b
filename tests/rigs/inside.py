# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest, under its own Python and nothing else: obeys what `machine` asks for, and tells of every device.

One JSON object a line, both ways, over a serial port of the machine:

    {"id": 1, "start": "lsblk", "given": ""}    ->  {"id": 1, "line": "..."} as it says them, then {"id": 1, "code": 0}
    {"id": 2, "stop": 1}                        ->  {"id": 2, "code": 0}, once that one was told to end
    of itself                                   ->  {"event": "kernel" or "udev", "at_ns": ..., "of": {"ACTION": ...}}

`at_ns` is the guest's monotonic clock. Standard error is told with standard output.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

NETLINK_UEVENT = 15
FROM_KERNEL, FROM_UDEV = 1, 2
UDEV_MAGIC = b"libudev\0"
TOLD = ("block", "usb", "scsi", "bdi")


class Line:
    """The line to the other side; one message at a time."""

    def __init__(self, port: BinaryIO) -> None:
        self._port = port
        self._lock = threading.Lock()

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message."""
        with self._lock:
            self._port.write(json.dumps(message).encode() + b"\n")


def tell_events(line: Line) -> None:
    """Tell of devices that come, change and go, for ever: what the kernel says, then what udev made of it."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_UEVENT) as events:
        events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        events.bind((0, FROM_KERNEL | FROM_UDEV))
        while True:
            message = events.recv(65536)
            at_ns = time.monotonic_ns()
            is_udev = message.startswith(UDEV_MAGIC)
            if is_udev:
                offset, length = struct.unpack_from("<II", message, 16)
                parts = message[offset : offset + length].split(b"\0")
            else:
                parts = message.split(b"\0")[1:]
            of = dict(part.decode(errors="replace").split("=", 1) for part in parts if b"=" in part)
            if of.get("SUBSYSTEM") in TOLD:
                line.tell({"event": "udev" if is_udev else "kernel", "at_ns": at_ns, "of": of})


class Programs:
    """The programs that were started."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def obey(self, wish: dict[str, Any]) -> None:
        """Do what one message asks for."""
        number = int(wish["id"])
        if "stop" in wish:
            process = self._running.get(int(wish["stop"]))
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
            self._line.tell({"id": number, "code": 0})
            return
        process = subprocess.Popen(
            ["/bin/sh", "-c", wish["start"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._running[number] = process
        threading.Thread(target=self._follow, args=(number, process, wish.get("given", "")), daemon=True).start()

    def _follow(self, number: int, process: "subprocess.Popen[bytes]", given: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(given.encode())
        for text in process.stdout:
            self._line.tell({"id": number, "line": text.decode(errors="replace").rstrip("\n")})
        self._line.tell({"id": number, "code": process.wait()})
        del self._running[number]


def open_port(name: str) -> BinaryIO:
    """Open the serial port of that name, once udev has named it."""
    path = Path("/dev/virtio-ports", name)
    while not path.exists():
        time.sleep(0.05)
    return path.open("r+b", buffering=0)


def main(name: str) -> None:
    """Obey for ever."""
    port = open_port(name)
    line = Line(port)
    programs = Programs(line)
    threading.Thread(target=tell_events, args=(line,), daemon=True).start()
    waiting = b""
    while True:
        got = port.read(65536)
        if not got:
            # Nobody holds the other end.
            time.sleep(0.05)
            continue
        *lines, waiting = (waiting + got).split(b"\n")
        for text in lines:
            programs.obey(json.loads(text))


if __name__ == "__main__":
    main(sys.argv[1])
