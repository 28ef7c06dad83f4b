# SPDX-License-Identifier: Apache-2.0
"""Tests that opening a file of a user cannot lead anywhere else."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from agent.system.linux import files
from agent.system.linux.files import ContentHasher, NotRegularError, load_bytes, open_file, open_folder, to_text


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
    monkeypatch.setattr(files, "_SETTLED_NS", -time.time_ns())  # a fresh file counts as settled
    hasher = ContentHasher()
    first = hash_of(hasher, path)
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read again"))

    assert hash_of(hasher, path) == first


def test_a_file_that_is_too_large_has_no_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Reading ends at the limit."""
    monkeypatch.setattr(files, "MAX_HASHED_BYTES", 10)
    (tmp_path / "small").write_bytes(b"1234567890")
    (tmp_path / "large").write_bytes(b"12345678901")
    hasher = ContentHasher()

    assert hash_of(hasher, tmp_path / "small")
    assert hash_of(hasher, tmp_path / "large") is None


def hash_installed(path: Path) -> str | None:
    with open_file(path) as descriptor:
        return ContentHasher().hash_installed(descriptor)


def make_sparse(path: Path, size_bytes: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size_bytes)
    return path


def test_a_hole_of_a_user_is_not_read(tmp_path: Path):
    """It costs him nothing and us the time; what runs is read all the same, and small files are."""
    sparse = make_sparse(tmp_path / "sparse", 1024 * 1024)
    sparse.chmod(0o777)

    assert hash_installed(sparse) is None
    assert hash_of(ContentHasher(), sparse) == hashlib.sha256(bytes(1024 * 1024)).hexdigest()
    small = make_sparse(tmp_path / "small", 1000)
    small.chmod(0o777)
    assert hash_installed(small) == hashlib.sha256(bytes(1000)).hexdigest()


def test_a_file_of_a_user_has_a_lower_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of a user is what belongs to one, or what one may write."""
    monkeypatch.setattr(files, "MAX_HASHED_BYTES", 20)
    monkeypatch.setattr(files, "MAX_HASHED_OF_USERS_BYTES", 10)
    path = tmp_path / "program"
    path.write_bytes(b"12345678901")
    for mode in (0o775, 0o757):
        path.chmod(mode)
        assert hash_installed(path) is None
    path.write_bytes(b"1234567890")
    assert hash_installed(path) == hashlib.sha256(b"1234567890").hexdigest()


@pytest.mark.parametrize(
    ("user", "mode", "limit_bytes"),
    [(0, 0o755, "MAX_HASHED_BYTES"), (0, 0o775, "_NO_HOLE_BYTES"), (1000, 0o755, "_NO_HOLE_BYTES")],
    ids=["root's", "root's, open to a group", "a user's"],
)
def test_whose_hole_it_is_decides(tmp_path: Path, user: int, mode: int, limit_bytes: str):
    """The system's own files are read though they have holes."""
    real = make_sparse(tmp_path / "sparse", 1024 * 1024).stat()
    values = list(real)
    values[0], values[4] = 0o100000 | mode, user
    file = os.stat_result(values, {"st_blocks": real.st_blocks})

    assert files._limit_bytes(file) == getattr(files, limit_bytes)


def test_the_memory_of_hashes_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The oldest goes first."""
    monkeypatch.setattr(files, "_SETTLED_NS", -time.time_ns())
    monkeypatch.setattr(ContentHasher, "MAX_REMEMBERED", 2)
    hasher = ContentHasher()
    for number in range(5):
        (tmp_path / str(number)).write_bytes(b"%d" % number)
        hash_of(hasher, tmp_path / str(number))

    assert len(hasher._known) == 2


def test_any_name_becomes_text():
    """Bytes that are no UTF-8 become marks, so that they can be sent."""
    assert to_text(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf�"
