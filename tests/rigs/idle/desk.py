# SPDX-License-Identifier: Apache-2.0
"""A desk that is left: real idle time on a real display, real lockers, and the check that looks at it."""

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.desk import Desk, as_user, in_namespace
from tests.path import wait_for
from tests.tree import ROOT

LIMIT_S = 3
GRACE_S = 1.0


class IdleDesk(Desk):
    """A desk whose user may walk away, and on which the check looks."""

    def __init__(self, logind: str = "") -> None:
        """`logind` is the address of a system bus; without one there is none."""
        super().__init__()
        self._logind = logind or "unix:path=/nonexistent"
        self.session = ""
        """The session that lockers belong to, by logind's id."""
        self.looks: list[dict[str, Any]] = []
        """What the check has said."""

    @property
    def environment(self) -> dict[str, str]:
        """What programs of the session have in their environment."""
        bus = {"DBUS_SYSTEM_BUS_ADDRESS": self._logind}
        return super().environment | bus | ({"XDG_SESSION_ID": self.session} if self.session else {})

    def set_saver(self, seconds: int) -> None:
        """Have the X server's screen saver come on after so long."""
        self._x("xset", "s", str(seconds), "0")

    def start_program(self, *command: str) -> None:
        """Start a program as the session's user; return when it runs."""
        self._start([*in_namespace(self.folder), *as_user(), *command])
        child = self._children[-1]
        wait_for(lambda: Path(f"/proc/{child.pid}/comm").read_text().strip() == command[0], f"{command[0]} to run")

    def touch(self) -> None:
        """Press a key."""
        self._x("xdotool", "key", "a")

    def touch_until(self, **wanted: Any) -> dict[str, Any]:
        """Press keys, as somebody who works, until there is an event with these values; return it."""

        def touch() -> dict[str, Any]:
            self.touch()
            return self._find(wanted)

        return wait_for(touch, f"an event with {wanted}")

    def look(self) -> None:
        """Have the check look from now on, as root and as the agent does."""
        command = [*in_namespace(self.folder), sys.executable, "-m", "tests.rigs.idle.look"]
        command += [self.display, str(LIMIT_S), str(GRACE_S)]
        environment = self.environment
        # The agent has no display of its own, or it would be somebody's session.
        del environment["DISPLAY"]
        with (self.folder / "look.log").open("ab") as log:
            child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log)
        self._children.append(child)
        threading.Thread(target=self._hear, args=[child], daemon=True).start()

    def wait_for(self, **wanted: Any) -> dict[str, Any]:
        """Return the first event with these values."""
        return wait_for(lambda: self._find(wanted), f"an event with {wanted}")

    def wait_for_answer(self, state: str, **facts: str) -> dict[str, Any]:
        """Return the last answer once it is so."""

        def find() -> dict[str, Any]:
            last = self.looks[-1] if self.looks else {}
            return last if last.get("state") == state and facts.items() <= last["facts"].items() else {}

        return wait_for(find, f"the answer {state} with {facts}")

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the check has told."""
        return [event for look in self.looks for event in look["events"]]

    def _hear(self, child: "subprocess.Popen[bytes]") -> None:
        assert child.stdout is not None
        for line in child.stdout:
            self.looks.append(json.loads(line))

    def _find(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return next((each for each in self.events if wanted.items() <= each.items()), {})


def find_missing() -> str:
    """Say which programs are missing; empty when none is."""
    needed = {"xss-lock": "xss-lock", "i3lock": "i3lock", "xset": "x11-xserver-utils"}
    missing = [package for program, package in needed.items() if not shutil.which(program)]
    return f"apt install {' '.join(missing)}" if missing else ""
