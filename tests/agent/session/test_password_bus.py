# SPDX-License-Identifier: Apache-2.0
"""What is left when the bus for accessibility ends; in a module of its own, for its desktop has none afterwards."""

import queue
from collections.abc import Callable

import pytest

from agent.session.password import NOBODY, FieldFocus, watch_password_fields
from tests.agent.session.desktop import WITHIN_S, Desktop, Window, wait_until

pytestmark = pytest.mark.desktop

OPEN = Callable[..., Window]
Told = queue.SimpleQueue


@pytest.fixture(autouse=True)
def here(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bus is found by the environment."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", desktop.environment["DBUS_SESSION_BUS_ADDRESS"])


def wait_for(told: Told, focus: FieldFocus) -> None:
    """Wait until this is told."""
    while told.get(timeout=WITHIN_S) != focus:
        continue


def test_a_bus_that_ends_leaves_nobody(desktop: Desktop, open_window: OPEN) -> None:
    """All knowledge is gone, so no browser is read from then on."""
    told: Told = queue.SimpleQueue()
    fields = watch_password_fields(told.put)
    assert fields is not None
    window = open_window()
    wait_for(told, FieldFocus(window.pid))
    desktop.end_accessibility()
    wait_for(told, NOBODY)
    wait_until(lambda: not fields.is_alive)
