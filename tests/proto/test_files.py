# SPDX-License-Identifier: Apache-2.0
"""Tests of files that only their owner reads and that are whole or not there."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proto.errors import UnsafeFolderError
from proto.files import make_private_folder, sync_folder, verify_own_folder, write_private
from tests.tree import ROOT


def mode_of(path: Path) -> int:
    """Return the permissions of a file or folder."""
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["no umask", "usual umask", "strict umask"])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_every_new_folder_is_private(tmp_path: Path) -> None:
    """A new folder and the new ones above it can be entered by their owner only, whatever the umask."""
    make_private_folder(tmp_path / "one" / "two" / "three")
    for name in ("one", "one/two", "one/two/three"):
        assert mode_of(tmp_path / name) == 0o700


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """Who made a folder for several users keeps it so; only what is ours is private."""
    (tmp_path / "shared").mkdir(mode=0o755)
    make_private_folder(tmp_path / "shared" / "ours")
    make_private_folder(tmp_path / "shared" / "ours")
    assert mode_of(tmp_path / "shared") == 0o755
    assert mode_of(tmp_path / "shared" / "ours") == 0o700


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    """What is in the way is left alone, and said."""
    (tmp_path / "state").write_bytes(b"somebody's file")
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "state")
    with pytest.raises(NotADirectoryError):
        make_private_folder(tmp_path / "state" / "spool")
    assert (tmp_path / "state").read_bytes() == b"somebody's file"


@pytest.mark.usefixtures("_umask")
def test_a_written_file_is_private_and_whole(tmp_path: Path) -> None:
    """The file has the content, belongs to its owner alone, and nothing else is left beside it."""
    write_private(tmp_path / "folder" / "secret", b"content")
    assert (tmp_path / "folder" / "secret").read_bytes() == b"content"
    assert mode_of(tmp_path / "folder" / "secret") == 0o600
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["secret"]


def test_writing_again_replaces(tmp_path: Path) -> None:
    """The newer content takes the older's place, also when it is shorter."""
    write_private(tmp_path / "secret", b"a longer content")
    write_private(tmp_path / "secret", b"short")
    assert (tmp_path / "secret").read_bytes() == b"short"


def test_a_file_that_was_open_to_all_is_not_after(tmp_path: Path) -> None:
    """Neither the old file nor what a crash left beside it lends its permissions to the new one."""
    for name in ("secret", "secret.new"):
        (tmp_path / name).write_bytes(b"old")
        (tmp_path / name).chmod(0o666)
    write_private(tmp_path / "secret", b"content")
    assert mode_of(tmp_path / "secret") == 0o600


@pytest.mark.parametrize("name", ["secret", "secret.new"])
def test_a_planted_link_is_not_followed(tmp_path: Path, name: str) -> None:
    """Who can put a link into the folder cannot make us write over a file elsewhere."""
    (tmp_path / "shadow").write_bytes(b"of the system")
    (tmp_path / name).symlink_to(tmp_path / "shadow")
    write_private(tmp_path / "secret", b"content")
    assert (tmp_path / "shadow").read_bytes() == b"of the system"
    assert not (tmp_path / "secret").is_symlink()
    assert (tmp_path / "secret").read_bytes() == b"content"


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """When the new content does not fit, the old is there untouched, and no half file beside it."""
    write_private(tmp_path / "secret", b"old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from proto.files import write_private\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    write_private(Path(sys.argv[1]), b'x' * 100_000)\n"
        "except OSError as error:\n"
        "    sys.exit(error.strerror)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "secret")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "too large" in done.stderr
    assert (tmp_path / "secret").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    """A folder of that name is left alone, and said."""
    (tmp_path / "secret").mkdir()
    with pytest.raises(IsADirectoryError):
        write_private(tmp_path / "secret", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_folder_can_be_synced(tmp_path: Path) -> None:
    """The names in a folder are brought to the disk; a folder that is not there is an error."""
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "none")


def test_a_file_that_need_not_last_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is whole and private all the same, but the disk is not asked to finish."""
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("the disk was waited for"))
    write_private(tmp_path / "status", b"old", durable=False)
    write_private(tmp_path / "status", b"content", durable=False)
    assert (tmp_path / "status").read_bytes() == b"content"
    assert mode_of(tmp_path / "status") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["status"]


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o1755, 0o770])
def test_our_own_folder_is_ours(tmp_path: Path, mode: int) -> None:
    """Others may look into it, our own group may write; one that is not there yet is ours to make."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    verify_own_folder(tmp_path / "state")
    verify_own_folder(tmp_path / "none")


@pytest.mark.parametrize("mode", [0o702, 0o777, 0o1777])
def test_a_folder_that_others_can_write_is_not_ours(tmp_path: Path, mode: int) -> None:
    """It is refused with what to do, also through a link to it."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    (tmp_path / "link").symlink_to("state")
    for name in ("state", "link"):
        with pytest.raises(UnsafeFolderError, match="other users can write") as caught:
            verify_own_folder(tmp_path / name)
        assert caught.value.exit_code == 3
        assert "chmod go-w" in caught.value.hint


def test_a_folder_of_somebody_else_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its permissions are: its owner can change them."""
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(UnsafeFolderError, match="another user"):
        verify_own_folder(tmp_path)
