# SPDX-License-Identifier: Apache-2.0
"""A power cut before any change of a file: the code under test ends there as if the machine had.

    for cut in every_cut():
        ... set up ...
        with cut:
            ... what is cut ...
        ... restart, look ...

The loop ends with the first round in which nothing was left to cut. What SQLite writes inside one commit is its own
business; `tests/soak` cuts there.
"""

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pytest

from agent.spool import Spool

_AUDITED = frozenset(("os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect"))


class PowerCutError(BaseException):
    """Nobody catches it: nothing is tidied up."""


class Cut:
    """The power goes before the change with this number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.left = number
        self.happened = False

    def __enter__(self) -> "Cut":
        _active.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        _active.remove(self)
        return kind is PowerCutError

    def step(self) -> None:
        """One more change is to be made."""
        if self.left == 0 and not self.happened:
            self.happened = True
            raise PowerCutError
        self.left -= 1


_active: list[Cut] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _active and (event in _AUDITED or (event == "open" and _is_for_writing(arguments))):
        _active[0].step()


def _is_for_writing(arguments: tuple[Any, ...]) -> bool:
    return isinstance(arguments[2], int) and bool(arguments[2] & 0o3)


def _before(method: Any) -> Any:
    def cut_before(*arguments: Any, **named: Any) -> Any:
        if _active:
            _active[0].step()
        return method(*arguments, **named)

    return cut_before


_is_installed: list[bool] = []


def every_cut() -> Iterator[Cut]:
    """Yield a cut before the first change, before the second, and so on, until one was never reached."""
    if not _is_installed:
        # A hook cannot be taken out again; it does nothing unless a cut is active.
        sys.addaudithook(_audit)
        _is_installed.append(True)
    number = 0
    with pytest.MonkeyPatch.context() as patch:
        for name in ("append", "keep_quarantined"):
            patch.setattr(Spool, name, _before(getattr(Spool, name)))
        while True:
            cut = Cut(number)
            yield cut
            if not cut.happened:
                return
            number += 1
