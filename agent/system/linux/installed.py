# SPDX-License-Identifier: Apache-2.0
"""The software that is installed on Linux: puts the sources together, a little at a time where there is very much.

Where software is found is the business of `sources`. Which of it is allowed is not known here.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.parsing.interface import Parsing
from agent.system.interface import InstalledSoftware
from agent.system.linux.homes import find_homes
from agent.system.linux.sources.chromium import ChromiumSource
from agent.system.linux.sources.dpkg import DpkgSource
from agent.system.linux.sources.firefox import FirefoxSource
from agent.system.linux.sources.flatpak import FlatpakSource
from agent.system.linux.sources.folders import Folders, Stamp, find_stamps
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.node import NodeSource
from agent.system.linux.sources.parsed import ParsedFiles
from agent.system.linux.sources.portable import PortableSource
from agent.system.linux.sources.programs import ProgramSource
from agent.system.linux.sources.python import PythonSource
from agent.system.linux.sources.rpm import RpmSource
from agent.system.linux.sources.snap import SnapSource
from agent.system.linux.sources.survey import Survey
from proto.events import Program

READ_AT_MOST_S = 0.2
"""At one call; the next one goes on where it ended."""
FORGET_EVERY_S = 3000.0
"""After that a file that was changed in place, which its folder does not show, is looked at again."""
PLACES_AT_ONCE = 200
"""So many places are asked for their stamps at one call."""
MAX_FINDS_OF_HOME = 2000
MAX_STEPS_OF_HOME = 10_000
"""Places of a home where the look may pause: whatever is made there, other homes are looked at."""


class InstalledReader:
    """Reads what is installed below one root folder."""

    def __init__(
        self, root: Path, find_parsing: Callable[[], Parsing], *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`find_parsing` is called when there is something of users' to look into, and not before."""
        self._root = root
        self._clock_s = clock_s
        self._folders = Folders()
        self._parsed = ParsedFiles(find_parsing)
        self._packages: tuple[Source, ...] = (DpkgSource(), RpmSource())
        self._sources: tuple[Source, ...] = (
            *(FlatpakSource(), SnapSource(), ProgramSource(), PythonSource(), NodeSource()),
            *(ChromiumSource(), FirefoxSource()),
        )
        self._portable = PortableSource()
        self._look: _Look | None = None
        self._forget_due_s = 0.0
        self._places: dict[str, Stamp | None] = {}
        self._order: list[str] = []
        self._next_place = 0
        self._changes = 0

    def read(self) -> InstalledSoftware:
        """Return all that is installed, and in words what could not be read; or that there is more to look at."""
        now_s = self._clock_s()
        if self._look is None:
            if now_s >= self._forget_due_s:
                self._forget_due_s = now_s + FORGET_EVERY_S
                self._folders.forget()
                self._parsed.forget_broken()
            survey = Survey(self._root, self._folders, self._parsed)
            self._look = _Look(survey, self._packages, self._sources, self._portable)
        for _ in self._look.steps:
            if self._clock_s() - now_s > READ_AT_MOST_S:
                return InstalledSoftware((), has_more=True)
        look, self._look = self._look, None
        self._places = look.survey.places
        self._order = sorted(self._places)
        return look.to_software()

    def fingerprint(self) -> object:
        """Return how often it was seen that something changed at the places of the last whole look."""
        count = min(PLACES_AT_ONCE, len(self._order))
        places = [self._order[(self._next_place + each) % len(self._order)] for each in range(count)]
        self._next_place += count
        for place, stamp in zip(places, find_stamps(places), strict=True):
            if stamp != self._places[place]:
                self._places[place] = stamp
                self._changes += 1
        return self._changes


class _Look:
    """One look at everything, step by step."""

    def __init__(
        self, survey: Survey, packages: tuple[Source, ...], sources: tuple[Source, ...], portable: Source
    ) -> None:
        self.survey = survey
        self._packages, self._sources, self._portable = packages, sources, portable
        self._of_system: dict[Program, None] = {}
        self._of_homes: dict[Program, None] = {}
        self._loose: dict[Program, None] = {}
        self._homes: set[str] = set()
        self.steps = self._take_steps()

    def to_software(self) -> InstalledSoftware:
        """Return what was found; to be called after the last step."""
        programs = self._of_system | self._of_homes
        paths = {program.path for program in programs if program.path}
        # An AppImage is made to be installed by putting it somewhere; another executable just lies there.
        images = {each: None for each in self._loose if each.source == "appimage" and each.path not in paths}
        loose = tuple(each for each in self._loose if each.source != "appimage" and each.path not in paths)
        return InstalledSoftware(
            tuple(programs | images),
            self.survey.gaps.to_words(),
            loose=loose,
            of_homes=frozenset((self._of_homes | images).keys() - self._of_system.keys()),
            homes=frozenset(self._homes),
        )

    def _take_steps(self) -> Iterator[None]:
        survey = self.survey
        yield from _note(self._packages_of(survey), self._of_system)
        for source in self._sources:
            yield from _note(source.find(survey), self._of_system)
        survey.note(survey.to_system("etc/passwd"))
        survey.note(survey.to_system("home"))
        for home in find_homes(survey.to_system("."), survey.gaps):
            survey.note(home)
            if not _is_there(home):
                continue
            # Beside the check's own memory nobody sees it, and it names nobody.
            self._homes.add(hashlib.blake2b(os.fsencode(home), digest_size=8).hexdigest())
            yield from self._look_into_home(home)

    def _look_into_home(self, home: Path) -> Iterator[None]:
        """Note what is found in a person's folder, up to a limit."""
        finds = steps = 0
        for source in (*self._sources, self._portable):
            found = self._loose if source is self._portable else self._of_homes
            for program in source.find_in_home(self.survey, home):
                if program is None:
                    steps += 1
                    yield
                else:
                    finds += 1
                    found[program] = None
                if finds >= MAX_FINDS_OF_HOME or steps >= MAX_STEPS_OF_HOME:
                    self.survey.gaps.add("programs in home folders", "a home with more than are looked at")
                    return
            yield

    def _packages_of(self, survey: Survey) -> Finds:
        before = len(survey.gaps.to_words())
        is_any = False
        for source in self._packages:
            for program in source.find(survey):
                is_any = True
                yield program
        if not is_any and len(survey.gaps.to_words()) == before:
            survey.gaps.add("installed packages", "this system has no list of packages that is read (dpkg, rpm)")


def _note(finds: Finds, found: dict[Program, None]) -> Iterator[None]:
    for program in finds:
        if program is None:
            yield
        else:
            found[program] = None
    yield


def _is_there(home: Path) -> bool:
    """Return whether a person's folder holds anything; the place of one that is not mounted is empty or missing."""
    try:
        with os.scandir(home) as entries:
            return next(entries, None) is not None
    except OSError:
        # It may be there and not for us to read; then what is in it says so.
        return os.path.lexists(home)
