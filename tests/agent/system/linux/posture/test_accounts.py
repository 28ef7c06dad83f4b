# SPDX-License-Identifier: Apache-2.0
"""Tests of what the machine's own lists say about its accounts."""

from pathlib import Path

import pytest

from agent.system.linux.posture.accounts import read_accounts
from agent.system.linux.posture.files import SystemFiles
from agent.system.posture import LocalAccount, LocalAccounts, NotKnownError
from tests.agent.system.linux.trees import Tree

DAY_NS = 24 * 3600 * 10**9
PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash
bob:x:1001:27:Bob:/home/bob:/bin/zsh
kiosk:x:1002:1002::/home/kiosk:/bin/sh
old::1003:1003::/home/old:/bin/sh
toor:*:0:0::/root:/bin/sh
+::::::
"""
SHADOW = """\
root:*:19000:0:99999:7:::
alice:$y$j9T$salt$hash:20000:0:99999:7:::
bob:!$y$j9T$salt$hash:20100:0:99999:7:::
kiosk::0:0:99999:7:::
"""
GROUP = """\
root:x:0:
sudo:x:27:alice,teacher@school
users:x:100:kiosk
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path)
    tree.write("etc/passwd", PASSWD)
    tree.write("etc/shadow", SHADOW)
    tree.write("etc/group", GROUP)
    return tree


def read(tree: Tree) -> LocalAccounts:
    return read_accounts(SystemFiles(tree.root))


def test_accounts_are_read_with_their_rights_and_passwords(tree: Tree):
    """Those that nobody can sign in with are left out; who administers without being here is named apart."""
    found = read(tree)

    assert found.accounts == (
        LocalAccount("root", is_administrator=True, has_password=False),
        LocalAccount("alice", is_administrator=True, has_password=True, password_changed_at_ns=20_000 * DAY_NS),
        LocalAccount("bob", is_administrator=True, has_password=False),
        LocalAccount("kiosk", is_administrator=False, has_password=False, needs_no_password=True),
        LocalAccount("old", is_administrator=False, has_password=False, needs_no_password=True),
        LocalAccount("toor", is_administrator=True, has_password=False),
    )
    assert found.other_administrators == ("teacher@school",)
    assert found.unread == ()


def test_sudoers_make_administrators(tree: Tree):
    """By name and by group; what is not understood is said."""
    tree.write(
        "etc/sudoers", "kiosk ALL=(ALL) ALL\n%domain\\ admins ALL=(ALL) ALL\n%users ALL=(ALL) ALL\n+x ALL=(ALL) ALL\n"
    )
    found = read(tree)

    assert {each.name for each in found.accounts if each.is_administrator} >= {"kiosk", "alice"}
    assert found.unread == ("sudoers: 1 lines or names were not understood",)
    tree.write("etc/sudoers", "ALL ALL=(ALL) ALL\n")
    assert all(each.is_administrator for each in read(tree).accounts)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (
            "etc/gdm3/daemon.conf",
            "[daemon]\n# AutomaticLogin = root\nAutomaticLoginEnable=True\nAutomaticLogin=alice\n",
        ),
        ("etc/lightdm/lightdm.conf", "[LightDM]\n[Seat:*]\nautologin-user=alice\n"),
        ("etc/lightdm/lightdm.conf.d/50.conf", "[SeatDefaults]\nautologin-user=alice\nautologin-user-timeout=0\n"),
        ("etc/sddm.conf.d/auto.conf", "[Autologin]\nSession=plasma\nUser=alice\n"),
    ],
)
def test_who_is_signed_in_by_the_machine_needs_no_password(tree: Tree, place: str, text: str):
    """Whoever switches it on is in."""
    tree.write(place, text)

    assert {each.name for each in read(tree).accounts if each.needs_no_password} == {"alice", "kiosk", "old"}


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("etc/gdm3/daemon.conf", "[daemon]\nAutomaticLoginEnable=False\nAutomaticLogin=alice\n"),
        ("etc/lightdm/lightdm.conf", "#[Seat:*]\n#autologin-user=alice\n"),
        ("etc/lightdm/lightdm.conf.d/50.conf.old", "[Seat:*]\nautologin-user=alice\n"),
        ("etc/sddm.conf", "[Autologin]\nUser=\n"),
    ],
)
def test_settings_that_sign_nobody_in_change_nothing(tree: Tree, place: str, text: str):
    """Switched off, commented out or set aside."""
    tree.write(place, text)

    found = read(tree)
    assert {each.name for each in found.accounts if each.needs_no_password} == {"kiosk", "old"}
    assert found.unread == ()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("etc/sddm.conf", "/etc/sddm.conf was not understood"),
        ("etc/lightdm/lightdm.conf.d/50.conf", "/etc/lightdm/lightdm.conf.d/ was not understood"),
    ],
)
def test_broken_settings_of_a_display_manager_are_said(tree: Tree, place: str, said: str):
    """It may sign somebody in all the same; what other files say still holds."""
    tree.write(place, "User=alice\n\0\xff[[[")
    tree.write("etc/gdm3/daemon.conf", "[daemon]\nAutomaticLogin=bob\n")

    found = read(tree)
    assert found.unread == (said,)
    assert "bob" in {each.name for each in found.accounts if each.needs_no_password}


@pytest.mark.parametrize("place", ["etc/passwd", "etc/shadow", "etc/group"])
def test_without_one_of_the_lists_nothing_is_known(tree: Tree, place: str):
    """Half of an answer could hide an administrator."""
    (tree.root / place).unlink()

    with pytest.raises(NotKnownError, match=place):
        read(tree)


@pytest.mark.parametrize("place", ["etc/passwd", "etc/shadow", "etc/group", "etc/sudoers"])
@pytest.mark.parametrize(
    "noise", [b"", b"\0" * 5000, bytes(range(256)) * 40, b":" * 5000, b"a:b:c:d:e:f:g:h:i\n" * 4000]
)
def test_broken_lists_raise_nothing_else(tree: Tree, place: str, noise: bytes):
    """And names come out as text that can be shown."""
    tree.write(place, noise)

    try:
        found = read(tree)
    except NotKnownError:
        return
    assert all(each.name.isprintable() and len(each.name) <= 64 for each in found.accounts)
