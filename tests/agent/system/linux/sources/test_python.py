# SPDX-License-Identifier: Apache-2.0
"""Tests of finding Python packages."""

import pytest

from proto.events import Program
from tests.agent.system.linux.disk import Disk


def pip(name: str, version: str = "") -> Program:
    return Program(name, source="pip", version=version)


@pytest.mark.parametrize(
    "library",
    [
        "usr/local/lib/python3.11/dist-packages",
        "usr/local/lib/python3.13/site-packages",
        "home/alice/.local/lib/python3.11/site-packages",
        "home/alice/.local/share/pipx/venvs/sqlmap/lib/python3.12/site-packages",
        "home/alice/.local/pipx/venvs/sqlmap/lib/python3.12/site-packages",
        "home/alice/.pyenv/versions/3.12.1/lib/python3.12/site-packages",
        "opt/pipx/venvs/sqlmap/lib/python3.12/site-packages",
    ],
)
def test_packages_are_found_in_each_library(disk: Disk, library: str):
    """With the version that the folder's name tells."""
    disk.write(f"{library}/sqlmap-1.8.3.dist-info/METADATA")
    disk.write(f"{library}/sqlmap/__init__.py")

    assert disk.read() == ({pip("sqlmap", "1.8.3")}, ())


@pytest.mark.parametrize(
    ("folder", "program"),
    [
        ("Flask_SQLAlchemy-3.1.dist-info", pip("flask-sqlalchemy", "3.1")),
        ("zope.interface-6.1.dist-info", pip("zope-interface", "6.1")),
        ("torch-2.1.0+cu118.dist-info", pip("torch", "2.1.0+cu118")),
        ("old-1.0-py3.11.egg-info", pip("old", "1.0")),
        ("linked.egg-info", pip("linked")),
    ],
)
def test_names_are_as_rules_write_them(disk: Disk, folder: str, program: Program):
    """Without case, and with one sign for all that package indexes take for the same."""
    disk.write(f"usr/local/lib/python3.11/dist-packages/{folder}/x")

    assert disk.read()[0] == {program}


@pytest.mark.parametrize("folder", ["~lask-3.dist-info", "-1.dist-info", ".dist-info", "a b-1.dist-info", "x.dist"])
def test_other_folders_are_no_packages(disk: Disk, folder: str):
    """Leftovers of an update, and what somebody made up."""
    disk.write(f"home/alice/.local/lib/python3.11/site-packages/{folder}/x")

    assert disk.read() == (set(), ())


def test_a_library_that_leads_out_of_the_home_is_not_read(disk: Disk):
    """That is said, without a name."""
    disk.write("secret/python3.11/site-packages/a-1.dist-info/x")
    disk.link("home/alice/.local/lib", disk.root / "secret")

    programs, unread = disk.read()
    assert programs == set()
    assert "Python packages in home folders: a link leads out of the folder" in unread
    assert "secret" not in repr(unread)
