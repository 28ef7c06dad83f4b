# SPDX-License-Identifier: Apache-2.0
"""Flatpak applications, of the system and of people: their folders and the metadata in them."""

from pathlib import Path

from agent.system.linux.files import to_text
from agent.system.linux.links import follow_inside
from agent.system.linux.packages import PackageListError
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.parsed import text_of
from agent.system.linux.sources.survey import Survey
from proto.events import Program

FOLDER = "var/lib/flatpak/app"
HOME_FOLDER = ".local/share/flatpak/app"
MAX_NAME_LENGTH = 256


class FlatpakSource(Source):
    """Reads both kinds of folders."""

    def find(self, survey: Survey) -> Finds:
        """Find the system's applications."""
        yield from _find(survey, survey.to_system(FOLDER), "flatpak applications")

    def find_in_home(self, survey: Survey, home: Path) -> Finds:
        """Find a person's own applications."""
        what = "flatpak applications in home folders"
        folder = survey.find_inside(home, HOME_FOLDER, what)
        if folder is not None:
            yield from _find(survey, folder, what)


def _find(survey: Survey, folder: Path, what: str) -> Finds:
    for name in survey.subfolders(folder, what):
        try:
            deployed = _find_deployment(folder / name)
        except (OSError, PackageListError) as error:
            survey.gaps.add(what, error)
            names = {_to_name(name)}
        else:
            # In a home the two may differ, for a user can rewrite either; a rule may name either.
            names = {_to_name(name), _read(survey, deployed, what)} - {""} if deployed else set()
        for each in sorted(names):
            yield Program(each, source="flatpak")
        yield None


def _read(survey: Survey, deployed: Path, what: str) -> str:
    return text_of(survey.parse("flatpak_metadata", deployed / "metadata", what), "application")


def _find_deployment(application: Path) -> Path | None:
    """Return where the application's files are, or None when it is not installed any more.

    Raises:
        PackageListError: a link leads elsewhere.
        OSError: what the link names is no link, or cannot be read.
    """
    try:
        branch = follow_inside(application / "current", parts=2)
    except FileNotFoundError:
        return None
    return follow_inside(branch / "active", parts=1)


def _to_name(name: str) -> str:
    return to_text(name)[:MAX_NAME_LENGTH]
