# SPDX-License-Identifier: Apache-2.0
"""Tests that opening a file of a user cannot lead anywhere else."""

import os
from pathlib import Path

import pytest

from agent.system.linux.files import NotRegularError, load_bytes, load_words, open_folder, to_text


def test_a_file_is_loaded_up_to_its_limit(tmp_path: Path):
    """A file as long as the limit is loaded, a longer one is refused."""
    (tmp_path / "file").write_bytes(b"12345")

    assert load_bytes(tmp_path / "file", 5) == b"12345"
    with pytest.raises(NotRegularError):
        load_bytes(tmp_path / "file", 4)


@pytest.mark.parametrize("place", ["link", "linked/secret", "folder/../link"])
def test_no_link_is_followed(tmp_path: Path, place: str):
    """Neither the file itself nor a folder above it may be a link."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to("folder/secret")
    (tmp_path / "linked").symlink_to("folder")

    with pytest.raises(OSError):
        load_bytes(tmp_path / place, 100)


def test_a_pipe_is_refused_at_once(tmp_path: Path):
    """Nobody writes into the pipe, and still nobody waits for it."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(NotRegularError):
        load_bytes(tmp_path / "pipe", 100)


def test_nothing_stays_open(tmp_path: Path):
    """Neither success nor failure leaves a file descriptor behind."""
    (tmp_path / "file").write_bytes(b"content")
    before = os.listdir("/proc/self/fd")

    load_bytes(tmp_path / "file", 100)
    for place in (tmp_path, tmp_path / "missing", tmp_path / "file" / "below"):
        with pytest.raises(OSError):
            load_bytes(place, 100)
    with open_folder(tmp_path):
        pass

    assert os.listdir("/proc/self/fd") == before


def test_any_name_becomes_text():
    """Bytes that are no UTF-8 become marks, so that they can be sent."""
    assert to_text(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf�"


def test_what_the_kernel_says_is_read_to_a_limit(tmp_path: Path):
    """Over its own links; what is not there or is no file says nothing."""
    (tmp_path / "size").write_bytes(b" 12\xff \n")
    (tmp_path / "link").symlink_to("size")

    assert load_words(tmp_path / "link") == "12\N{REPLACEMENT CHARACTER}"
    assert load_words(tmp_path / "size", 2) == "1"
    assert load_words(tmp_path) == load_words(tmp_path / "nothing") == ""
