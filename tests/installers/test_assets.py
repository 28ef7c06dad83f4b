# SPDX-License-Identifier: Apache-2.0
"""Tests of the console's assets: what is built, what is refused, when it is built again."""

import json
import re
from pathlib import Path

import pytest

from installers import assets
from installers.assets import build, is_built, verify_licensed, verify_unbranded
from installers.errors import AssetsError


@pytest.mark.parametrize(
    "stylesheet",
    [
        b'@font-face{font-family:"X"}',
        b'body{font-family:"GDS Transport",arial}',
        b".a::before{background:url(/assets/images/icon.svg)}",
        b".govuk-footer__crown{display:block}",
        b".a{background:#1D70B8}",
    ],
)
def test_refuses_what_belongs_to_the_brand(stylesheet: bytes) -> None:
    """A font, an image, the crown or the brand's blue in a stylesheet stops the build and is named."""
    with pytest.raises(AssetsError) as caught:
        verify_unbranded({"console.css": b".b{color:#000}" + stylesheet})
    assert "console.scss" in caught.value.hint


@pytest.mark.parametrize("name", ["light.woff2", "crown.svg", "favicon.ico"])
def test_refuses_fonts_and_images(name: str) -> None:
    """Nothing but stylesheets and scripts is shipped."""
    with pytest.raises(AssetsError):
        verify_unbranded({name: b"\x00"})


def test_accepts_our_own() -> None:
    """A stylesheet with our own colours and system fonts passes."""
    verify_unbranded({"console.css": b"body{font-family:system-ui;color:#17494d}", "console.js": b"let crown;"})


def test_what_is_built_is_complete_unbranded_and_licensed() -> None:
    """The built folder holds what the manifest lists, nothing of the brand, and the licence of every package."""
    build()
    manifest = json.loads((assets.STATIC / "manifest.json").read_text(encoding="utf-8"))
    assert {"console.css", "flags.js", "htmx.min.js", "govuk-frontend.min.js", "LICENCES.txt"} <= set(manifest["files"])
    assert {path.name for path in assets.STATIC.iterdir()} == {*manifest["files"], "manifest.json"}
    shipped = {name: (assets.STATIC / name).read_bytes() for name in manifest["files"] if name != "LICENCES.txt"}
    verify_unbranded(shipped)
    assert not any(b"sourceMappingURL" in content for content in shipped.values())
    licences = (assets.STATIC / "LICENCES.txt").read_text(encoding="utf-8")
    for package, version in manifest["packages"].items():
        assert f"{package} {version}" in licences
    assert len(re.findall(r"(?i)permission", licences)) >= len(manifest["packages"])
    assert build() is False


def test_bundle_without_the_licence_of_a_package_is_refused() -> None:
    """What a script imports is shipped, so a package that comes in by the back door stops the build."""
    verify_licensed(["flags/main.js", "node_modules/@noble/hashes/sha2.js", "node_modules/age-encryption/dist/io.js"])
    with pytest.raises(AssetsError) as caught:
        verify_licensed(["node_modules/@noble/hashes/sha2.js", "node_modules/leftpad/index.js"])
    assert "leftpad" in caught.value.message


def test_locked_packages_name_no_registry() -> None:
    """The lock file pins content by its hash, wherever it comes from."""
    lock = json.loads((assets.SOURCES / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert all("integrity" in each and "resolved" not in each for each in packages.values())
    assert "node_modules/age-encryption" in packages


def test_is_built_only_while_files_and_sources_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed or missing file, other sources or a broken manifest ask for a new build."""
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    assert not is_built("sources")
    (tmp_path / "console.css").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    manifest = {"sources": "sources", "files": {"console.css": empty}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert is_built("sources")
    assert not is_built("other sources")
    (tmp_path / "console.css").write_bytes(b"body{}")
    assert not is_built("sources")
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    assert not is_built("sources")
