# SPDX-License-Identifier: Apache-2.0
"""Tests of reading os-release."""

import random
from pathlib import Path

from agent.system.linux.release import MAX_BYTES, load_release, parse_release
from tests.agent.system.linux.disk import Disk

DEBIAN = b"""PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
# a comment
ID=debian
VERSION_ID='12'
HOME_URL="https://www.debian.org/"
"""


def test_each_line_is_a_key_and_a_value():
    """With quotes or without; a line that makes no sense is left out, whatever bytes there are."""
    told = parse_release(DEBIAN)
    assert (told["PRETTY_NAME"], told["ID"], told["VERSION_ID"]) == ("Debian GNU/Linux 12 (bookworm)", "debian", "12")
    assert len(told) == 4
    assert parse_release(b'ID\n=x\nID="a"b\'\n') == {}
    assert isinstance(parse_release(random.Random(7).randbytes(4096)), dict)


def test_the_first_file_that_can_be_read_counts(disk: Disk):
    """It is a link on most systems; what is too long or missing says nothing."""
    assert load_release(disk.root) == {}
    disk.write("usr/lib/os-release", DEBIAN)
    assert load_release(disk.root)["ID"] == "debian"
    disk.link("etc/os-release", Path("../usr/lib/own"))
    disk.write("usr/lib/own", b"ID=school\n")
    assert load_release(disk.root) == {"ID": "school"}
    disk.write("usr/lib/own", b"ID=school\n" * MAX_BYTES)
    assert load_release(disk.root)["ID"] == "debian"
