# SPDX-License-Identifier: Apache-2.0
"""Programs beside the packages: executables in the folders that are made for them, and AppImages among these.

What lies elsewhere in a person's folder is the business of `portable`.
"""

from collections.abc import Iterable
from pathlib import Path

from agent.system.linux.files import to_text
from agent.system.linux.sources.appimage import to_program
from agent.system.linux.sources.folders import Entry
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.survey import Survey
from proto.events import Program

FOLDERS = ("usr/local/bin", "usr/local/sbin", "usr/local/games")
ADDED = "opt"
"""Each folder in it is looked into, and its `bin`."""
HOME_FOLDERS = (".local/bin", "bin")
_WHAT = "programs in system folders"
_WHAT_IN_HOMES = "programs in home folders"


class ProgramSource(Source):
    """Lists those folders. A link counts by its name, for that is what people type; where it leads is not looked at."""

    def find(self, survey: Survey) -> Finds:
        """Find what was put beside the system's packages."""
        for place in FOLDERS:
            yield from _find(survey, survey.to_system(place), _WHAT)
        top = survey.to_system(ADDED)
        for entry in survey.list_folder(top, _WHAT, with_magic=True):
            if entry.is_folder or entry.is_link:
                folder = survey.to_system(f"{ADDED}/{entry.name}")
                yield from _find(survey, folder, _WHAT)
                inner = survey.find_inside(folder, "bin", _WHAT)
                if inner is not None:
                    yield from _find(survey, inner, _WHAT)
            else:
                yield from _to_programs(top, [entry])

    def find_in_home(self, survey: Survey, home: Path) -> Finds:
        """Find what a person put where programs are looked for."""
        for place in HOME_FOLDERS:
            folder = survey.find_inside(home, place, _WHAT_IN_HOMES)
            if folder is not None:
                yield from _find(survey, folder, _WHAT_IN_HOMES)


def _find(survey: Survey, folder: Path, what: str) -> Finds:
    yield from _to_programs(folder, survey.list_folder(folder, what, with_magic=True))


def _to_programs(folder: Path, entries: Iterable[Entry]) -> Finds:
    for entry in entries:
        path = to_text(str(folder / entry.name))
        if entry.is_appimage:
            yield to_program(to_text(entry.name), path)
        elif not entry.is_folder:
            yield Program(to_text(entry.name), path=path, source="file")
