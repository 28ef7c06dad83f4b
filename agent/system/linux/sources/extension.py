# SPDX-License-Identifier: Apache-2.0
"""How a browser's extension is called: `uBlock Origin (cjpalhdlnbpafiamejdnhcphjbkeiagm)`, for people and for rules.

The allow list, incidents and the inventory go by the name of a program, so it must be readable as it is; rules compare
the identifier in the brackets only, for the title is whatever its maker likes.
"""

import re

from proto.events import Program

MAX_TITLE_LENGTH = 100
MAX_IDENTIFIER_LENGTH = 128
MAX_VERSION_LENGTH = 128
_STRANGE = re.compile(r"[^A-Za-z0-9{}@._+~-]")


def to_program(identifier: str, title: str, version: str) -> Program:
    """Return the program of an extension. Without a readable title it is called by its identifier."""
    identifier = _STRANGE.sub("?", identifier[:MAX_IDENTIFIER_LENGTH])
    title = to_printable(title)[:MAX_TITLE_LENGTH].strip()
    name = f"{title} ({identifier})" if title else identifier
    return Program(name, source="extension", version=to_printable(version)[:MAX_VERSION_LENGTH])


def to_printable(text: str) -> str:
    """Return text in one line without characters that are not seen; they could make one name look like another."""
    return "".join(each for each in " ".join(text.split()) if each.isprintable())
