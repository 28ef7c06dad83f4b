# SPDX-License-Identifier: Apache-2.0
"""Tests of finding the extensions of Firefox and its kin."""

import pytest

from agent.parsing.parsers import firefox_extensions
from agent.system.linux.sources.firefox import PLACES
from proto.events import Program
from tests.agent.system.linux.disk import Disk

BROKEN = "browser extensions in home folders: a file that is broken or too much to read"
LIST = "home/alice/.mozilla/firefox/x.default-release/extensions.json"


def addon(identifier: str = "uBlock0@raymondhill.net", **changes: object) -> dict[str, object]:
    named = {"name": "uBlock Origin"}
    usual = {"id": identifier, "type": "extension", "version": "1.57", "location": "app-profile"}
    return usual | {"defaultLocale": named} | changes


def extension(name: str, version: str = "1.57") -> Program:
    return Program(name, source="extension", version=version)


@pytest.mark.parametrize("place", PLACES)
def test_extensions_are_found_in_each_place(disk: Disk, place: str):
    """In every profile that has a list; one that was never used has none."""
    disk.write_json(f"home/alice/{place}/x.default/extensions.json", {"addons": [addon()]})
    disk.write(f"home/alice/{place}/y.default/times.json", b"{}")

    assert disk.read() == ({extension("uBlock Origin (uBlock0@raymondhill.net)")}, ())


def test_what_nobody_added_is_left_out(disk: Disk):
    """Parts of the browser, themes, dictionaries and languages. What a policy forced is an extension as others are."""
    others = [addon(f"{kind}@x", type=kind) for kind in ("theme", "dictionary", "locale")]
    parts = [addon(f"{place}@x", location=place) for place in ("app-builtin", "app-system-defaults")]
    disk.write_json(LIST, {"addons": [*others, *parts, addon("forced@x", location="app-global")]})

    assert disk.read() == ({extension("uBlock Origin (forced@x)")}, ())


def test_an_extension_without_words_is_known_by_its_identifier(disk: Disk):
    """Whatever is in the place of words; one without an identifier is none."""
    odd = [addon("a@x", defaultLocale=None, version=3), addon("b@x", defaultLocale={"name": ["x"]}), addon(""), 7, None]
    disk.write_json(LIST, {"addons": odd})

    assert disk.read() == ({extension("a@x", ""), extension("b@x")}, ())


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b'{"addons": {}}', b"\x00" * 100])
def test_a_broken_list_is_a_gap(disk: Disk, content: bytes):
    """Nothing is known of that profile."""
    disk.write(LIST, content)

    assert disk.read() == (set(), (BROKEN,))


def test_a_list_with_too_much_in_it_is_a_gap(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    """By entries and by size."""
    disk.write_json(LIST, {"addons": [addon(), addon()]})
    monkeypatch.setattr(firefox_extensions, "MAX_EXTENSIONS", 1)
    assert disk.read() == (set(), (BROKEN,))
    monkeypatch.setattr(firefox_extensions, "MAX_BYTES", 20)
    assert disk.read() == (set(), (BROKEN,))


def test_a_lying_answer_does_no_harm(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    """What reads the file may be in its hands."""
    disk.write_json(LIST, {})
    for lie in ({}, {"extensions": 7}, {"extensions": [7, None, {"id": 7}, {"id": "a@x", "name": 5}]}):
        monkeypatch.setattr(disk.parsing, "parse", lambda what, descriptor, lie=lie: lie)
        assert disk.read()[0] <= {extension("a@x", "")}
