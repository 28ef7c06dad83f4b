# SPDX-License-Identifier: Apache-2.0
"""A guest for each module of tests, and the figures that the rigs measure, shown at the end of the run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rigs.machine import Machine
from tests.rigs.sticks import make_stick

FIGURES = pytest.StashKey[list[tuple[str, ...]]]()


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A guest; each test leaves its sockets empty."""
    with Machine.start() as machine:
        yield machine


@pytest.fixture
def stick(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a stick of one of the kinds."""
    return lambda kind: make_stick(tmp_path, kind)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[tuple[str, ...]]:
    """What was measured: what, the answer, by what, seconds."""
    return request.config.stash.setdefault(FIGURES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the figures."""
    rows = config.stash.get(FIGURES, [])
    rows.sort()
    if rows:
        terminalreporter.section("what the agent said in the guest, and how long after the kernel told of the device")
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            terminalreporter.write_line("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)))
