# SPDX-License-Identifier: Apache-2.0
"""Tests of the security updates that apt's lists offer, on small trees of files."""

import gzip
import lzma
from pathlib import Path

import pytest

from agent.system.linux.posture.files import SystemFiles
from agent.system.linux.posture.updates import UpdateReader
from agent.system.posture import NotKnownError, PendingUpdate
from tests.agent.system.linux.trees import Tree

ARCHIVE = "var/lib/apt/lists/mirror.example_debian-security_dists_bookworm-security"
LIST = f"{ARCHIVE}_main_binary-amd64_Packages"
RELEASE = "Origin: Debian\nLabel: Debian-Security\nDate: Sat, 21 Nov 2026 20:52:41 UTC\nMD5Sum:\n x\n"
LISTED_NS = 1_795_294_361 * 10**9

STATUS = """\
Package: openssl
Status: install ok installed
Version: 3.0.19-1~deb12u2

Package: bash
Status: install ok installed
Version: 5.2.15-2+b13

Package: removed
Status: deinstall ok config-files
Version: 1.0
"""
OFFERS = """\
Package: openssl
Source: openssl
Version: 3.0.22-1~deb12u2
Description: x

Package: openssl
Version: 3.0.20-1~deb12u1

Package: bash
Version: 5.2.15-2+b7

Package: removed
Version: 2.0

Package: not-here
Version: 9.9
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path)
    tree.write("var/lib/dpkg/status", STATUS)
    tree.write(f"{ARCHIVE}_InRelease", RELEASE)
    tree.write(LIST, OFFERS)
    return tree


def read(tree: Tree):
    return UpdateReader(SystemFiles(tree.root)).read()


def test_what_is_installed_and_offered_newer_waits(tree: Tree):
    """Once, with the newest version; older offers and packages that are not here do not count."""
    updates = read(tree)

    assert updates.waiting == (PendingUpdate("openssl", "3.0.22-1~deb12u2"),)
    assert updates.listed_at_ns == LISTED_NS
    assert updates.is_automatic is False


def test_only_lists_of_security_for_this_architecture_count(tree: Tree):
    """What else is newer somewhere is no security update."""
    other = OFFERS.replace("5.2.15-2+b7", "6.0")
    tree.write("var/lib/apt/lists/mirror.example_debian_dists_bookworm_main_binary-amd64_Packages", other)
    tree.write(f"{ARCHIVE}_main_binary-i386_Packages", other)
    tree.write(f"{ARCHIVE}_main_i18n_Translation-en", other)
    tree.write("var/lib/dpkg/arch", "amd64\ni386\n")

    assert len(read(tree).waiting) == 1


@pytest.mark.parametrize(
    "archive",
    [
        "mirror.example_ubuntu_dists_noble-security",
        "mirror.example_dists_buster_updates",
        "mirror.example_apps_ubuntu_dists_noble-apps-security",
    ],
)
def test_archives_of_other_releases_are_known(tmp_path: Path, archive: str):
    """By the name of their suite."""
    tree = Tree(tmp_path)
    tree.write("var/lib/dpkg/status", STATUS)
    tree.write(f"var/lib/apt/lists/{archive}_Release", RELEASE)
    tree.write(f"var/lib/apt/lists/{archive}_universe_binary-arm64_Packages", OFFERS)

    assert len(read(tree).waiting) == 1


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_packed_lists_are_read(tree: Tree, suffix: str, pack):
    """As apt keeps them if it is told to save space."""
    (tree.root / LIST).unlink()
    tree.write(LIST + suffix, pack(OFFERS.encode()))

    assert len(read(tree).waiting) == 1


def test_automatic_updates_are_a_fact(tree: Tree):
    """Installed and switched on, by the last file that says so."""
    tree.write("usr/bin/unattended-upgrade")
    assert read(tree).is_automatic is False
    tree.write("etc/apt/apt.conf.d/20auto-upgrades", 'APT::Periodic::Unattended-Upgrade "1";\n')
    assert read(tree).is_automatic is True
    tree.write("etc/apt/apt.conf.d/99off", '// no\nAPT::Periodic::Unattended-Upgrade "0";\n')
    assert read(tree).is_automatic is False


def test_lists_are_read_again_when_something_has_changed(tree: Tree):
    """And not before."""
    reader = UpdateReader(SystemFiles(tree.root))
    first = reader.read()
    assert reader.read() is first

    tree.write("var/lib/dpkg/status", STATUS.replace("3.0.19-1~deb12u2", "3.0.22-1~deb12u2"))
    assert reader.read().waiting == ()


def spoil_nothing_installed(tree: Tree) -> None:
    (tree.root / "var/lib/dpkg/status").unlink()


def spoil_no_list(tree: Tree) -> None:
    (tree.root / LIST).unlink()


def spoil_lz4(tree: Tree) -> None:
    (tree.root / LIST).rename(tree.root / f"{LIST}.lz4")


def spoil_packed(tree: Tree) -> None:
    (tree.root / LIST).unlink()
    tree.write(f"{LIST}.gz", gzip.compress(OFFERS.encode())[:-20])


def spoil_packed_inside(tree: Tree) -> None:
    (tree.root / LIST).unlink()
    packed = gzip.compress(OFFERS.encode() * 100)
    tree.write(f"{LIST}.gz", packed[:40] + b"\xff" * 40 + packed[80:])


def spoil_xz(tree: Tree) -> None:
    (tree.root / LIST).unlink()
    tree.write(f"{LIST}.xz", b"no archive at all")


def spoil_day(tree: Tree) -> None:
    tree.write(f"{ARCHIVE}_InRelease", "Date: Sat, 31 Feb 2026 20:52:41 UTC\nDate: Sat, 21 Non 2026 20:52:41 UTC\n")


def spoil_date(tree: Tree) -> None:
    tree.write(f"{ARCHIVE}_InRelease", "Date: at some time\n")


def spoil_release(tree: Tree) -> None:
    (tree.root / f"{ARCHIVE}_InRelease").unlink()


def spoil_status(tree: Tree) -> None:
    tree.write("var/lib/dpkg/status", b"\0" * 1000)


def spoil_with_noise(tree: Tree) -> None:
    tree.write(LIST, b"Package: " + b"x" * 3_000_000)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_nothing_installed, "this system has none"),
        (spoil_no_list, "no list of security updates"),
        (spoil_lz4, "packed as lz4"),
        (spoil_packed, "cannot be read"),
        (spoil_packed_inside, "cannot be read"),
        (spoil_xz, "cannot be read"),
        (spoil_date, "of what day"),
        (spoil_day, "of what day"),
        (spoil_release, "of what day"),
        (spoil_status, "holds no package"),
        (spoil_with_noise, "too long"),
    ],
)
def test_what_is_missing_or_broken_is_said(tree: Tree, spoil, words: str):
    """A machine whose lists cannot be read has no lack of updates that is known."""
    spoil(tree)

    with pytest.raises(NotKnownError, match=words):
        read(tree)


def test_offers_without_a_version_are_passed_over(tree: Tree):
    """And so is what is no list at all."""
    tree.write(LIST, "Package: openssl\n\nPackage: bash\nVersion:\n\n\n\n\xff\xfe\n")

    assert read(tree).waiting == ()
