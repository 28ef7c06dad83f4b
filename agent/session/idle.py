# SPDX-License-Identifier: Apache-2.0
"""Measures one X11 display once: how long nobody has touched it, and whether a locker covers it.

The service starts it in somebody's session, as that user, as `-m agent.session.idle`; it prints one line of JSON and
ends. It reads no key and no window's content. When it is started and what its figures mean is decided in
`agent.system.linux.screens.x11`.
"""

import json
import os
import sys
import time
from typing import Any

from Xlib import X
from Xlib.display import Display
from Xlib.error import ConnectionClosedError, DisplayError, XError

from agent.session.lock import is_covered

_XSCREENSAVER = "_SCREENSAVER_STATUS"
_BLANKED = "BLANK"
"""The first value of that property of the root window; it is LOCK when a password is asked for, and 0 when neither."""


def measure(display: Display) -> dict[str, Any]:
    """Return what a display says of itself now."""
    root = display.screen().root
    # Without the extension the time is not known, but a locker's window is.
    saver = root.screensaver_query_info() if display.has_extension("MIT-SCREEN-SAVER") else None
    return {
        "at_s": time.monotonic(),
        "idle_ms": saver.idle if saver else None,
        "saver_is_on": bool(saver and saver.state == X.ScreenSaverActive),
        "saver_since_ms": saver.til_or_since if saver else None,
        "timeout_s": display.get_screen_saver().timeout,
        "is_locked": find_locked(display),
    }


def find_locked(display: Display) -> bool:
    """Tell whether a locker's window covers the display; xscreensaver has one too when it only shows a picture."""
    if not is_covered(display):
        return False
    status = display.screen().root.get_full_property(display.intern_atom(_XSCREENSAVER), X.AnyPropertyType)
    return status is None or not len(status.value) or status.value[0] != display.intern_atom(_BLANKED)


def main() -> int:
    """Print what the display in DISPLAY says; return 3 when it does not answer."""
    try:
        display = Display(os.environ.get("DISPLAY", ""))
    except (DisplayError, ConnectionClosedError, OSError, OverflowError):
        return 3
    try:
        found = measure(display)
    except (XError, ConnectionClosedError):
        return 3
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
