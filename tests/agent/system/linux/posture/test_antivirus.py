# SPDX-License-Identifier: Apache-2.0
"""Tests of which protections against malware are found, on small trees of files."""

import os
from pathlib import Path

import pytest

from agent.system.linux.posture.antivirus import parse_clamav_header, read_antivirus
from agent.system.linux.posture.files import SystemFiles
from agent.system.posture import Antivirus, NotKnownError
from tests.agent.system.linux.trees import Tree

BUILT_S = 1_795_000_000
HEADER = f"ClamAV-VDB:21 Nov 2026 08-30 -0500:27400:2080000:90:{'a' * 32}:{'b' * 300}:raynman:{BUILT_S}".ljust(512)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path)
    tree.run(1, "/usr/lib/systemd/systemd")
    return tree


def read(tree: Tree) -> tuple[Antivirus, ...]:
    return read_antivirus(SystemFiles(tree.root))


def test_a_machine_without_any_has_none(tree: Tree):
    """That is an answer, not a gap."""
    assert read(tree) == ()


def test_clamav_is_known_by_its_daemon_and_the_age_of_its_database(tree: Tree):
    """The header says when the signatures were built; the newest of the databases counts."""
    tree.write("usr/sbin/clamd")
    tree.write("var/lib/clamav/daily.cvd", HEADER.replace(str(BUILT_S), "1700000000"))
    tree.write("var/lib/clamav/daily.cld", HEADER.encode() + b"\x1f\x8b" * 1000)
    assert read(tree) == (Antivirus("ClamAV", False, BUILT_S * 10**9, is_on_access=False),)

    tree.run(200, "/usr/sbin/clamd", uid=110)
    tree.run(201, "/usr/sbin/clamonacc (deleted)")
    assert read(tree) == (Antivirus("ClamAV", True, BUILT_S * 10**9, is_on_access=True),)


def test_what_a_person_starts_protects_nobody(tree: Tree):
    """Also if it is the very program: with which settings it runs is his choice."""
    tree.write("usr/sbin/clamd")
    tree.run(4000, "/usr/sbin/clamd", uid=1000)
    tree.run(4001, "/home/eve/usr/sbin/clamd", uid=0)

    assert read(tree)[0].is_running is False


def test_a_product_without_signatures_of_a_known_age_says_so(tree: Tree):
    """Nothing is guessed from files of which the maker does not say what they tell."""
    tree.write("usr/bin/clamscan")
    tree.write("opt/bitdefender-security-tools/bin/bdsecd")
    tree.run(300, "/opt/bitdefender-security-tools/bin/bdsecd")

    found = read(tree)
    assert found[0] == Antivirus("Bitdefender Endpoint Security Tools", True, None)
    assert found[1] == Antivirus("ClamAV", False, None, is_on_access=False)


@pytest.mark.parametrize(
    ("name", "marker", "program", "signatures"),
    [
        (
            "Microsoft Defender",
            "opt/microsoft/mdatp/sbin/wdavdaemon",
            "opt/microsoft/mdatp/sbin/wdavdaemon",
            "var/opt/microsoft/mdatp/definitions.noindex/00000000-0000/libmpengine.so",
        ),
        (
            "ESET Endpoint Antivirus",
            "opt/eset/eea/sbin/startd",
            "opt/eset/eea/lib/oaeventd",
            "var/opt/eset/eea/lib/em002.dat",
        ),
    ],
)
def test_signatures_of_others_are_as_old_as_their_newest_file(
    tree: Tree, name: str, marker: str, program: str, signatures: str
):
    """Where the maker says in which folder they lie."""
    tree.write(marker)
    tree.write(signatures, at_ns=BUILT_S * 10**9)
    tree.run(400, f"/{program}")

    assert read(tree) == (Antivirus(name, True, BUILT_S * 10**9),)


def test_the_client_that_anybody_can_run_is_no_daemon(tree: Tree):
    """Its name only begins like the daemon's."""
    tree.write("opt/microsoft/mdatp/sbin/wdavdaemon")
    tree.run(500, "/opt/microsoft/mdatp/sbin/wdavdaemonclient")

    assert read(tree)[0].is_running is False


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"ClamAV-VDB:",
        b"\0" * 512,
        os.urandom(512),
        HEADER.replace("VDB", "VBD").encode(),
        HEADER.replace(str(BUILT_S), "-1").encode(),
        HEADER.replace(str(BUILT_S), "9" * 90).encode(),
    ],
)
def test_a_header_of_another_form_tells_no_time(header: bytes):
    """Rather none than a wrong one."""
    assert parse_clamav_header(header) is None


def test_processes_that_cannot_be_read_leave_it_open(tree: Tree, monkeypatch: pytest.MonkeyPatch):
    """One of them may be the daemon."""

    def refuse(path: Path) -> str:
        raise PermissionError(path)

    tree.write("usr/sbin/clamd")
    monkeypatch.setattr(os, "readlink", refuse)

    assert read_antivirus(SystemFiles(tree.root))[0].is_running is None


def test_a_machine_without_a_list_of_processes_is_not_known(tree: Tree):
    """A service may be kept from seeing any."""
    tree.write("usr/sbin/clamd")
    for each in (tree.root / "proc/1").iterdir():
        each.unlink()
    (tree.root / "proc/1").rmdir()

    with pytest.raises(NotKnownError, match="processes"):
        read(tree)
