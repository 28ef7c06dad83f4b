# SPDX-License-Identifier: Apache-2.0
"""Tests of finding snaps."""

from proto.events import Program
from tests.agent.system.linux.disk import LISTS, Disk


def test_snaps_are_found_mounted_or_not(disk: Disk):
    """A mounted snap has a version; one whose file is there has a name."""
    disk.write("snap/discord/115/meta/snap.yaml", (LISTS / "snap-good.yaml").read_bytes())
    disk.link("snap/discord/current", "115")
    disk.write("snap/README")
    disk.write("var/lib/snapd/snaps/discord_115.snap")
    disk.write("var/lib/snapd/snaps/core22_864.snap")
    disk.write("var/lib/snapd/snaps/partial")

    programs, unread = disk.read()

    assert programs == {Program("discord", source="snap", version="0.0.75"), Program("core22", source="snap")}
    assert unread == ()


def test_a_snap_with_a_broken_description_is_found_by_its_folder(disk: Disk):
    """And that its description made no sense is said."""
    disk.write("snap/odd/1/meta/snap.yaml", (LISTS / "snap-nameless.yaml").read_bytes())
    disk.link("snap/odd/current", "1")

    programs, unread = disk.read()

    assert programs == {Program("odd", source="snap")}
    assert unread == ("snaps: its description has no name",)
