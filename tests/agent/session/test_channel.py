# SPDX-License-Identifier: Apache-2.0
"""Tests of the line between the service and a watcher."""

import threading

import pytest

from agent.errors import ChannelError
from agent.session.channel import Channel, open_pair
from agent.session.messages import MAX_MESSAGE_BYTES, Pause, Resume, decode_order


def test_messages_keep_their_bounds() -> None:
    """Two messages that were sent at once arrive as two."""
    service, watcher = (Channel(end) for end in open_pair())
    service.send(Pause("night"))
    service.send(Resume())
    assert [decode_order(watcher.receive()) for _ in range(2)] == [Pause("night"), Resume()]
    service.close()
    watcher.close()


def test_a_closed_end_is_told() -> None:
    """When one end closes, the other can neither hear nor speak; closing again does nothing."""
    service, watcher = (Channel(end) for end in open_pair())
    service.close()
    service.close()
    with pytest.raises(ChannelError):
        watcher.receive()
    with pytest.raises(ChannelError):
        watcher.send(Resume())
    watcher.close()


def test_closing_ends_a_receive_that_waits() -> None:
    """A thread that listens is let go when its own end is closed."""
    service, watcher = (Channel(end) for end in open_pair())
    ended = threading.Event()

    def listen() -> None:
        with pytest.raises(ChannelError):
            service.receive()
        ended.set()

    threading.Thread(target=listen).start()
    service.close()
    assert ended.wait(10)
    watcher.close()


def test_a_datagram_past_the_limit_is_refused() -> None:
    """What is longer than a message may be is not read in part."""
    one, other = open_pair()
    other.send(b" " * (MAX_MESSAGE_BYTES + 1))
    with pytest.raises(ChannelError, match="too large"):
        Channel(one).receive()
    one.close()
    other.close()
