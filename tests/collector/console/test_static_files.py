# SPDX-License-Identifier: Apache-2.0
"""Tests of serving the built assets."""

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from collector.console.static_files import ServedFiles, load_addresses
from tests.collector.console.visitor import Visitor


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as the build leaves it."""
    (tmp_path / "console.css").write_text("body {}", encoding="utf-8")
    manifest = {"files": {"console.css": "ab" * 32}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return tmp_path


def test_address_has_the_version_in_it(folder: Path) -> None:
    """Another content gets another address."""
    assert load_addresses(folder) == {"console.css": f"/static/console.css?v={'ab' * 8}"}


@pytest.mark.parametrize("manifest", ["", "{", "[]", '{"other": 1}'])
def test_broken_manifest_is_like_none(folder: Path, manifest: str) -> None:
    """Half a build is no build."""
    (folder / "manifest.json").write_text(manifest, encoding="utf-8")
    assert load_addresses(folder) == {}


def test_versioned_file_is_kept_and_any_other_asked_again(folder: Path) -> None:
    """A browser fetches a version once; an address without one is checked each time."""
    visitor = Visitor(Starlette(routes=[Mount("/static", ServedFiles(directory=folder))]))
    versioned, plain = visitor.get("/static/console.css?v=abab"), visitor.get("/static/console.css")
    assert versioned.text == plain.text == "body {}"
    assert "immutable" in versioned.header("cache-control")
    assert plain.header("cache-control") == "no-cache"


def test_nothing_outside_the_folder_is_served(folder: Path) -> None:
    """A path cannot climb out."""
    visitor = Visitor(Starlette(routes=[Mount("/static", ServedFiles(directory=folder))]))
    for path in ("/static/../secret", "/static/%2e%2e/secret", "/static/"):
        assert visitor.get(path).status == 404
