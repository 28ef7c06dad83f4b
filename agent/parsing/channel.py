# SPDX-License-Identifier: Apache-2.0
"""What the service and the child say to each other: one request with an open file, one answer, each one datagram.

The answer is the child's, and the child may be in the hands of whoever wrote the file: it is taken within limits only.
"""

import json
import socket
from collections.abc import Mapping
from typing import Any

from agent.errors import ParseError

MAX_REQUEST_BYTES = 256
MAX_ANSWER_BYTES = 128 * 1024
MAX_FAULT_CHARACTERS = 200
TOO_MUCH_MEMORY = "it takes too much memory"
"""The fault after which a child ends."""


class GarbageError(ParseError):
    """What the child says is no answer."""


class SpentError(ParseError):
    """The file took so much that the child ends over it."""


def encode_request(what: str) -> bytes:
    """Return the datagram that goes with an open file to the parser of that name."""
    return what.encode("ascii", "replace")[:MAX_REQUEST_BYTES]


def receive_request(end: socket.socket) -> tuple[str, int] | None:
    """Wait for a request and return the parser's name and the open file; None when none comes any more."""
    try:
        datagram, descriptors, _, _ = socket.recv_fds(end, MAX_REQUEST_BYTES, 1)
    except OSError:  # the time to wait is over, or the service has gone
        return None
    return (datagram.decode("ascii", "replace"), descriptors[0]) if descriptors else None


def encode_found(found: Mapping[str, Any]) -> bytes:
    """Return the answer of a parser that found something, or that it found too much."""
    # Text from a file may hold halves of characters, which nothing could store.
    datagram = json.dumps({"found": found}, ensure_ascii=False).encode("utf-8", "replace")
    return datagram if len(datagram) <= MAX_ANSWER_BYTES else encode_fault("there is too much in it")


def encode_fault(fault: str) -> bytes:
    """Return the answer of a parser that could not read the file."""
    return json.dumps({"fault": fault[:MAX_FAULT_CHARACTERS]}).encode()


def decode_answer(datagram: bytes) -> Mapping[str, Any]:
    """Return what a parser found.

    Raises:
        GarbageError: the child does not keep to what is agreed here.
        SpentError: the file took all its memory.
        ParseError: the parser could not read the file.
    """
    try:
        answer = json.loads(datagram)
        # An escape can spell half a character, which this finds; it costs a little, so only where there are escapes.
        if b"\\u" in datagram:
            json.dumps(answer, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise GarbageError("what should read it gave no answer") from error
    match answer:
        case {"found": dict() as found, **others} if not others:
            return found
        case {"fault": str() as fault, **others} if not others:
            if fault == TOO_MUCH_MEMORY:
                raise SpentError(fault)
            raise ParseError("".join(each if each.isprintable() else "?" for each in fault[:MAX_FAULT_CHARACTERS]))
    raise GarbageError("what should read it gave no answer")
