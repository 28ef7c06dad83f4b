# SPDX-License-Identifier: Apache-2.0
"""Tests of following links that stay inside a folder, and no others."""

import os
from pathlib import Path

import pytest

from agent.system.linux.links import find_target, follow_inside, resolve_inside
from agent.system.linux.packages import PackageListError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path.resolve() / "home"
    (home / "real/inner").mkdir(parents=True)
    return home


def test_a_place_without_links_is_itself(home: Path):
    """Whether there is anything or not."""
    assert resolve_inside(home, "real/inner") == (home / "real/inner", ())
    assert resolve_inside(home, "no/such/../thing") == (home / "no/such/../thing", ())


@pytest.mark.parametrize("target", ["real", "./real", "real/inner/..", "{home}/real"])
def test_links_inside_are_followed(home: Path, target: str):
    """Also over another one; each of them is told, for it may change."""
    (home / "link").symlink_to(target.format(home=home))
    (home / "real/back").symlink_to("../link/inner")

    assert resolve_inside(home, "link/inner") == (home / "real/inner", (home / "link",))
    assert resolve_inside(home, "real/back") == (home / "real/inner", (home / "real/back", home / "link"))


@pytest.mark.parametrize("target", ["/", "/proc", "..", "../home/real", "real/../../x", "loop", "{home}/../x"])
def test_a_link_that_leads_out_or_in_a_circle_is_not_followed(home: Path, target: str):
    """It is judged by what it says, before anything there is asked."""
    (home / "loop").symlink_to(target.format(home=home))

    with pytest.raises(PackageListError):
        resolve_inside(home, "loop/x")


def test_what_is_behind_a_link_is_not_asked(home: Path):
    """A folder above that is a link is an error, whatever lies there."""
    (home / "link").symlink_to("real")

    with pytest.raises(OSError, match="directory"):
        find_target(home / "link/inner")
    assert find_target(home / "link") == Path("real")
    assert find_target(home / "real") is None


def test_a_link_beside_a_file_goes_down_by_so_many_parts(home: Path):
    """What is no link is as if it were not there."""
    (home / "current").symlink_to("real/inner")

    assert follow_inside(home / "current", parts=2) == home / "real/inner"
    with pytest.raises(PackageListError):
        follow_inside(home / "current", parts=1)
    with pytest.raises(FileNotFoundError):
        follow_inside(home / "real", parts=1)
    os.rmdir(home / "real/inner")
    with pytest.raises(FileNotFoundError):
        follow_inside(home / "real/inner", parts=1)
