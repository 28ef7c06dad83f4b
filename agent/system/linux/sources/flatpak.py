# SPDX-License-Identifier: Apache-2.0
"""Flatpak applications, of the system and of people: their folders and the metadata in them."""

from pathlib import Path

from agent.system.linux.files import load_bytes, to_text
from agent.system.linux.links import follow_inside
from agent.system.linux.packages import PackageListError, parse_flatpak_metadata
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.survey import Survey
from proto.events import Program

FOLDER = "var/lib/flatpak/app"
HOME_FOLDER = ".local/share/flatpak/app"
MAX_METADATA_BYTES = 64 * 1024
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
            if deployed is None:
                continue
            application = parse_flatpak_metadata(load_bytes(deployed / "metadata", MAX_METADATA_BYTES))
        except (OSError, PackageListError) as error:
            survey.gaps.add(what, error)
            application = ""
        # In a home the two may differ, for a user can rewrite either; a rule may name either.
        for each in sorted({to_text(name)[:MAX_NAME_LENGTH], application} - {""}):
            yield Program(each, source="flatpak")


def _find_deployment(application: Path) -> Path | None:
    """Return where the application's files are, or None when it is not installed any more."""
    if not (application / "current").is_symlink():
        return None
    branch = follow_inside(application / "current", parts=2)
    return follow_inside(branch / "active", parts=1)
