# SPDX-License-Identifier: Apache-2.0
"""Tests of remembering what was found in files, with the parsing child itself too."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import ParseError
from agent.parsing.launch import ParsingChild
from agent.system.linux.sources import parsed
from agent.system.linux.sources.parsed import ParsedFiles, text_of
from tests.agent.parsing.direct import DirectParsing


class Opened:
    """A file that is opened anew for each look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parsing = DirectParsing()
        self.files = ParsedFiles(lambda: self.parsing)

    def look(self, what: str = "node_package") -> object:
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            return self.files.parse(what, descriptor)
        finally:
            os.close(descriptor)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    monkeypatch.setattr(parsed, "SETTLED_NS", -1)
    (tmp_path / "file").write_bytes(b'{"version": "1"}')
    return Opened(tmp_path / "file")


def test_a_file_is_looked_into_once_for_each_change(opened: Opened):
    """And for each parser."""
    assert opened.look() == opened.look() == {"version": "1"}
    assert len(opened.parsing.asked) == 1
    opened.path.write_bytes(b'{"version": "12"}')
    assert opened.look() == {"version": "12"}
    opened.look("extension_manifest")
    assert len(opened.parsing.asked) == 3


def test_a_broken_file_is_looked_into_again_only_when_that_is_wished(opened: Opened):
    """It may have been the fault of who looked."""
    opened.path.write_bytes(b"{")
    for _ in range(3):
        with pytest.raises(ParseError):
            opened.look()
    assert len(opened.parsing.asked) == 1
    opened.files.forget_broken()
    with pytest.raises(ParseError):
        opened.look()
    assert len(opened.parsing.asked) == 2


def test_what_has_just_changed_is_not_remembered(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    """Two changes at once look like one."""
    monkeypatch.setattr(parsed, "SETTLED_NS", 10**18)
    opened.look()
    opened.look()
    assert len(opened.parsing.asked) == 2


def test_the_memory_is_bounded(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    """The oldest goes first."""
    monkeypatch.setattr(parsed, "MAX_REMEMBERED", 1)
    for what in ("node_package", "extension_manifest", "node_package"):
        opened.look(what)
    assert len(opened.parsing.asked) == 3


@pytest.mark.parametrize("found", [None, {}, {"a": 1}, {"a": None}, [], "a"])
def test_what_is_no_text_is_empty(found: object):
    """Whatever a parser was made to say."""
    assert text_of(found, "a") == ""


def test_a_text_is_cut():
    """Whatever a parser was made to say."""
    assert text_of({"a": "x" * 300}, "a", 10) == "x" * 10


@pytest.fixture
def child() -> Iterator[ParsingChild]:
    child = ParsingChild()
    yield child
    child.close()


@pytest.mark.parametrize(
    ("what", "content", "found"),
    [
        ("node_package", b'\xef\xbb\xbf{"version": "1\\ud800"}', {"version": "1�"}),
        (
            "extension_manifest",
            b'// made\n{"name": "A", "version": "1"}',
            {"name": "A", "version": "1", "default_locale": ""},
        ),
        ("extension_messages", b'{"appName": {"message": "A"}}', {"messages": {"appname": "A"}}),
        (
            "firefox_extensions",
            b'{"addons": [{"id": "a@b", "type": "extension", "version": "1", "defaultLocale": {"name": "A"}}]}',
            {"extensions": [{"id": "a@b", "name": "A", "version": "1"}]},
        ),
        ("executable", Path("/bin/sh").read_bytes(), {"is_program": True}),
    ],
)
def test_each_parser_works_where_nothing_can_be_opened_any_more(
    child: ParsingChild, tmp_path: Path, what: str, content: bytes, found: object
):
    """Not even a module of Python's own."""
    (tmp_path / "file").write_bytes(content)
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        assert ParsedFiles(lambda: child).parse(what, descriptor) == found
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("what", ["node_package", "extension_manifest", "extension_messages", "firefox_extensions"])
def test_each_parser_refuses_hostile_files_where_it_is_shut_in(child: ParsingChild, tmp_path: Path, what: str):
    """Nested, cut and no text at all; and the next file is looked into as before."""
    for content in (b"[" * 900_000, b'{"a":' * 100_000, b"\xff\xfe", b'{"a": ' + b"9" * 9000 + b"}"):
        (tmp_path / "file").write_bytes(content)
        descriptor = os.open(tmp_path / "file", os.O_RDONLY)
        try:
            with pytest.raises(ParseError):
                child.parse(what, descriptor)
        finally:
            os.close(descriptor)
