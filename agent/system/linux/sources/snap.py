# SPDX-License-Identifier: Apache-2.0
"""Snaps: those that are mounted, with their version, and those whose file is there, by name."""

from agent.system.linux.files import load_bytes, to_text
from agent.system.linux.links import follow_inside
from agent.system.linux.packages import PackageListError, parse_snap_yaml
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.survey import Survey
from proto.events import Program

FOLDER = "snap"
FILES = "var/lib/snapd/snaps"
MAX_DESCRIPTION_BYTES = 64 * 1024
MAX_NAME_LENGTH = 256


class SnapSource(Source):
    """Reads snapd's folders; people have no snaps of their own."""

    def find(self, survey: Survey) -> Finds:
        """Find the snaps of this machine."""
        found: dict[str, Program] = {}
        top = survey.to_system(FOLDER)
        for folder in survey.subfolders(top, "snaps"):
            current = top / folder / "current"
            if not current.is_symlink():
                continue
            try:
                description = follow_inside(current, parts=1) / "meta" / "snap.yaml"
                name, version = parse_snap_yaml(load_bytes(description, MAX_DESCRIPTION_BYTES))
            except (OSError, PackageListError) as error:
                survey.gaps.add("snaps", error)
                name, version = to_text(folder)[:MAX_NAME_LENGTH], ""
            found[name] = Program(name, source="snap", version=version)
        for file in survey.list_names(survey.to_system(FILES), "snaps"):
            name, _, revision_and_suffix = to_text(file).rpartition("_")
            if name and revision_and_suffix.endswith(".snap"):
                found.setdefault(name[:MAX_NAME_LENGTH], Program(name[:MAX_NAME_LENGTH], source="snap"))
        yield from found.values()
