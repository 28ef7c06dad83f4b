# SPDX-License-Identifier: Apache-2.0
"""Homes below a folder, and the watch on them, as the tests of arrivals use them."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from agent.system.arrivals import Arrival, Look
from agent.system.linux.arrivals.watch import SURVEY_AGAIN_S, LinuxArrivals
from tests.agent.parsing.direct import DirectParsing
from tests.fakes import FakeClock

DEADLINE_S = 20.0
ELF = Path("/bin/true").read_bytes()
AT_FIRST = 5
"""Folders: a home, its downloads and its desktop, and two temporary ones."""


class Machine:
    """Homes below a folder, and the watch on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home" / "pupil"
        for name in ("home/pupil/Downloads", "home/pupil/Desktop", "home/pupil/Documents", "tmp", "var/tmp"):
            (root / name).mkdir(parents=True)
        (root / "etc").mkdir()
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        self.clock = FakeClock()
        self.woken = threading.Event()
        self.parsing = DirectParsing()
        self.watch = self.begin()
        self.came: dict[str, str] = {}
        self.was_complete = True

    def begin(self) -> LinuxArrivals:
        self.watch = LinuxArrivals(self.root, self.parsing, self.woken.set, clock_s=self.clock)
        return self.watch

    def take(self) -> dict[str, str]:
        """Take what came until now, and return all that came so far, by its path below the root."""
        taken = self.watch.take()
        self.was_complete = taken.is_complete
        self.came |= {str(Path(each.path).relative_to(self.root)): each.place for each in taken.files}
        return self.came

    def await_arrivals(self, *paths: str) -> dict[str, str]:
        """Wait until all of these came."""
        self.await_true(lambda: set(paths) <= set(self.take()))
        return self.came

    def await_true(self, is_so: Callable[[], bool]) -> None:
        due_s = time.monotonic() + DEADLINE_S
        while not is_so():
            assert time.monotonic() < due_s, f"it did not become so; there came {self.came}"
            time.sleep(0.02)

    def await_watched(self, count: int) -> None:
        """Wait until so many folders are watched, in which time passes."""

        def is_so() -> bool:
            self.clock.advance(SURVEY_AGAIN_S)
            self.take()
            return self.watch.coverage().watched == count

        self.await_true(is_so)

    def look(self, path: str, place: str = "downloads") -> Look | None:
        return self.watch.look(Arrival(str(self.root / path), place))
