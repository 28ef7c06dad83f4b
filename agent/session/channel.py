# SPDX-License-Identifier: Apache-2.0
"""The line between the service and one watcher: an inherited pair of sockets that keeps the bounds of messages.

The pair has no name, so nobody else can connect to it: who is at the other end is known because the service made it.
What may be said is `messages`' part.
"""

import contextlib
import socket
import threading

from agent.errors import ChannelError
from agent.session.messages import MAX_MESSAGE_BYTES, Order, Report, encode


def open_pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new line, the service's first."""
    service, watcher = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return service, watcher


class Channel:
    """One end. Any thread may send; one thread receives."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._sending = threading.Lock()

    def send(self, message: Order | Report, *, may_wait: bool = True) -> None:
        """Send one message; wait until the other end has room for it, or do not.

        Raises:
            ChannelError: it is too large, the other end has closed, or it has no room and nobody may wait.
        """
        datagram = encode(message)
        try:
            with self._sending:
                self._end.send(datagram, socket.MSG_NOSIGNAL | (0 if may_wait else socket.MSG_DONTWAIT))
        except BlockingIOError as error:
            raise ChannelError("the other end of the channel does not listen") from error
        except OSError as error:
            raise ChannelError("the other end of the channel is closed") from error

    def receive(self) -> bytes:
        """Wait for one datagram and return it.

        Raises:
            ChannelError: the other end has closed, or sent more than a message may hold.
        """
        try:
            datagram, _, flags, _ = self._end.recvmsg(MAX_MESSAGE_BYTES)
        except OSError as error:
            raise ChannelError("the channel is broken") from error
        if flags & socket.MSG_TRUNC:
            raise ChannelError("a message is too large")
        if not datagram:
            raise ChannelError("the other end of the channel is closed")
        return datagram

    def close(self) -> None:
        """Close this end; a `receive` that waits in another thread ends. A second call does nothing."""
        with contextlib.suppress(OSError):
            # Without it the thread that waits would go on waiting.
            self._end.shutdown(socket.SHUT_RDWR)
        self._end.close()
