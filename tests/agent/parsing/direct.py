# SPDX-License-Identifier: Apache-2.0
"""Looks into files in this process, without a child and without a jail: for the tests of whoever asks."""

import importlib
from collections.abc import Mapping
from typing import Any

from agent.errors import ParseError
from agent.parsing.interface import Parsing


class DirectParsing(Parsing):
    """Calls the parser of that name at once. What the jail adds is tested where the jail is."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        """The names of the parsers that were called, in order."""

    def parse(self, what: str, descriptor: int) -> Mapping[str, Any]:
        self.asked.append(what)
        try:
            parser = importlib.import_module(f"agent.parsing.parsers.{what}")
        except ModuleNotFoundError as error:
            raise ParseError(f"there is no parser {what}") from error
        # Opened anew through /proc, because a dup would share the position, and the caller's must not move.
        with open(f"/proc/self/fd/{descriptor}", "rb") as stream:
            found: Mapping[str, Any] = parser.parse(stream)
            return found

    def close(self) -> None:
        """Nothing is held."""
