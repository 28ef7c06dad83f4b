# SPDX-License-Identifier: Apache-2.0
"""Tests of finding the extensions of Chromium and its kin."""

import json
import os

import pytest

from agent.system.linux.sources.chromium import PLACES
from proto.events import Program
from tests.agent.system.linux.disk import Disk

ID = "cjpalhdlnbpafiamejdnhcphjbkeiagm"
WHAT = "browser extensions in home folders"
BROKEN = f"{WHAT}: a file that is broken or too much to read"
FOLDER = f"home/alice/.config/chromium/Default/Extensions/{ID}"


def extension(name: str, version: str = "") -> Program:
    return Program(name, source="extension", version=version)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("profile", ["Default", "Profile 2"])
def test_extensions_are_found_in_each_browser(disk: Disk, place: str, profile: str):
    """And in each profile; other folders are none."""
    manifest = {"manifest_version": 3, "name": "uBlock Origin", "version": "1.57"}
    disk.write_json(f"home/alice/{place}/{profile}/Extensions/{ID}/1.57_0/manifest.json", manifest)
    disk.write_json(f"home/alice/{place}/{profile}/Extensions/Temp/1/manifest.json", manifest)
    disk.write_json(f"home/alice/{place}/Crash Reports/Extensions/{ID}/1/manifest.json", manifest)

    assert disk.read() == ({extension(f"uBlock Origin ({ID})", "1.57")}, ())


def test_the_newest_version_counts(disk: Disk):
    """After an update, the old one stays for a while; numbers are compared as numbers."""
    for version in ("1.9.0_0", "1.10.0_0", "1.2_1"):
        disk.write_json(f"{FOLDER}/{version}/manifest.json", {"name": "A", "version": version[:-2]})

    assert disk.read()[0] == {extension(f"A ({ID})", "1.10.0")}


def test_a_title_is_taken_from_the_makers_language(disk: Disk):
    """So that it is the same on every machine. Keys are compared without case, as the browser does."""
    disk.write_json(f"{FOLDER}/1_0/manifest.json", {"name": "__MSG_appName__", "version": "1", "default_locale": "en"})
    disk.write_json(f"{FOLDER}/1_0/_locales/en/messages.json", {"APPNAME": {"message": "Ad Blocker"}, "x": 1})
    disk.write_json(f"{FOLDER}/1_0/_locales/de/messages.json", {"appName": {"message": "Werbeblocker"}})

    assert disk.read() == ({extension(f"Ad Blocker ({ID})", "1")}, ())


@pytest.mark.parametrize("locale", ["../../../..", "/etc", "", "en/../en", None])
def test_a_language_cannot_lead_elsewhere(disk: Disk, locale: object):
    """Then the extension has no title."""
    disk.write_json(f"{FOLDER}/1_0/manifest.json", {"name": "__MSG_x__", "version": "1", "default_locale": locale})

    assert disk.read() == ({extension(ID, "1")}, ())


@pytest.mark.parametrize(
    "content",
    [b"", b"{]", b'"text"', b"\xff", b"[" * 200_000, b'{"name": "' + b"x" * 2_000_000 + b'"}'],
    ids=["empty", "broken", "text", "no text", "nested", "huge"],
)
def test_an_extension_with_a_broken_manifest_is_found_by_its_folder(disk: Disk, content: bytes):
    """And that its manifest made no sense is said."""
    disk.write(f"{FOLDER}/2.5_0/manifest.json", content)

    assert disk.read() == ({extension(ID, "2.5")}, (BROKEN,))


def test_broken_messages_are_a_gap(disk: Disk):
    """The extension is known by its identifier then."""
    disk.write_json(f"{FOLDER}/1_0/manifest.json", {"name": "__MSG_x__", "version": "1", "default_locale": "en"})
    disk.write(f"{FOLDER}/1_0/_locales/en/messages.json", b"{")

    assert disk.read() == ({extension(ID, "1")}, (BROKEN,))


def test_what_browsers_forgive_is_forgiven(disk: Disk):
    """A mark for the order of bytes, and lines of comment."""
    disk.write(f"{FOLDER}/1_0/manifest.json", b'\xef\xbb\xbf// made by\n{"name": "A", "version": "1"}')

    assert disk.read() == ({extension(f"A ({ID})", "1")}, ())


def test_a_title_with_halves_of_characters_can_be_sent(disk: Disk):
    """JSON can name them, and nothing else can hold them."""
    disk.write(f"{FOLDER}/1_0/manifest.json", b'{"name": "A\\ud800", "version": "\\udfff1"}')

    (program,) = disk.read()[0]
    assert program.name.encode()
    assert program.version.encode()


def test_odd_things_in_a_profile_do_no_harm(disk: Disk):
    """Pipes, links and what is left of an extension."""
    (disk.root / FOLDER).mkdir(parents=True)
    other = "home/alice/.config/chromium/Profile 1/Extensions"
    (disk.root / other / ID / "1_0").mkdir(parents=True)
    os.mkfifo(disk.root / other / ID / "1_0/manifest.json")
    disk.link("home/alice/.config/vivaldi", "/etc")
    disk.write("home/alice/.config/opera", b"a file")

    programs, unread = disk.read()
    assert programs == {extension(ID, "1")}
    assert len(unread) == 2
    assert "alice" not in json.dumps(unread)
