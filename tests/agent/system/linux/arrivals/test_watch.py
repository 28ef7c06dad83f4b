# SPDX-License-Identifier: Apache-2.0
"""Tests of the watch on users' folders: real files in a tree of homes, told by the real kernel."""

import gzip
import hashlib
import io
import os
import resource
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from agent.parsing.launch import ParsingChild
from agent.system.arrivals import Look
from agent.system.linux.arrivals import events as arrivals_events
from agent.system.linux.arrivals import folders as arrivals_folders
from agent.system.linux.arrivals import watch as arrivals_module
from agent.system.linux.arrivals.watch import SURVEY_AGAIN_S, SURVEY_EVERY_S, SURVEY_SHARE, LinuxArrivals
from tests.agent.parsing.direct import DirectParsing
from tests.agent.system.linux.arrivals.homes import AT_FIRST, ELF, Machine


def test_a_file_that_is_written_or_moved_is_told_with_its_place(machine: Machine):
    """Somebody is woken; what lies elsewhere is not told."""
    (machine.home / "Documents/own.txt").write_text("x")
    (machine.home / "Downloads/game").write_bytes(ELF)
    (machine.root / "elsewhere").write_bytes(ELF)
    (machine.root / "elsewhere").rename(machine.home / "Desktop/tool")
    (machine.root / "tmp/setup").write_bytes(ELF)
    (machine.home / "a.out").write_bytes(ELF)

    came = machine.await_arrivals(
        "home/pupil/Downloads/game", "home/pupil/Desktop/tool", "tmp/setup", "home/pupil/a.out"
    )
    assert came == {
        "home/pupil/Downloads/game": "downloads",
        "home/pupil/Desktop/tool": "desktop",
        "tmp/setup": "temporary",
        "home/pupil/a.out": "home",
    }
    assert machine.woken.is_set()
    assert machine.was_complete
    assert machine.watch.coverage().gaps == ()
    assert machine.take() == came


def test_a_download_is_told_at_its_end(machine: Machine):
    """Not while the browser writes it under another name."""
    for finished, unfinished in (("a", "a.crdownload"), ("b", "b.part"), ("c", ".com.google.Chrome.1x")):
        partial = machine.home / "Downloads" / unfinished
        partial.write_bytes(ELF)
        partial.rename(machine.home / "Downloads" / finished)

    names = {f"home/pupil/Downloads/{name}" for name in "abc"}
    assert set(machine.await_arrivals(*names)) == names


def test_what_was_there_before_is_not_told(machine: Machine):
    """Nor what a second watch finds."""
    old = machine.home / "Downloads/old"
    old.write_bytes(ELF)
    machine.watch.close()
    time.sleep(1.1)  # the watch takes what is a second older than itself for new
    machine.begin()
    assert machine.take() == {}


def test_a_folder_that_comes_is_watched_with_what_is_in_it(machine: Machine):
    """Unpacked or moved there; three deep and not deeper, and not where programs keep their own."""
    for name in ("pack/inner/third/fourth", "pack/node_modules/x"):
        (machine.root / "made" / name).mkdir(parents=True)
    for name in ("pack/game", "pack/inner/third/deep", "pack/inner/third/fourth/deeper", "pack/node_modules/x/y"):
        (machine.root / "made" / name).write_bytes(ELF)
    (machine.root / "made/pack").rename(machine.home / "Downloads/pack")
    machine.await_watched(AT_FIRST + 3)
    (machine.home / "Downloads/pack/inner/later").write_bytes(ELF)

    came = machine.await_arrivals("home/pupil/Downloads/pack/inner/later")
    assert set(came) == {f"home/pupil/Downloads/pack/{name}" for name in ("game", "inner/third/deep", "inner/later")}


def test_homes_and_folders_that_are_made_later_are_watched(machine: Machine):
    """And the folders that the user's settings name, in his language; nothing that lies outside of his home."""
    other = machine.root / "home/other"
    (other / "Descargas").mkdir(parents=True)
    (other / ".config").mkdir()
    (other / ".config/user-dirs.dirs").write_text(
        'XDG_DOWNLOAD_DIR="$HOME/Descargas"\nXDG_DESKTOP_DIR="$HOME/../../elsewhere"\n'
    )
    (machine.root / "elsewhere").mkdir()
    machine.clock.advance(SURVEY_EVERY_S)
    machine.take()
    (other / "Descargas/juego").write_bytes(ELF)
    (machine.root / "elsewhere/x").write_bytes(ELF)
    machine.await_arrivals("home/other/Descargas/juego")
    (machine.home / "bin").mkdir()
    machine.await_watched(AT_FIRST + 3)
    (machine.home / "bin/tool").write_bytes(ELF)

    came = machine.await_arrivals("home/pupil/bin/tool")
    assert came == {"home/other/Descargas/juego": "downloads", "home/pupil/bin/tool": "programs"}
    assert machine.parsing.asked == ["user_dirs"]


def test_no_link_is_followed(machine: Machine):
    """Neither to a folder nor to a file, whenever it is put there."""
    secret = machine.root / "secret"
    secret.mkdir()
    (secret / "program").write_bytes(ELF)
    (machine.home / "Downloads/linked").symlink_to(secret)
    (machine.home / "Downloads/file").symlink_to(secret / "program")
    (machine.home / "bin").symlink_to(secret)
    machine.clock.advance(SURVEY_EVERY_S)
    machine.take()
    (secret / "new").write_bytes(ELF)
    (machine.home / "Downloads/end").write_bytes(ELF)

    machine.await_arrivals("home/pupil/Downloads/end")
    assert set(machine.came) == {"home/pupil/Downloads/end"}
    assert machine.look("home/pupil/Downloads/file") is None
    assert machine.look("home/pupil/Downloads/linked/program") is None


def test_when_the_kernel_had_too_much_to_tell_the_folders_are_looked_through(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
):
    """So nothing is missed."""
    monkeypatch.setattr(arrivals_events, "MAX_WAITING", 10)
    names = [f"home/pupil/Downloads/{number}" for number in range(50)]
    for name in names:
        (machine.root / name).write_bytes(b"x")
    machine.clock.advance(SURVEY_AGAIN_S)
    assert set(machine.await_arrivals(*names)) == set(names)

    assert machine.watch._events is not None
    machine.came.clear()
    (machine.home / "Downloads/lost").write_bytes(b"x")
    machine.await_true(lambda: bool(machine.watch._events and machine.watch._events._files))
    machine.watch._events.take()
    machine.watch._events.on_queue_overflow()
    assert machine.take() == {}  # not again at once, whoever makes it overflow
    machine.clock.advance(SURVEY_AGAIN_S)
    assert "home/pupil/Downloads/lost" in machine.take()


def test_the_limit_of_watches_is_a_gap():
    """Seen inside of a world of its own, where the system allows few."""
    code = (
        "import sys, pathlib, tempfile\n"
        "from agent.system.linux.arrivals.watch import LinuxArrivals\n"
        "from tests.agent.parsing.direct import DirectParsing\n"
        "root = pathlib.Path(tempfile.mkdtemp())\n"
        "for number in range(30): (root / f'home/a/Downloads/{number}').mkdir(parents=True)\n"
        "pathlib.Path('/proc/sys/user/max_inotify_watches').write_text('10')\n"
        "watch = LinuxArrivals(root, DirectParsing(), lambda: None)\n"
        "print(watch.coverage())\n"
        "watch.close()\n"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[5],
    )
    if "unshare" in done.stderr:
        pytest.fail(f"this machine has no user namespaces: {done.stderr}")
    assert "watched=10" in done.stdout, done.stderr
    assert "limit of inotify watches is reached" in done.stdout


def test_too_many_folders_are_a_gap(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    """No user can have us watch without end."""
    monkeypatch.setattr(arrivals_folders, "MAX_FOLDERS", 5)
    for number in range(10):
        (machine.home / f"Downloads/{number}").mkdir()
    machine.clock.advance(SURVEY_EVERY_S)
    machine.take()
    coverage = machine.watch.coverage()
    assert coverage.watched == 5
    assert coverage.gaps == ("folders of users: there are more than 5",)


def test_the_folders_of_one_user_do_not_use_up_those_of_the_next(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    """Whoever has very many is watched as far as the limit, and that is said."""
    monkeypatch.setattr(arrivals_folders, "MAX_FOLDERS_OF_HOME", 5)
    for number in range(10):
        (machine.home / f"Downloads/{number}").mkdir()
    (machine.root / "home/second/Downloads").mkdir(parents=True)
    machine.clock.advance(SURVEY_EVERY_S)
    machine.take()
    assert machine.watch.coverage().gaps == ("folders of users: a home with more than 5",)
    (machine.root / "home/second/Downloads/game").write_bytes(ELF)
    (machine.root / "tmp/tool").write_bytes(ELF)

    machine.await_arrivals("home/second/Downloads/game", "tmp/tool")


def test_folders_that_take_long_are_gone_through_the_less_often(machine: Machine):
    """However often a user makes another one."""

    def tick() -> float:
        machine.clock.advance(0.1)
        return machine.clock()

    machine.watch._clock_s = tick
    machine.clock.advance(SURVEY_EVERY_S)
    machine.take()
    machine.watch._clock_s = machine.clock
    (machine.home / "Downloads/new").mkdir()
    machine.await_true(lambda: bool(machine.watch._events and machine.watch._events._have_folders_changed))
    machine.clock.advance(0.1 / SURVEY_SHARE - 1)
    machine.take()
    assert machine.watch.coverage().watched == AT_FIRST
    machine.clock.advance(1.1)
    machine.take()
    assert machine.watch.coverage().watched == AT_FIRST + 1


def test_without_inotify_nothing_is_watched_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Here because no more files can be opened."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    import watchdog.observers.inotify_c  # noqa: F401 - before no more files can be opened

    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        watch = LinuxArrivals(tmp_path, DirectParsing(), lambda: None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert watch.coverage().watched == 0
    assert watch.coverage().gaps == ("the system's limit of inotify instances is reached",)
    assert not watch.take().is_complete
    watch.close()


def test_a_look_tells_what_a_file_is(machine: Machine):
    """With its size and, of what runs or holds such a thing, its hash."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("game.exe", ELF)
    files = {
        "game": (ELF, ("elf", "", True)),
        "libgame.so.1": (ELF, ("elf", "", False)),
        "notes.txt": (b"hello", ("", "", False)),
        "setup.ps1": (b"Write-Host hello", ("script", "", True)),
        "run": (b"#!/bin/sh\n", ("script", "", True)),
        "pack.zip": (packed.getvalue(), ("zip", "executable", True)),
        "log.gz": (gzip.compress(b"hello"), ("gzip", "", False)),
    }
    for name, (content, expected) in files.items():
        (machine.home / "Downloads" / name).write_bytes(content)
        look = machine.look(f"home/pupil/Downloads/{name}")
        assert look is not None
        assert (look.format, look.contains, look.is_executable) == expected
        assert (look.size_bytes, look.name) == (len(content), name)
        assert look.sha256 == (hashlib.sha256(content).hexdigest() if expected[2] else "")
    assert machine.look("home/pupil/Downloads/gone") is None
    os.mkfifo(machine.home / "Downloads/pipe")
    assert machine.look("home/pupil/Downloads/pipe") is None


def test_a_file_that_defends_itself_is_unknown(machine: Machine):
    """It is told, for it may well be made so."""
    block = tarfile.TarInfo("big")
    block.size, block.type = 1 << 30, tarfile.GNUTYPE_LONGNAME
    bomb = machine.home / "Downloads/bomb.tar"
    bomb.write_bytes(block.tobuf(tarfile.GNU_FORMAT))
    os.truncate(bomb, 1 << 31)  # nothing of it is on the disk
    machine.watch._parsing = parsing = ParsingChild()
    look = machine.look("home/pupil/Downloads/bomb.tar")
    parsing.close()
    assert look is not None
    assert (look.format, look.contains, look.is_executable) == ("unknown", "unknown", False)


def test_what_the_system_unpacks_in_temporary_folders_is_its_own(machine: Machine):
    """A user's file there is looked at."""
    made = machine.root / "tmp/setup"
    made.write_bytes(ELF)
    if os.geteuid() == 0:
        assert machine.look("tmp/setup", "temporary") is None
        os.chown(made, 1000, 1000)
    look = machine.look("tmp/setup", "temporary")
    assert look is not None
    assert look.format == "elf"


def test_a_compiler_at_work_wakes_nobody_all_the_time(machine: Machine):
    """The first of many files does; the others are there when somebody asks."""
    (machine.root / "tmp/first.s").write_text("x")
    machine.await_arrivals("tmp/first.s")
    machine.await_true(machine.woken.is_set)
    machine.woken.clear()
    for number in range(20):
        (machine.root / f"tmp/{number}.s").write_text("x")
    machine.await_arrivals("tmp/19.s")
    assert not machine.woken.is_set()


def test_an_empty_file_is_not_looked_into(machine: Machine):
    """A browser makes one where the download will be."""
    (machine.home / "Downloads/game").touch()
    look = machine.look("home/pupil/Downloads/game")
    assert look == Look("", name="game")
    assert machine.parsing.asked == []


def test_a_name_is_told_printable_and_short(machine: Machine):
    """Whatever bytes it has."""
    name = b"\x1b[31m\xff" + b"x" * 200
    path = os.fsencode(machine.home / "Downloads") + b"/" + name
    Path(os.fsdecode(path)).write_bytes(ELF)
    machine.await_true(lambda: bool(machine.watch._events and machine.watch._events._files))
    (file,) = machine.watch.take().files
    look = machine.watch.look(file)
    assert look is not None
    assert look.name == "\ufffd[31m\ufffd" + "x" * 122


def test_a_large_file_is_not_hashed(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    """Its size is told."""
    monkeypatch.setattr(arrivals_module, "MAX_HASHED_BYTES", 100)
    (machine.home / "Downloads/game").write_bytes(ELF)
    look = machine.look("home/pupil/Downloads/game")
    assert look is not None
    assert (look.sha256, look.size_bytes) == ("", len(ELF))
