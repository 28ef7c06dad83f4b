# SPDX-License-Identifier: Apache-2.0
"""Debian packages: the one list that dpkg keeps. What its lines say is `packages`' business."""

from agent.system.interface import InstalledSoftware
from agent.system.linux.files import load_bytes
from agent.system.linux.gaps import to_reason
from agent.system.linux.packages import PackageListError, parse_dpkg_status
from agent.system.linux.sources.folders import Stamp
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.survey import Survey

LIST = "var/lib/dpkg/status"
MAX_LIST_BYTES = 32 * 1024 * 1024
_WHAT = "Debian packages"


class DpkgSource(Source):
    """Reads the list when it has changed."""

    def __init__(self) -> None:
        self._known: tuple[Stamp, InstalledSoftware] | None = None

    def find(self, survey: Survey) -> Finds:
        """Find the packages whose files are on the machine."""
        path = survey.to_system(LIST)
        stamp = survey.note(path)
        if stamp is None:
            return
        if self._known is None or self._known[0] != stamp:
            try:
                self._known = stamp, parse_dpkg_status(load_bytes(path, MAX_LIST_BYTES))
            except (OSError, PackageListError) as error:
                self._known = stamp, InstalledSoftware((), (f"{_WHAT}: {to_reason(error)}",))
        for gap in self._known[1].unread:
            what, _, why = gap.partition(": ")
            survey.gaps.add(what, why)
        yield from self._known[1].programs
