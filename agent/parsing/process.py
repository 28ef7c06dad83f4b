# SPDX-License-Identifier: Apache-2.0
"""The child's process: `launch` starts it as `-m agent.parsing.process FD`, with the number of its socket.

It loads every parser, closes the jail around itself for ever, and then looks into one file after another. It ends when
nothing is asked for a while, when it has worked for long, and when a file took its memory.
"""

import importlib
import os
import pkgutil
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from agent.errors import ParseError
from agent.parsing import parsers
from agent.parsing.channel import TOO_MUCH_MEMORY, encode_fault, encode_found, receive_request
from agent.parsing.jail import JailError, close_jail

IDLE_S = 15
FILE_CPU_S = 2.0
"""Processor time for one file. What needs more is stopped by the kernel, with the child."""
LIFE_CPU_S = 60.0
BUFFER_BYTES = 64 * 1024

Parser = Callable[[BinaryIO], Mapping[str, Any]]


def load_parsers() -> dict[str, Parser]:
    """Return the parsers by name, loaded with all that they will ever need."""
    names = [module.name for module in pkgutil.iter_modules(parsers.__path__)]
    modules = {name: importlib.import_module(f"{parsers.__name__}.{name}") for name in names}
    # What several parsers share is no parser.
    return {name: module.parse for name, module in modules.items() if hasattr(module, "parse")}


def run(end: socket.socket, known: Mapping[str, Parser]) -> int:
    """Close the jail, say which walls stand, answer until it is time to end, and return an exit code."""
    # By the kernel, for to wait with a time limit of Python's own would take one more system call.
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", IDLE_S, 0))
    try:
        walls = close_jail()
    except JailError as error:
        end.send(encode_fault(error.message))
        return error.exit_code
    end.send(encode_found({"walls": walls}))
    while time.process_time() < LIFE_CPU_S and (request := receive_request(end)):
        what, descriptor = request
        answer, goes_on = _look(known.get(what), descriptor)
        end.send(answer)
        if not goes_on:
            break
    return 0


def _look(parser: Parser | None, descriptor: int) -> tuple[bytes, bool]:
    """Return an answer, and whether this process is still as good as new."""
    with open(descriptor, "rb", BUFFER_BYTES) as stream:
        if parser is None:
            return encode_fault("there is no parser of that name"), True
        signal.setitimer(signal.ITIMER_PROF, FILE_CPU_S)
        try:
            return encode_found(parser(stream)), True
        except ParseError as error:
            return encode_fault(error.message), True
        except MemoryError:
            return encode_fault(TOO_MUCH_MEMORY), False
        except Exception as error:  # noqa: BLE001 - whatever a hostile file does to a parser is said of that file only
            return encode_fault(f"it is broken: {type(error).__name__}"), True
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def main(arguments: list[str]) -> int:
    """Answer on the socket whose descriptor is named, and return the exit code."""
    return run(socket.socket(fileno=int(arguments[0])), load_parsers())


if __name__ == "__main__":
    # The interpreter's own way out needs more than the filter lets through.
    os._exit(main(sys.argv[1:]))
