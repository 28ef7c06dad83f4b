# SPDX-License-Identifier: Apache-2.0
"""One desktop for the tests of a module, and a window on it for each of them."""

from collections.abc import Callable, Iterator

import pytest

from tests.agent.session.desktop import Desktop, Window, wait_until


@pytest.fixture(scope="module")
def desktop() -> Iterator[Desktop]:
    """A display with everything on it."""
    made = Desktop()
    yield made
    made.close()


@pytest.fixture
def open_window(desktop: Desktop) -> Iterator[Callable[[str], Window]]:
    """Opens windows that are gone after the test, when the layout is American again."""
    opened: list[Window] = []

    def open_one(title: str = "My essay", program: str = "Essay") -> Window:
        opened.append(Window(desktop, title, program))
        return opened[-1]

    yield open_one
    for window in opened:
        window.close()
    desktop.set_layout("us")
    wait_until(lambda: not desktop.find_focus_title())
