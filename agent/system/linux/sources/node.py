# SPDX-License-Identifier: Apache-2.0
"""Node packages that npm installed globally, for all and for one person. What a project has for itself is no find."""

from pathlib import Path

from agent.system.linux.files import to_text
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.parsed import text_of
from agent.system.linux.sources.survey import Survey
from proto.events import Program

FOLDERS = ("usr/local/lib/node_modules", "usr/lib/node_modules")
HOME_FOLDERS = (".npm-global/lib/node_modules", ".local/lib/node_modules")
HOME_VERSIONS = (".nvm/versions/node",)
"""Where folders are of which each has its own `lib/node_modules`."""
MAX_NAME_LENGTH = 214
"""As npm has it."""
MAX_VERSION_LENGTH = 128
_WHAT = "Node packages"
_WHAT_IN_HOMES = "Node packages in home folders"


class NodeSource(Source):
    """Lists the folders of packages; their versions are in a file of each."""

    def find(self, survey: Survey) -> Finds:
        """Find what was installed for all."""
        for place in FOLDERS:
            yield from _find(survey, survey.to_system(place), _WHAT)

    def find_in_home(self, survey: Survey, home: Path) -> Finds:
        """Find what a person installed."""
        for place in HOME_FOLDERS:
            folder = survey.find_inside(home, place, _WHAT_IN_HOMES)
            if folder is not None:
                yield from _find(survey, folder, _WHAT_IN_HOMES)
        for place in HOME_VERSIONS:
            top = survey.find_inside(home, place, _WHAT_IN_HOMES)
            if top is None:
                continue
            for name in survey.subfolders(top, _WHAT_IN_HOMES):
                yield from _find(survey, top / name / "lib/node_modules", _WHAT_IN_HOMES)


def _find(survey: Survey, folder: Path, what: str) -> Finds:
    for entry in survey.list_folder(folder, what):
        if entry.name.startswith("."):
            continue
        if entry.is_link:  # to a package under development: known by its name, its version changes all the time
            yield Program(_to_name(entry.name), source="npm")
        elif entry.is_folder and entry.name.startswith("@"):
            for name in survey.subfolders(folder / entry.name, what):
                yield _read(survey, folder / entry.name / name, f"{entry.name}/{name}", what)
                yield None
        elif entry.is_folder:
            yield _read(survey, folder / entry.name, entry.name, what)
        yield None
    yield None


def _read(survey: Survey, package: Path, name: str, what: str) -> Program:
    described = survey.parse("node_package", package / "package.json", what)
    # The folder's name is the one that others use the package by.
    return Program(_to_name(name), source="npm", version=text_of(described, "version", MAX_VERSION_LENGTH))


def _to_name(name: str) -> str:
    return to_text(name)[:MAX_NAME_LENGTH]
