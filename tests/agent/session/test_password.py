# SPDX-License-Identifier: Apache-2.0
"""Tests of what programs tell of their focus, with a real window on a real accessibility bus."""

import queue
from collections.abc import Callable

import pytest

from agent.session.password import FieldFocus, watch_password_fields
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


def test_it_tells_whose_focus_it_is(open_window: OPEN) -> None:
    """The process and whether the field is for a password; also of what had the focus before anybody listened."""
    told: Told = queue.SimpleQueue()
    window = open_window()
    window.tell("password")
    wait_until(lambda: watch_password_fields(told.put))
    wait_for(told, FieldFocus(window.pid, is_password=True))
    window.tell("text")
    wait_for(told, FieldFocus(window.pid))
    second = open_window("Second")
    wait_for(told, FieldFocus(second.pid))


def test_without_a_bus_there_is_nobody_to_listen_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so instead of a guess."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    assert watch_password_fields(print) is None
