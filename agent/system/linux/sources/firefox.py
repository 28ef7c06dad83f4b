# SPDX-License-Identifier: Apache-2.0
"""Extensions of Firefox and its kin, by the list that each profile keeps. What comes with the browser is left out."""

from pathlib import Path

from agent.system.linux.sources.extension import to_program
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.parsed import text_of
from agent.system.linux.sources.survey import Survey

PLACES = (
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox",
    ".librewolf",
    ".waterfox",
)
"""Folders of profiles, below a home."""
LIST = "extensions.json"
_WHAT = "browser extensions in home folders"


class FirefoxSource(Source):
    """Reads the lists."""

    def find_in_home(self, survey: Survey, home: Path) -> Finds:
        """Find the extensions of one person's profiles."""
        for place in PLACES:
            browser = survey.find_inside(home, place, _WHAT)
            if browser is None:
                continue
            for profile in survey.subfolders(browser, _WHAT):
                yield None
                path = browser / profile / LIST
                if survey.note(path) is None:  # another folder, or a profile that was never used
                    continue
                found = survey.parse("firefox_extensions", path, _WHAT)
                listed = found.get("extensions") if found else None
                for each in listed if isinstance(listed, list) else ():
                    if identifier := text_of(each, "id"):
                        yield to_program(identifier, text_of(each, "name"), text_of(each, "version"))
