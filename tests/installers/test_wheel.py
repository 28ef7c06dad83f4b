# SPDX-License-Identifier: Apache-2.0
"""Tests of the wheel: what is not Python must be in it too, and nothing that is only for this checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from installers.assets import build
from tests.tree import ROOT, list_files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel that was built from this checkout, assets included."""
    build()
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (path,) = Path(folder).glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_holds_all_that_the_programs_read(wheel: set[str]) -> None:
    """Every file of the four rooms is there: rule packs, templates, migrations, messages."""
    rooms = ("agent", "collector", "proto", "rules")
    names = {path.relative_to(ROOT).as_posix() for path in list_files() if path.relative_to(ROOT).parts[0] in rooms}
    needed = {name for name in names if not name.startswith("collector/console/assets/")}
    assert any(name.startswith("rules/packs/") for name in needed)
    assert needed - wheel == set()


def test_holds_the_built_assets_and_their_licences(wheel: set[str]) -> None:
    """What was built for the browser is shipped although it is not committed."""
    static = "collector/console/static/"
    assert {static + name for name in ("manifest.json", "console.css", "htmx.min.js", "LICENCES.txt")} <= wheel


def test_holds_nothing_else(wheel: set[str]) -> None:
    """Neither tests nor installers nor the sources of the assets are shipped."""
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == {
        "agent",
        "collector",
        "proto",
        "rules",
    }
    assert not [name for name in wheel if name.startswith("collector/console/assets/")]
