# SPDX-License-Identifier: Apache-2.0
"""Tests of reading dpkg's list."""

import pytest

from agent.system.linux.sources import dpkg
from tests.agent.system.linux.disk import LISTS, Disk


def test_packages_are_read(disk: Disk):
    """A tree with nothing but packages is read completely."""
    found = disk.look()

    assert {program.name for program in found.programs} == {"nmap", "tor", "libc6", "wireshark"}
    assert found.unread == ()


@pytest.mark.parametrize("name", ["dpkg-random", "dpkg-zeros"])
def test_a_garbage_list_of_packages_is_said_to_be_unread(disk: Disk, name: str):
    """Everything else is read all the same."""
    disk.write("var/lib/dpkg/status", (LISTS / name).read_bytes())
    disk.write("usr/local/bin/tool", mode=0o755)

    programs, unread = disk.read()

    assert {program.name for program in programs} == {"tool"}
    assert unread == ("Debian packages: the list holds no package",)


def test_a_list_of_packages_that_is_too_large_is_said_to_be_unread(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    """Reading ends at the limit."""
    monkeypatch.setattr(dpkg, "MAX_LIST_BYTES", 100)

    assert disk.read()[1] == ("Debian packages: not a regular file of the expected size",)
