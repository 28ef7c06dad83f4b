# SPDX-License-Identifier: Apache-2.0
"""The Linux kernel's process connector: it tells of every program that is started, without anyone listing processes.

It needs root before Linux 6.6, and the machine's own namespaces always: a container is told nothing.
A thread takes each message and reads at once which program it is, for a short-lived one will be gone in a moment.
"""

import ctypes
import errno
import logging
import os
import secrets
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from agent.errors import StartWatchError
from agent.system.interface import RunningProgram, Starts, StartWatch, Unreadable

log = logging.getLogger(__name__)

# linux/connector.h and linux/cn_proc.h
_NETLINK_CONNECTOR = 11
_CN_IDX_PROC = 1
_CN_VAL_PROC = 1
_PROC_CN_MCAST_LISTEN = 1
_PROC_EVENT_NONE = 0
_PROC_EVENT_EXEC = 2
_NLMSG_DONE = 3
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33

_NETLINK_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, sender
_CONNECTOR_HEADER = struct.Struct("=IIIIHH")  # index, value, sequence, ack, length, flags
_EVENT = struct.Struct("=IIQII")  # what, processor, time, then for an exec: thread id, process id
_EVENT_OFFSET = _NETLINK_HEADER.size + _CONNECTOR_HEADER.size

RECEIVE_BUFFER_BYTES = 1024 * 1024
"""Room for some thousand starts while this process is not scheduled."""
MAX_WAITING = 4096
"""Programs kept until they are taken."""
ANSWER_WAIT_MS = 1000
WAKE_EVERY_S = 0.1
_MESSAGE_BYTES = 4096

ReadProcess = Callable[[int], RunningProgram | Unreadable]


class _FilterLine(ctypes.Structure):
    """struct sock_filter"""

    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32))


class _Filter(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.POINTER(_FilterLine)))


def open_connector() -> socket.socket:
    """Return a socket on which the kernel tells of each exec, and of nothing else.

    Raises:
        StartWatchError: this machine or this user's rights do not allow it; the message says why.
    """
    try:
        connector = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_CONNECTOR)
    except OSError as error:
        raise StartWatchError("the kernel offers no process connector here") from error
    try:
        # The answer to our own question is let through first; then nothing but execs, for anyone may ask.
        _pass_only(connector, _PROC_EVENT_EXEC, _PROC_EVENT_NONE)
        _enlarge_buffer(connector)
        connector.bind((0, _CN_IDX_PROC))
        token = secrets.randbits(31)
        operation = struct.pack("=I", _PROC_CN_MCAST_LISTEN)
        body = _CONNECTOR_HEADER.pack(_CN_IDX_PROC, _CN_VAL_PROC, 0, token, len(operation), 0) + operation
        header = _NETLINK_HEADER.pack(_NETLINK_HEADER.size + len(body), _NLMSG_DONE, 0, 0, 0)
        connector.sendto(header + body, (0, 0))
        _await_answer(connector, token)
        _pass_only(connector, _PROC_EVENT_EXEC)
    except PermissionError as error:
        connector.close()
        raise StartWatchError("it needs to run as root") from error
    except OSError as error:
        connector.close()
        raise StartWatchError(f"the kernel refused it: {os.strerror(error.errno or errno.EIO)}") from error
    except StartWatchError:
        connector.close()
        raise
    return connector


def _enlarge_buffer(connector: socket.socket) -> None:
    try:
        connector.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    except PermissionError:
        # Not root: as much as the system's limit gives.
        connector.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)


def _pass_only(connector: socket.socket, *events: int) -> None:
    """Have the kernel drop forks, exits and the rest before they wake us: most of what a busy machine tells."""
    load_word, jump_if_equal, leave = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K

    def in_network_order(value: int) -> int:
        # The filter reads words in network order, and the kernel wrote this one in the machine's own.
        return int.from_bytes(value.to_bytes(4, sys.byteorder), "big")

    lines = [_FilterLine(load_word, 0, 0, _EVENT_OFFSET)]
    for left, event in zip(range(len(events), 0, -1), events, strict=True):
        lines.append(_FilterLine(jump_if_equal, left, 0, in_network_order(event)))
    lines += [_FilterLine(leave, 0, 0, 0), _FilterLine(leave, 0, 0, 0xFFFFFFFF)]
    program = _Filter(len(lines), (_FilterLine * len(lines))(*lines))
    connector.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))


def _await_answer(connector: socket.socket, token: int) -> None:
    """Wait until the kernel has said yes. In a container it says nothing at all, and never tells of a start.

    Raises:
        StartWatchError: no answer.
        OSError: the answer is no.
    """
    waiting = select.poll()
    waiting.register(connector, select.POLLIN)
    while waiting.poll(ANSWER_WAIT_MS):
        message = _decode(*connector.recvfrom(_MESSAGE_BYTES))
        # The kernel's answers to others come here too. Each carries the asker's token plus one.
        if message is not None and (message.event, message.acknowledged) == (_PROC_EVENT_NONE, token + 1):
            if message.value:
                raise OSError(message.value, os.strerror(message.value))
            return
    raise StartWatchError("the kernel does not answer, as in a container")


class _Message(NamedTuple):
    event: int
    acknowledged: int
    value: int
    """The process id of an exec, the error number of an answer."""


def _decode(content: bytes, sender: tuple[int, int]) -> _Message | None:
    if sender[0] != 0 or len(content) < _EVENT_OFFSET + _EVENT.size:
        return None  # not from the kernel, or no event
    acknowledged = _CONNECTOR_HEADER.unpack_from(content, _NETLINK_HEADER.size)[3]
    event, _, _, first, process_id = _EVENT.unpack_from(content, _EVENT_OFFSET)
    return _Message(event, acknowledged, process_id if event == _PROC_EVENT_EXEC else first)


class ConnectorWatch(StartWatch):
    """A thread that listens on the process connector."""

    def __init__(self, connector: socket.socket, read_process: ReadProcess, wake: Callable[[], None]) -> None:
        self._connector = connector
        self._read_process = read_process
        self._wake = wake
        self._lock = threading.Lock()
        self._programs: list[RunningProgram] = []
        self._is_complete = True
        self._has_ended = False
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="process starts", daemon=True)
        self._thread.start()

    def take(self) -> Starts:
        """Return what was started since the last call.

        Raises:
            StartWatchError: the thread has ended by itself.
        """
        with self._lock:
            if self._has_ended:
                raise StartWatchError("the process connector has closed")
            taken = Starts(tuple(self._programs), self._is_complete)
            self._programs.clear()
            self._is_complete = True
        return taken

    def close(self) -> None:
        """End the thread and close the socket."""
        if self._stop >= 0:
            os.eventfd_write(self._stop, 1)
            self._thread.join()
            os.close(self._stop)
            self._stop = -1
            self._connector.close()

    def _run(self) -> None:
        try:
            self._listen()
        except OSError as error:
            log.error("the process connector has closed: %s", error)
        finally:
            with self._lock:
                self._has_ended = True
            self._wake()

    def _listen(self) -> None:
        """Receive until told to stop; wake the reader at once, but not again for each of a hundred starts."""
        waiting = select.poll()
        waiting.register(self._connector, select.POLLIN)
        waiting.register(self._stop, select.POLLIN)
        may_wake_s = 0.0
        is_wake_due = False
        while True:
            now_s = time.monotonic()
            if is_wake_due and now_s >= may_wake_s:
                is_wake_due, may_wake_s = False, now_s + WAKE_EVERY_S
                self._wake()
            ready = waiting.poll((may_wake_s - now_s) * 1000 if is_wake_due else None)
            if any(descriptor == self._stop for descriptor, _ in ready):
                return
            if ready and self._receive():
                is_wake_due = True

    def _receive(self) -> bool:
        """Take one message; return whether there is something new to take."""
        try:
            message = _decode(*self._connector.recvfrom(_MESSAGE_BYTES))
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            # The kernel had more to tell than there was room for, and dropped it.
            with self._lock:
                self._is_complete = False
            return True
        if message is None or message.event != _PROC_EVENT_EXEC:
            return False
        program = self._read_process(message.value)
        if not isinstance(program, RunningProgram):
            return False
        with self._lock:
            if len(self._programs) < MAX_WAITING:
                self._programs.append(program)
            else:
                self._is_complete = False
        return True
