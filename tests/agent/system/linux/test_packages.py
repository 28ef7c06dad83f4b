# SPDX-License-Identifier: Apache-2.0
"""Tests of what the files of dpkg and snap say."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.system.linux.packages import PackageListError, parse_dpkg_status, parse_snap_yaml
from proto.events import Program

LISTS = Path(__file__).parent / "lists"


def load(name: str) -> bytes:
    return (LISTS / name).read_bytes()


def test_packages_whose_files_are_there_are_listed_once():
    """Installed, held and half configured packages count, removed ones do not, a second architecture is no second."""
    found = parse_dpkg_status(load("dpkg-good"))

    assert found.programs == (
        Program("nmap", source="dpkg", version="7.93+dfsg1-1"),
        Program("tor", source="dpkg", version="0.4.7.16-1"),
        Program("libc6", source="dpkg", version="2.36-9"),
        Program("wireshark", source="dpkg", version="4.0.17"),
    )
    assert found.unread == ()


def test_damaged_entries_are_counted():
    """What can be read of a damaged list is read, and what cannot is said."""
    found = parse_dpkg_status(load("dpkg-damaged"))

    assert [program.name for program in found.programs] == ["nmap"]
    assert found.unread == ("Debian packages: 4 damaged entries",)


@pytest.mark.parametrize("name", ["dpkg-random", "dpkg-zeros", "flatpak-good"])
def test_a_file_that_is_no_list_is_refused(name: str):
    """A list without a single package is not taken for a machine without software."""
    with pytest.raises(PackageListError):
        parse_dpkg_status(load(name))


def test_a_snap_is_known_by_the_top_of_its_description():
    """Names further down belong to other things."""
    assert parse_snap_yaml(load("snap-good.yaml")) == ("discord", "0.0.75")


@pytest.mark.parametrize("name", ["snap-nameless.yaml", "dpkg-random"])
def test_a_snap_without_a_name_is_refused(name: str):
    """An indented name is not the snap's."""
    with pytest.raises(PackageListError):
        parse_snap_yaml(load(name))


@pytest.mark.parametrize("parse", [parse_dpkg_status, parse_snap_yaml])
@given(content=st.binary() | st.text("Package:Statusinlo k\n[]=\0", max_size=200).map(str.encode))
def test_no_content_raises_anything_else(parse, content: bytes):
    """Whatever a file holds, the only error is the one that says that it is no list."""
    try:
        parse(content)
    except PackageListError as error:
        assert str(error)
