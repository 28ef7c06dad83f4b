# SPDX-License-Identifier: Apache-2.0
"""Tests of finding flatpak applications."""

import pytest

from proto.events import Program
from tests.agent.system.linux.disk import LISTS, Disk


def test_flatpaks_of_the_system_and_of_users_are_found(disk: Disk):
    """Both by the folder and by the metadata; a folder without a deployment is a leftover."""
    metadata = (LISTS / "flatpak-good").read_bytes()
    disk.deploy_flatpak("var/lib/flatpak/app", "com.valvesoftware.Steam", metadata)
    disk.deploy_flatpak("home/alice/.local/share/flatpak/app", "org.example.Harmless", metadata)
    disk.write("var/lib/flatpak/app/org.example.Gone/leftover")

    programs, unread = disk.read()

    assert programs == {
        Program("com.valvesoftware.Steam", source="flatpak"),
        Program("org.example.Harmless", source="flatpak"),
    }
    assert unread == ()
    assert disk.parsing.asked == ["flatpak_metadata", "flatpak_metadata"]


def test_a_flatpak_with_broken_metadata_is_found_by_its_folder(disk: Disk):
    """And that its metadata made no sense is said."""
    disk.deploy_flatpak("var/lib/flatpak/app", "com.example.App", (LISTS / "flatpak-hostile").read_bytes())

    programs, unread = disk.read()

    assert programs == {Program("com.example.App", source="flatpak")}
    assert unread == ("flatpak applications: a file that is broken or too much to read",)


@pytest.mark.parametrize(
    ("current", "active"),
    [("../../../../etc", "abc"), ("/etc", "abc"), ("x86_64/stable", "../../../../../secret"), ("current/x", "abc")],
)
def test_a_flatpak_cannot_lead_out_of_its_folder(disk: Disk, current: str, active: str):
    """Links that lead elsewhere are not followed, and are said to be unread."""
    top = "home/alice/.local/share/flatpak/app/org.example.Trick"
    disk.write("secret/metadata", b"[Application]\nname=org.secret.Name\n")
    disk.write(f"{top}/x86_64/stable/abc/metadata", (LISTS / "flatpak-good").read_bytes())
    disk.link(f"{top}/current", current)
    disk.link(f"{top}/x86_64/stable/active", active)

    programs, unread = disk.read()

    assert programs == {Program("org.example.Trick", source="flatpak")}
    assert len(unread) == 1
