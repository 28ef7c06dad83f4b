# SPDX-License-Identifier: Apache-2.0
"""Tests of the line between the service and a watcher."""

import threading

import pytest

from agent.errors import ChannelError
from agent.session.channel import Channel, open_pair
from agent.session.messages import MAX_MESSAGE_BYTES, DrillOrder, Stop, decode_order


def test_messages_keep_their_bounds() -> None:
    """Two messages that were sent at once arrive as two."""
    service, watcher = (Channel(end) for end in open_pair())
    service.send(DrillOrder("0a"))
    service.send(Stop())
    assert [decode_order(watcher.receive()) for _ in range(2)] == [DrillOrder("0a"), Stop()]
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
        watcher.send(Stop())
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


def fill(channel: Channel) -> None:
    """Send until there is no room."""
    while True:
        channel.send(DrillOrder("0" * 10_000), may_wait=False)


def test_nobody_waits_for_one_that_does_not_listen() -> None:
    """Whoever may not wait is told when the other end has no room; he who may, waits until it has."""
    service, watcher = (Channel(end) for end in open_pair())
    with pytest.raises(ChannelError, match="does not listen"):
        fill(service)
    waiting = threading.Thread(target=service.send, args=(Stop(),))
    waiting.start()
    while not isinstance(decode_order(watcher.receive()), Stop):
        pass
    waiting.join(10)
    assert not waiting.is_alive()
    service.close()
    watcher.close()
