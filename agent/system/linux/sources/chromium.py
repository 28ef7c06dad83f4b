# SPDX-License-Identifier: Apache-2.0
"""Extensions of Chrome, Chromium and their kin, by the folders of each profile; those that a policy forces too.

An extension that a developer loads from a folder of his own, and a profile that is kept elsewhere, are not seen.
"""

import re
from pathlib import Path

from agent.system.linux.sources.extension import to_program
from agent.system.linux.sources.interface import Finds, Source
from agent.system.linux.sources.parsed import text_of
from agent.system.linux.sources.survey import Survey
from proto.events import Program

BROWSERS = (
    *("google-chrome", "google-chrome-beta", "google-chrome-unstable", "chromium"),
    *("microsoft-edge", "microsoft-edge-beta", "microsoft-edge-dev"),
    *("BraveSoftware/Brave-Browser", "vivaldi", "opera"),
)
"""Folders of profiles, below where a home keeps settings."""
PACKED = (
    "snap/chromium/common/chromium",
    "snap/brave/current/.config/BraveSoftware/Brave-Browser",
    "snap/opera/current/.config/opera",
    ".var/app/com.google.Chrome/config/google-chrome",
    ".var/app/org.chromium.Chromium/config/chromium",
    ".var/app/com.microsoft.Edge/config/microsoft-edge",
    ".var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser",
    ".var/app/com.vivaldi.Vivaldi/config/vivaldi",
)
"""The same of browsers that came as a snap or a flatpak."""
PLACES = (*(f".config/{browser}" for browser in BROWSERS), *PACKED)
_WHAT = "browser extensions in home folders"
_IDENTIFIER = re.compile(r"[a-p]{32}")
_MESSAGE = re.compile(r"__MSG_(?P<key>\w+)__", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z0-9_]{2,20}", re.ASCII)


class ChromiumSource(Source):
    """Looks into the profiles of each browser."""

    def find_in_home(self, survey: Survey, home: Path) -> Finds:
        """Find the extensions of one person's browsers."""
        for place in PLACES:
            browser = survey.find_inside(home, place, _WHAT)
            if browser is None:
                continue
            yield from _find(survey, browser / "Extensions")
            for profile in survey.subfolders(browser, _WHAT):
                if profile in ("Default", "Guest Profile") or profile.startswith("Profile "):
                    yield from _find(survey, browser / profile / "Extensions")


def _find(survey: Survey, extensions: Path) -> Finds:
    for identifier in survey.subfolders(extensions, _WHAT):
        if _IDENTIFIER.fullmatch(identifier):
            versions = list(survey.subfolders(extensions / identifier, _WHAT))
            if versions:  # an empty folder is what is left of one
                yield _read(survey, extensions / identifier / max(versions, key=_to_order), identifier)
        yield None
    yield None


def _read(survey: Survey, folder: Path, identifier: str) -> Program:
    manifest = survey.parse("extension_manifest", folder / "manifest.json", _WHAT)
    if manifest is None:
        return to_program(identifier, "", folder.name.partition("_")[0])
    title, locale = text_of(manifest, "name"), text_of(manifest, "default_locale")
    message = _MESSAGE.fullmatch(title)
    if message:
        title = ""
        if _LOCALE.fullmatch(locale):
            # The maker's own language and not the person's, so that a name is the same on every machine.
            messages = survey.parse("extension_messages", folder / "_locales" / locale / "messages.json", _WHAT)
            title = text_of(messages.get("messages"), message["key"].lower()) if messages else ""
    return to_program(identifier, title, text_of(manifest, "version"))


def _to_order(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d{1,9}", version)]
