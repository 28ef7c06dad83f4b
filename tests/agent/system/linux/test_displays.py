# SPDX-License-Identifier: Apache-2.0
"""Tests of how X11 displays are written, and which have a server."""

import os
import socket
from pathlib import Path

import pytest

from agent.system.linux.displays import is_of_this_machine, list_servers, to_display

HEAD = b"Num       RefCount Protocol Flags    Type St Inode Path\n"
NUMBER = 10_000 + os.getpid() % 50_000


@pytest.mark.parametrize(
    ("text", "display"),
    [
        (":78", ":78"),
        (":78.0", ":78"),
        (":078", ":78"),
        ("unix:78", ":78"),
        ("/tmp/.X11-unix/X78", ":78"),
        ("/tmp/.X11-unix/X78.0", ":78"),
        ("unix:/tmp/.X11-unix/X78", ":78"),
        ("localhost:10.0", "localhost:10"),
        ("", ""),
        ("78", ""),
        ("?", ""),
        ("/home/pupil/.X11-unix/X78", ""),
        ("tcp/localhost:78", ""),
        (":78\n", ""),
    ],
)
def test_every_form_of_a_display_is_one(text: str, display: str) -> None:
    """A socket's path as well; what we do not understand is none."""
    assert to_display(text) == display


def test_only_a_local_display_has_a_server_to_see() -> None:
    """Another machine's is not asked for."""
    assert is_of_this_machine(":0")
    assert not is_of_this_machine("localhost:10")


def test_the_kernels_list_tells_which_servers_listen(tmp_path: Path) -> None:
    """Also without a file. Where there are both, the file's counts: a name without a file is anybody's to take."""
    unix = tmp_path / "unix"
    unix.write_bytes(
        HEAD
        + b"0: 00000002 00000000 00010000 0001 01 7 @/tmp/.X11-unix/X0\n"
        + b"0: 00000002 00000000 00010000 0001 01 830872 /tmp/.X11-unix/X0\n"
        + b"0: 00000003 00000000 00000000 0001 03 830884 /tmp/.X11-unix/X1\n"
        + b"0: 00000002 00000000 00010000 0001 01 12 @/tmp/.X11-unix/X2\n"
        + b"0: 00000002 00000000 00010000 0001 01 13 /home/x/tmp/.X11-unix/X3\n"
        + b"0: 00000002 00000000 nonsense 0001 01 14 /tmp/.X11-unix/X4\n"
        + b"0: 00000003 00000000 00000000 0001 03 835178\n"
        + b"/tmp/.X11-unix/X5\n\xff\n"
    )

    assert list_servers(unix, tmp_path / "none") == {":0": "830872", ":2": "12"}


def test_a_socket_of_another_network_namespace_is_a_server(tmp_path: Path) -> None:
    """Its file is there; a file that is no socket is no server."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "X5"))
        (tmp_path / "X6").touch()
        (tmp_path / "X7.lock").touch()
        (tmp_path / "X8").symlink_to(tmp_path / "X5")
        assert list_servers(tmp_path / "missing", tmp_path) == {":5": ""}


def test_a_real_server_comes_and_goes() -> None:
    """By this machine's own list; the next one on the same display is another."""
    seen = []
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"\0/tmp/.X11-unix/X{NUMBER}")
            server.listen()
            seen.append(list_servers()[f":{NUMBER}"])
        assert f":{NUMBER}" not in list_servers()
    assert seen[0] != seen[1]
