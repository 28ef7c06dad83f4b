# SPDX-License-Identifier: Apache-2.0
"""Tests of the visible sign, in a corner and in a notification area."""

from collections.abc import Iterator
from typing import Any

import pytest
from Xlib import X
from Xlib.display import Display

from agent.session.sign import WORDS, Sign
from tests.agent.session.desktop import Desktop, wait_until

pytestmark = pytest.mark.desktop

TRAY_SIZE = 32


class Tray:
    """A complete notification area: it owns the selection, takes icons in and makes them its own size."""

    def __init__(self, name: str) -> None:
        self.display = Display(name)
        screen = self.display.screen()
        self.window = screen.root.create_window(0, 0, 100, TRAY_SIZE, 0, X.CopyFromParent, override_redirect=True)
        self.window.map()
        self.selection = self.display.intern_atom("_NET_SYSTEM_TRAY_S0")
        self.window.set_selection_owner(self.selection, X.CurrentTime)
        self.display.sync()
        self.icon: Any = None

    def look(self) -> bool:
        """Serve what was asked and return whether there is an icon."""
        for _ in range(self.display.pending_events()):
            event = self.display.next_event()
            if event.type == X.ClientMessage and event.data[1][1] == 0:
                self.icon = self.display.create_resource_object("window", event.data[1][2])
                self.icon.reparent(self.window, 0, 0)
                self.icon.configure(width=TRAY_SIZE, height=TRAY_SIZE)
                self.icon.map()
                self.display.sync()
        return self.icon is not None

    def colors(self) -> set[bytes]:
        """Return the colours of what the icon shows."""
        image = self.icon.get_image(0, 0, TRAY_SIZE, TRAY_SIZE, X.ZPixmap, 0xFFFFFFFF).data
        return {image[place : place + 3] for place in range(0, len(image), 4)}

    def close(self) -> None:
        self.display.close()


@pytest.fixture
def sign(desktop: Desktop) -> Iterator[Sign]:
    display = Display(desktop.name)
    yield Sign(display)
    display.close()


def test_a_plate_in_the_corner(desktop: Desktop, sign: Sign) -> None:
    """Without a notification area a plate with words is on the screen, whole, above others, until it is hidden."""
    assert sign.kind == "window"
    sign.show()
    wait_until(lambda: sign.look() or desktop.find_window(WORDS))
    window = desktop.display.create_resource_object("window", desktop.find_window(WORDS))
    geometry = window.get_geometry()
    place = window.translate_coords(desktop.display.screen().root, 0, 0)
    assert 0 < -place.x <= 1024 - geometry.width
    assert 0 < -place.y <= 768 - geometry.height
    image = window.get_image(0, 0, geometry.width, geometry.height, X.ZPixmap, 0xFFFFFFFF).data
    assert len({image[at : at + 3] for at in range(0, len(image), 4)}) >= 3
    assert not sign.look()
    desktop.click(-place.x + 5, -place.y + 5)
    wait_until(sign.look)
    sign.hide()
    wait_until(lambda: not desktop.find_window(WORDS))


def test_a_plate_that_was_taken_away_comes_back(desktop: Desktop, sign: Sign) -> None:
    """Whoever destroys the sign gets it again at the next look."""
    sign.show()
    wait_until(lambda: sign.look() or desktop.find_window(WORDS))
    first = desktop.find_window(WORDS)
    desktop.display.create_resource_object("window", first).destroy()
    desktop.display.sync()
    wait_until(lambda: sign.look() or desktop.find_window(WORDS) not in (None, first))
    sign.hide()


def test_an_icon_in_the_tray(desktop: Desktop, sign: Sign) -> None:
    """A notification area gets an eye of its own size; when it goes, the plate takes over, and the other way round."""
    tray = Tray(desktop.name)
    assert sign.kind == "tray"
    sign.show()
    wait_until(tray.look)
    wait_until(lambda: sign.look() or len(tray.colors()) >= 3)
    assert not desktop.find_window(WORDS + "$") or sign.kind == "tray"
    tray.close()
    wait_until(lambda: sign.look() or sign.kind == "window")
    wait_until(lambda: sign.look() or desktop.find_window(WORDS))
    again = Tray(desktop.name)
    wait_until(lambda: sign.look() or again.look())
    again.close()
    sign.hide()
