# SPDX-License-Identifier: Apache-2.0
"""Tests of the count of media in homes that a test makes."""

from pathlib import Path

import pytest

from agent.system.arrivals import MediaCount
from agent.system.linux.arrivals import media as arrivals_media
from agent.system.linux.arrivals.media import SMALLEST_BYTES, MediaCounter

SIZE = SMALLEST_BYTES


def write(path: Path, size_bytes: int = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size_bytes))


def count_all(counter: MediaCounter) -> tuple[MediaCount, int]:
    """Return the first complete count, and how many slices it took."""
    for slices in range(1, 10_000):
        found = counter.count()
        if found.is_complete:
            return found, slices
    raise AssertionError("it never ends")


def test_media_are_counted_over_all_homes(tmp_path: Path):
    """By the ending of their names; small ones, hidden ones, links and what programs keep do not count."""
    for number in range(3):
        write(tmp_path / f"home/a/Music/{number}.MP3")
    write(tmp_path / "home/b/Videos/deep/er/film.mkv", SIZE + 5)
    write(tmp_path / "home/b/photo.jpeg")
    write(tmp_path / "home/b/button.png", SIZE - 1)
    write(tmp_path / "home/b/.cache/seen.jpg")
    write(tmp_path / "home/b/code/node_modules/x.png")
    write(tmp_path / "home/b/essay.odt")
    write(tmp_path / "elsewhere/song.mp3")
    (tmp_path / "home/a/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "home/a/song.mp3").symlink_to(tmp_path / "elsewhere/song.mp3")

    found, _ = count_all(MediaCounter(tmp_path))
    assert found == MediaCount(
        audio_files=3, audio_bytes=3 * SIZE, video_files=1, video_bytes=SIZE + 5, picture_files=1, picture_bytes=SIZE
    )


def test_a_count_is_made_in_slices_and_stands_until_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing that is half counted is told."""
    monkeypatch.setattr(arrivals_media, "SLICE_S", 0.0)
    for number in range(20):
        write(tmp_path / f"home/a/{number}.mp3")
    counter = MediaCounter(tmp_path)

    assert counter.count() == MediaCount(is_complete=False)
    found, slices = count_all(counter)
    assert found.audio_files == 20
    assert slices >= 19
    write(tmp_path / "home/a/more.mp3")
    assert counter.count() is found
    for _ in range(30):
        counter.count()
    assert counter.count().audio_files == 21
    counter.close()


def test_a_count_that_is_left_off_keeps_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It may be left off at any time."""
    monkeypatch.setattr(arrivals_media, "SLICE_S", 0.0)
    write(tmp_path / "home/a/1.mp3")
    write(tmp_path / "home/a/2.mp3")
    counter = MediaCounter(tmp_path)
    counter.count()
    before = len(list(Path("/proc/self/fd").iterdir()))
    counter.close()
    assert len(list(Path("/proc/self/fd").iterdir())) < before
