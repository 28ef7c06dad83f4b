# SPDX-License-Identifier: Apache-2.0
"""Which desktops and lockers somebody's processes are, by the names that the kernel has for them.

It tells whose settings count. A name is the user's to choose, so it decides about settings only, never about a lock.
"""

import os
from collections.abc import Collection
from pathlib import Path

_PROC = Path("/proc")
_NAME_BYTES = 15
"""The kernel keeps no more of a name."""

DESKTOPS = {
    "gnome-shell": "gnome",
    "cinnamon": "cinnamon",
    "mate-session": "mate",
    "plasmashell": "kde",
    "ksmserver": "kde",
    "xfce4-session": "xfce",
    "lxqt-session": "lxqt",
}
LOCKERS = {
    "xscreensaver": "xscreensaver",
    "xss-lock": "xss-lock",
    "light-locker": "light-locker",
    "xautolock": "xautolock",
    "xfce4-screensaver": "xfce4-screensaver",
    "swayidle": "swayidle",
}
CONSOLE_LOCKERS = ("vlock", "vlock-main", "physlock")
"""They lock a text console and tell nobody."""

_KNOWN = {
    name.encode()[:_NAME_BYTES]: called
    for name, called in {**DESKTOPS, **LOCKERS, **dict.fromkeys(CONSOLE_LOCKERS, "vlock")}.items()
}


def find_programs(uids: Collection[int], proc: Path = _PROC) -> dict[int, frozenset[str]]:
    """Return for each of these users which of the known programs he runs: `gnome`, `xss-lock`, `vlock`."""
    found: dict[int, set[str]] = {uid: set() for uid in uids}
    for name in os.listdir(proc) if found else ():
        if not name.isdigit():
            continue
        try:
            with open(proc / name / "comm", "rb") as stream:
                called = _KNOWN.get(stream.read(_NAME_BYTES + 1).rstrip(b"\n"))
            if called is not None and (uid := os.stat(proc / name).st_uid) in found:
                found[uid].add(called)
        except OSError:
            # It has ended.
            continue
    return {uid: frozenset(called) for uid, called in found.items()}
