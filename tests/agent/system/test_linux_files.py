# SPDX-License-Identifier: Apache-2.0
"""Tests that opening a file of a user cannot lead anywhere else."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from agent.system import linux_files
from agent.system.linux_files import ContentHasher, NotRegularError, load_bytes, open_file, open_folder, to_text


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


def hash_of(hasher: ContentHasher, path: Path) -> str | None:
    with open_file(path) as descriptor:
        return hasher.hash_open(descriptor)


def test_content_is_hashed_again_when_it_changed(tmp_path: Path):
    """Also if the file has its old length and its owner sets its old time."""
    path = tmp_path / "program"
    hasher = ContentHasher()
    path.write_bytes(b"harmless")
    before = path.stat()
    first = hash_of(hasher, path)
    path.write_bytes(b"harmful!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert first == hashlib.sha256(b"harmless").hexdigest()
    assert hash_of(hasher, path) == hashlib.sha256(b"harmful!").hexdigest()


def test_unchanged_content_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that was hashed before is not read again."""
    path = tmp_path / "program"
    path.write_bytes(b"content")
    monkeypatch.setattr(linux_files, "_SETTLED_NS", -time.time_ns())  # a fresh file counts as settled
    hasher = ContentHasher()
    first = hash_of(hasher, path)
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read again"))

    assert hash_of(hasher, path) == first


def test_a_file_that_is_too_large_has_no_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Reading ends at the limit."""
    monkeypatch.setattr(linux_files, "MAX_HASHED_BYTES", 10)
    (tmp_path / "small").write_bytes(b"1234567890")
    (tmp_path / "large").write_bytes(b"12345678901")
    hasher = ContentHasher()

    assert hash_of(hasher, tmp_path / "small")
    assert hash_of(hasher, tmp_path / "large") is None


def test_the_memory_of_hashes_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The oldest goes first."""
    monkeypatch.setattr(linux_files, "_SETTLED_NS", -time.time_ns())
    monkeypatch.setattr(ContentHasher, "MAX_REMEMBERED", 2)
    hasher = ContentHasher()
    for number in range(5):
        (tmp_path / str(number)).write_bytes(b"%d" % number)
        hash_of(hasher, tmp_path / str(number))

    assert len(hasher._known) == 2


def test_any_name_becomes_text():
    """Bytes that are no UTF-8 become marks, so that they can be sent."""
    assert to_text(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf�"
