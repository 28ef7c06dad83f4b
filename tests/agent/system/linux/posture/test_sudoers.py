# SPDX-License-Identifier: Apache-2.0
"""Tests of who may become root through sudo."""

from pathlib import Path

import pytest

from agent.system.linux.posture.files import SystemFiles
from agent.system.linux.posture.sudoers import Sudoers, read_sudoers
from agent.system.posture import NotKnownError
from tests.agent.system.linux.trees import Tree

DEBIAN = """\
# This file MUST be edited with the 'visudo' command as root.
Defaults\tenv_reset
Defaults\tsecure_path="/usr/local/sbin:/usr/local/bin"
# Host alias specification
root\tALL=(ALL:ALL) ALL
%sudo\tALL=(ALL:ALL) ALL   # members of group sudo
@includedir /etc/sudoers.d
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def read(tree: Tree, text: str) -> Sudoers:
    tree.write("etc/sudoers", text)
    return read_sudoers(SystemFiles(tree.root))


def test_a_machine_without_sudo_has_nobody(tree: Tree):
    """There is nothing to read then."""
    assert read_sudoers(SystemFiles(tree.root)) == Sudoers()


def test_users_and_groups_with_all_commands_are_named(tree: Tree):
    """Also those of included files; drafts and packages' copies beside them do not count."""
    tree.write("etc/sudoers.d/10-school", "eve, bob ALL = (root) NOPASSWD: ALL\n#1001 ALL=(ALL) ALL\n")
    tree.write("etc/sudoers.d/README.old", "mallory ALL=(ALL) ALL\n")
    tree.write("etc/sudoers.d/draft~", "mallory ALL=(ALL) ALL\n")

    assert read(tree, DEBIAN) == Sudoers({"root", "eve", "bob"}, {"sudo"}, unclear=1)


def test_single_commands_make_no_administrator(tree: Tree):
    """Whatever the commands are called."""
    text = "backup ALL=(root) NOPASSWD: /usr/bin/rsync, /usr/bin/ALL\nprint ALL=(ALL) /usr/sbin/lpc ALL\n"

    assert read(tree, text) == Sudoers()


def test_aliases_and_continued_lines_are_followed(tree: Tree):
    """An alias may hold another; one that holds itself ends."""
    text = """\
User_Alias TECHS = alice, \\
    bob : ALLTECHS = TECHS, %wheel
User_Alias LOOP = LOOP
Cmnd_Alias SHELLS = /bin/sh
ALLTECHS ALL=(ALL) ALL
LOOP ALL=(ALL) ALL
carol ALL=(ALL) SHELLS
"""
    found = read(tree, text)
    assert found.users == {"alice", "bob", "LOOP"}
    assert found.groups == {"wheel"}


@pytest.mark.parametrize(
    ("defaults", "is_everybody"), [("", True), ("Defaults targetpw\n", False), ("Defaults !targetpw\n", True)]
)
def test_a_line_for_everybody_counts_unless_roots_password_is_asked(tree: Tree, defaults: str, is_everybody: bool):
    """openSUSE has such a line."""
    assert read(tree, f"{defaults}ALL ALL=(ALL) ALL\n").is_everybody is is_everybody


def test_what_is_not_understood_is_counted(tree: Tree):
    """It may name somebody."""
    text = "+netgroup ALL=(ALL) ALL\n!bob ALL=(ALL) ALL\nwhat is this\n%#1000 ALL=(ALL) ALL\n\xff\0\n"

    assert read(tree, text).unclear == 5


def test_groups_of_a_directory_are_named_with_their_blanks(tree: Tree):
    """A backslash stands before each."""
    assert read(tree, "%domain\\ admins@school ALL=(ALL) ALL\n").groups == {"domain admins@school"}


def test_includes_in_a_circle_end(tree: Tree):
    """And so do very many."""
    with pytest.raises(NotKnownError, match="200 files"):
        read(tree, "@include /etc/sudoers\n")


@pytest.mark.parametrize(
    "text", ["a, " * 50_000, "(" * 100_000, "\\\n" * 50_000, "User_Alias " + "A=A:" * 50_000, "a" * 200_000 + " ALL"]
)
def test_hostile_text_ends_soon(tree: Tree, text: str):
    """Only root writes it, but nothing may hold us up."""
    assert read(tree, text).users == set()
