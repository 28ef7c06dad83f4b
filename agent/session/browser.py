# SPDX-License-Identifier: Apache-2.0
"""Windows of web browsers and of programs built like one: they are read only while they tell where their focus is.

Any page may hold a field for a password, and only the program knows which. As shipped most of them do not tell it over
AT-SPI, so that nothing is read in them. Chromium and its kin tell it with ACCESSIBILITY_ENABLED=1 in the session's
environment and --force-renderer-accessibility on the command line, both; Firefox with GNOME_ACCESSIBILITY=1.
Who tells is `password`'s part, and `gate` compares.
"""

import re
from pathlib import Path

NAMES = frozenset(
    "browser chrome chromium crx brave edge opera vivaldi thorium yandex iridium iron "
    "firefox librewolf waterfox palemoon seamonkey icecat iceweasel icedove mullvad torbrowser thunderbird zotero "
    "epiphany midori webkit minibrowser qutebrowser falkon konqueror otter dooble angelfish luakit surf "
    "electron code codium vscodium cursor teams slack discord vesktop zoom skype signal element whatsapp "
    "ferdium rambox franz mattermost notion obsidian postman spotify steam steamwebhelper messenger caprine".split()
)
"""Words in the classes of such windows."""

FILES = ("v8_context_snapshot.bin", "snapshot_blob.bin", "chrome_100_percent.pak", "libcef.so", "omni.ja", "libxul.so")
"""What lies beside the program of one, whatever its window is called: Chromium, Electron and CEF, and Firefox."""

MUTE_AFTER_S = 10.0
"""A browser that has just begun, or just got its window, needs a moment until it tells."""

_PARTING = re.compile(r"[\W_]+")


def is_browser(application: str, pid: int) -> bool:
    """Tell whether a window belongs to a browser, by its class or by the files beside its process's program."""
    if not NAMES.isdisjoint(_PARTING.split(application.casefold())):
        return True
    if pid <= 0:
        return False
    try:
        folder = Path(f"/proc/{pid}/exe").readlink().parent
        return any((folder / name).exists() for name in FILES)
    except OSError:
        return False  # not ours to look at, or it has ended; its class has said what there is to say


class MuteBrowsers:
    """Which browsers of this session do not tell where their focus is."""

    def __init__(self) -> None:
        self._mute: set[str] = set()
        self._asked = ""
        self._since_s = 0.0

    def __bool__(self) -> bool:
        return bool(self._mute)

    def note(self, application: str, *, is_mute: bool, now_s: float) -> None:
        """Take how the browser does that has the focus; the class is empty when none has it."""
        if not (application and is_mute):
            self._asked = ""
            self._mute.discard(application)
        elif application != self._asked:
            self._asked, self._since_s = application, now_s
        elif now_s - self._since_s >= MUTE_AFTER_S:
            self._mute.add(application)
