# SPDX-License-Identifier: Apache-2.0
"""Notices that something about storage on USB may have changed: events of the kernel and of udev, the table of mounts.

A small thread that reads what it is told, notes it and wakes whoever looks. What changed is for the others to read: an
event that is lost, or made up, costs one reading more and nothing else.
"""

import errno
import logging
import os
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

# linux/netlink.h; the second group is libudev's.
_NETLINK_KOBJECT_UEVENT = 15
_FROM_KERNEL = 1
_FROM_UDEV = 2
_UDEV_MARK = b"libudev\0"
_UDEV_HEADER = struct.Struct("=8sIIII")  # mark, magic, length of header, offset and length of what follows
_MESSAGE_BYTES = 64 * 1024
RECEIVE_BUFFER_BYTES = 1024 * 1024

WAKE_EVERY_S = 0.1
UDEV_WAIT_S = 5.0
"""How long udev is waited for after an event of the kernel."""
_MAX_PENDING = 1024
_OF_STORAGE = re.compile(r"/usb\d+/|/block/mmcblk\d+(/|$)")
"""Something on USB, or a memory card."""


class Event(NamedTuple):
    """One event about a device."""

    is_from_udev: bool
    action: str
    path: str
    subsystem: str
    number: str


class Noticed(NamedTuple):
    """What was noticed since the last time somebody asked."""

    is_changed: bool
    are_mounts_changed: bool
    touched: tuple[str, ...]
    """The paths of disks and volumes of which an event told."""


def decode_event(content: bytes) -> Event | None:
    """Return what a message tells, or None if it is no event."""
    is_from_udev = content.startswith(_UDEV_MARK)
    if is_from_udev:
        if len(content) < _UDEV_HEADER.size:
            return None
        _, _, _, offset, length = _UDEV_HEADER.unpack_from(content)
        content = content[offset : offset + length]
    fields = dict(each.partition(b"=")[::2] for each in content.split(b"\0") if b"=" in each)

    def read(name: bytes) -> str:
        return fields.get(name, b"").decode("utf-8", "replace")

    path = read(b"DEVPATH")
    return Event(is_from_udev, read(b"ACTION"), path, read(b"SUBSYSTEM"), read(b"SEQNUM")) if path else None


def concerns_usb(event: Event) -> bool:
    """Tell whether an event is about something on USB, about a memory card, or about what decrypts a disk."""
    if event.subsystem == "block":
        return bool(_OF_STORAGE.search(event.path)) or "/virtual/block/dm-" in event.path
    return event.subsystem == "usb"


class UsbEvents:
    """The thread. `is_listening` is False where the kernel tells us nothing."""

    def __init__(self, mountinfo: Path, wake: Callable[[], None], *, has_udev: bool) -> None:
        self._wake = wake
        self._has_udev = has_udev
        self._lock = threading.Lock()
        self._is_changed = True
        self._are_mounts_changed = True
        self._touched: set[str] = set()
        self._pending: dict[str, tuple[str, float]] = {}
        self.is_listening = True
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._socket = _open_socket()
        self._mounts = _open_mounts(mountinfo)
        self._thread = threading.Thread(target=self._run, name="usb events", daemon=True)
        self._thread.start()

    def take(self) -> Noticed:
        """Return what was noticed since the last call."""
        with self._lock:
            taken = Noticed(self._is_changed, self._are_mounts_changed, tuple(sorted(self._touched)))
            self._is_changed = self._are_mounts_changed = False
            self._touched.clear()
        return taken

    def drain(self) -> bool:
        """Hear all that was told up to now; return whether there was news. What goes from sysfs is told before."""
        while self._receive():
            pass
        return self._is_changed

    def is_pending(self, path: str) -> bool:
        """Tell whether the kernel told something of a device, or of what hangs on it, that udev still works on."""
        now_s = time.monotonic()
        with self._lock:
            self._pending = {key: each for key, each in self._pending.items() if each[1] > now_s}
            return any(each.startswith(f"{path}/") for each, _ in self._pending.values())

    def close(self) -> None:
        """End the thread and close what it listens to. A second call does nothing."""
        if self._stop < 0:
            return
        os.eventfd_write(self._stop, 1)
        self._thread.join()
        os.close(self._stop)
        self._stop = -1
        if self._socket is not None:
            self._socket.close()
        if self._mounts >= 0:
            os.close(self._mounts)

    def _run(self) -> None:
        try:
            self._listen()
        except OSError as error:
            log.error("events of USB devices are not heard any more: %s", error)
        finally:
            if self._socket is None or not self._is_stopping():
                self.is_listening = False
            self._wake()

    def _is_stopping(self) -> bool:
        waiting = select.poll()
        waiting.register(self._stop, select.POLLIN)
        return bool(waiting.poll(0))

    def _listen(self) -> None:
        waiting = select.poll()
        waiting.register(self._stop, select.POLLIN)
        if self._socket is not None:
            waiting.register(self._socket, select.POLLIN)
        else:
            self.is_listening = False
        if self._mounts >= 0:
            waiting.register(self._mounts, select.POLLPRI)
        may_wake_s = 0.0
        is_wake_due = False
        while True:
            now_s = time.monotonic()
            if is_wake_due and now_s >= may_wake_s:
                is_wake_due, may_wake_s = False, now_s + WAKE_EVERY_S
                self._wake()
            for descriptor, _ in waiting.poll((may_wake_s - now_s) * 1000 if is_wake_due else None):
                if descriptor == self._stop:
                    return
                if descriptor == self._mounts:
                    with self._lock:
                        self._are_mounts_changed = True
                    is_wake_due = True
                else:
                    is_wake_due = self.drain() or is_wake_due

    def _receive(self) -> bool:
        """Take one message, if there is one; return whether there was."""
        if self._socket is None:
            return False
        try:
            content, sender = self._socket.recvfrom(_MESSAGE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False  # somebody else has taken it
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            with self._lock:  # more was told than there was room for
                self._is_changed = True
            return True
        event = decode_event(content)
        if event is not None and concerns_usb(event) and event.is_from_udev != (sender[0] == 0):
            with self._lock:
                self._is_changed = True
                self._note(event)
        return True

    def _note(self, event: Event) -> None:
        if event.subsystem != "block":
            return
        self._touched.add(event.path)
        if event.is_from_udev:
            self._pending.pop(event.number, None)
            return
        if event.action == "remove":
            gone = [key for key, (path, _) in self._pending.items() if path.startswith(event.path)]
            for key in gone:
                del self._pending[key]
        if self._has_udev and len(self._pending) < _MAX_PENDING and _OF_STORAGE.search(event.path):
            self._pending[event.number] = event.path, time.monotonic() + UDEV_WAIT_S


def _open_socket() -> socket.socket | None:
    try:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_KOBJECT_UEVENT)
    except OSError as error:
        log.warning("the kernel tells nothing of devices here: %s", error)
        return None
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        opened.bind((0, _FROM_KERNEL | _FROM_UDEV))
    except OSError as error:
        log.warning("the kernel tells nothing of devices here: %s", error)
        opened.close()
        return None
    return opened


def _open_mounts(mountinfo: Path) -> int:
    try:
        return os.open(mountinfo, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        log.warning("changes of mounts are not noticed: %s", error)
        return -1
