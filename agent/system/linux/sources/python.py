# SPDX-License-Identifier: Apache-2.0
"""Python packages that pip and pipx installed, for all and for one person, by the names of their folders.

What came as a Debian or RPM package is found there. Environments in people's projects are not looked for.
"""

import re
from pathlib import Path

from agent.system.linux.files import to_text
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.survey import Survey
from proto.events import Program

LIBRARIES = ("usr/local/lib",)
"""Where a folder for each Python is."""
ENVIRONMENTS = ("opt/pipx/venvs",)
"""Where folders are of which each has a `lib`."""
HOME_LIBRARIES = (".local/lib",)
HOME_ENVIRONMENTS = (".local/share/pipx/venvs", ".local/pipx/venvs", ".pyenv/versions")
MAX_NAME_LENGTH = 256
MAX_VERSION_LENGTH = 128
_WHAT = "Python packages"
_WHAT_IN_HOMES = "Python packages in home folders"
_PACKAGES = ("site-packages", "dist-packages")
# `name-version.dist-info`, where installers have put `_` for every `-` in the name; an `.egg-info` is the older form.
_DESCRIBED = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[\w.]*[A-Za-z0-9])?)(?:-(?P<version>[^-]+)(?:-py[\d.]+)?)?\.(?:dist|egg)-info", re.ASCII
)


class PythonSource(Source):
    """Lists the folders that describe packages."""

    def find(self, survey: Survey) -> Finds:
        """Find what was installed for all."""
        for place in LIBRARIES:
            yield from _find_in_library(survey, survey.to_system(place), _WHAT)
        for place in ENVIRONMENTS:
            yield from _find_in_environments(survey, survey.to_system(place), _WHAT)

    def find_in_home(self, survey: Survey, home: Path) -> Finds:
        """Find what a person installed."""
        for place in HOME_LIBRARIES:
            folder = survey.find_inside(home, place, _WHAT_IN_HOMES)
            if folder is not None:
                yield from _find_in_library(survey, folder, _WHAT_IN_HOMES)
        for place in HOME_ENVIRONMENTS:
            folder = survey.find_inside(home, place, _WHAT_IN_HOMES)
            if folder is not None:
                yield from _find_in_environments(survey, folder, _WHAT_IN_HOMES)


def _find_in_environments(survey: Survey, folder: Path, what: str) -> Finds:
    for name in survey.subfolders(folder, what):
        yield from _find_in_library(survey, folder / name / "lib", what)


def _find_in_library(survey: Survey, library: Path, what: str) -> Finds:
    for version in survey.subfolders(library, what):
        if version.startswith("python3"):
            for packages in _PACKAGES:
                for name in survey.subfolders(library / version / packages, what):
                    described = _DESCRIBED.fullmatch(to_text(name))
                    if described:
                        yield _to_program(described["name"], described["version"] or "")
                yield None
    yield None


def _to_program(name: str, version: str) -> Program:
    # As package indexes compare names, and as rules name them.
    normal = re.sub(r"[-_.]+", "-", name[:MAX_NAME_LENGTH]).lower()
    return Program(normal, source="pip", version=version[:MAX_VERSION_LENGTH])
