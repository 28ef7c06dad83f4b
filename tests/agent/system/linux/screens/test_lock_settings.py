# SPDX-License-Identifier: Apache-2.0
"""Tests of how a session is set to lock itself, by real databases of dconf and files of KDE and xscreensaver."""

import os
import shutil
from pathlib import Path

import pytest

from agent.system.linux.screens.lock_settings import LockSettings
from agent.system.screens import LockSetting
from tests.agent.parsing import parsers
from tests.agent.parsing.direct import DirectParsing
from tests.agent.safeguarding import make_session

FILES = Path(parsers.__file__).parent
GNOME, KDE, XSCREENSAVER = frozenset({"gnome"}), frozenset({"kde"}), frozenset({"xscreensaver"})
NOTHING = frozenset[str]()


class Machine:
    """A machine's files, with one user."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, root / "home/user"
        self.parsing = DirectParsing()
        self.settings = LockSettings(self.parsing, root)
        self.home.mkdir(parents=True)

    def put(self, place: str, file: str | bytes) -> Path:
        """Put a file of the tests, or one of some content, somewhere below the machine's root."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file, str):
            shutil.copy(FILES / file, path)
        else:
            path.write_bytes(file)
        return path

    def read(self, programs: frozenset[str], desktop: str = "", timeout_s: int | None = None) -> LockSetting:
        return self.settings.read(make_session(home=str(self.home)), programs, desktop, timeout_s)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path.resolve())


def test_without_files_holds_what_the_makers_ship(machine: Machine):
    """Of each desktop by its own measure: MATE counts minutes."""
    assert machine.read(GNOME) == LockSetting(True, 300, "gnome")
    assert machine.read(frozenset({"cinnamon"})) == LockSetting(True, 900, "cinnamon")
    assert machine.read(frozenset({"mate"})) == LockSetting(True, 300, "mate")
    assert machine.read(KDE) == LockSetting(True, 305, "kde")
    assert machine.read(XSCREENSAVER) == LockSetting(False, None, "xscreensaver")


def test_a_user_can_switch_the_lock_off(machine: Machine):
    """As gsettings writes it."""
    machine.put("home/user/.config/dconf/user", "dconf/user-changed")
    assert machine.read(GNOME) == LockSetting(False, None, "gnome")
    assert machine.read(frozenset({"cinnamon"})) == LockSetting(True, 1800, "cinnamon")
    assert machine.read(frozenset({"mate"})) == LockSetting(True, 1200, "mate")


def test_what_an_administrator_locked_holds(machine: Machine):
    """Whatever the user's own database says, and it says so; without the lock the user's own holds."""
    machine.put("home/user/.config/dconf/user", "dconf/user-changed")
    machine.put("etc/dconf/db/local", "dconf/system-locked")
    assert machine.read(GNOME).is_on is False, "no profile names the database"

    machine.put("etc/dconf/profile/user", b"user-db:user\nsystem-db:local # the school's\n")
    assert machine.read(GNOME) == LockSetting(True, 600, "gnome", is_enforced=True)


def test_kde_by_its_own_file_and_the_machine_s(machine: Machine):
    """The machine's holds where it is marked immutable."""
    machine.put("home/user/.config/kscreenlockerrc", b"[Daemon]\nTimeout=45\nLockGrace=0\n")
    assert machine.read(KDE) == LockSetting(True, 2700, "kde")
    machine.put("etc/xdg/kscreenlockerrc", "kscreenlocker/machine")
    assert machine.read(KDE) == LockSetting(True, 600, "kde", is_enforced=True)
    (machine.root / "etc/xdg/kscreenlockerrc").unlink()
    machine.put("home/user/.config/kscreenlockerrc", b"[Daemon]\nAutolock=false\n")
    assert machine.read(KDE) == LockSetting(False, None, "kde")


def test_xscreensaver_by_its_own_file(machine: Machine):
    """The picture and the lock have a time each."""
    machine.put("home/user/.xscreensaver", "xscreensaver/changed")
    assert machine.read(XSCREENSAVER) == LockSetting(True, 2100, "xscreensaver")


def test_a_locker_that_waits_for_the_display(machine: Machine):
    """xss-lock locks when the X server's screen saver comes on; of others the time is not known."""
    waits = frozenset({"xss-lock"})
    assert machine.read(waits, timeout_s=600) == LockSetting(True, 600, "xss-lock")
    assert machine.read(waits, timeout_s=0) == LockSetting(False, None, "xss-lock")
    assert machine.read(waits) == LockSetting(None, None, "xss-lock")
    assert machine.read(frozenset({"xautolock"}), timeout_s=600) == LockSetting(None, None, "xautolock")


def test_what_runs_counts_and_then_what_the_session_calls_itself(machine: Machine):
    """Nothing is taken for granted where neither is known."""
    assert machine.read(frozenset({"gnome", "xss-lock"}), "KDE").source == "gnome"
    assert machine.read(NOTHING, "ubuntu:GNOME").source == "gnome"
    assert machine.read(frozenset({"xfce"}), "gnome") == LockSetting()
    assert machine.read(NOTHING) == LockSetting()


def test_what_cannot_be_read_is_not_known(machine: Machine):
    """A link, a damaged file, nonsense in it, values of another type: never what the makers ship."""
    secret = machine.put("secret", b"[Daemon]\nAutolock=false\n")
    (machine.home / ".config/dconf").mkdir(parents=True)
    os.symlink(secret, machine.home / ".config/kscreenlockerrc")
    assert machine.read(KDE) == LockSetting(source="kde")
    machine.put("home/user/.config/dconf/user", b"no database")
    assert machine.read(GNOME) == LockSetting(source="gnome")
    (machine.home / ".config/kscreenlockerrc").unlink()
    machine.put("home/user/.config/kscreenlockerrc", b"[Daemon]\nTimeout=-1\n")
    assert machine.read(KDE) == LockSetting(source="kde")
    machine.put("home/user/.xscreensaver", b"timeout: soon\n")
    assert machine.read(XSCREENSAVER) == LockSetting(source="xscreensaver")


def test_a_file_is_looked_into_once_until_it_changes(machine: Machine):
    """Every minute somebody asks."""
    file = machine.put("home/user/.config/kscreenlockerrc", b"[Daemon]\nTimeout=7\n")
    machine.read(KDE)
    assert machine.read(KDE).after_s == 425
    assert len(machine.parsing.asked) == 1
    file.unlink()
    machine.put("home/user/.config/kscreenlockerrc", b"[Daemon]\nTimeout=70\n")
    assert machine.read(KDE).after_s == 4205
