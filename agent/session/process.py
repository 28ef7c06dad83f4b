# SPDX-License-Identifier: Apache-2.0
"""The watcher's process: `launch` starts it as `-m agent.session.process FD`, with the number of its channel.

It keeps itself to itself first of all (`secrecy`), takes the setup, and runs a `watcher`. Why it cannot is said to the
service, and by its exit code.
"""

import os
import signal
import socket
import sys

from Xlib.error import ConnectionClosedError, DisplayError

from agent.errors import ChannelError, NotWatchedError
from agent.session.channel import Channel
from agent.session.messages import Setup, State, decode_order
from agent.session.secrecy import keep_secret
from agent.session.watcher import Watcher
from rules.keywords.lexicon import LexiconError


def watch(channel: Channel) -> None:
    """Watch this session as the first message on the channel says.

    Raises:
        NotWatchedError: this session cannot be watched.
        ChannelError: the service has gone, or began with something else.
    """
    setup = decode_order(channel.receive())
    if not isinstance(setup, Setup):
        raise ChannelError("the first message is no setup")
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise NotWatchedError("this session has no X11 display")
    try:
        watcher = Watcher(channel, setup, display)
        # A machine that is shut down tells every process so: what was found is told first.
        signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
        try:
            watcher.run()
        finally:
            watcher.close()
    except (DisplayError, ConnectionClosedError) as error:
        raise NotWatchedError("the display does not answer") from error
    except LexiconError as error:
        raise NotWatchedError(f"the phrases to look for cannot be read: {error.message}") from error


def main(arguments: list[str]) -> int:
    """Run the watcher on the channel whose descriptor is named, and return its exit code."""
    keep_secret()
    channel = Channel(socket.socket(fileno=int(arguments[0])))
    try:
        watch(channel)
    except NotWatchedError as error:
        channel.send(State("not_watched", error.message))
        return error.exit_code
    except ChannelError as error:
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
