# SPDX-License-Identifier: Apache-2.0
"""Tests of putting the sources together, on made machines and on the one that runs the tests."""

import os
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from agent.system.interface import InstalledSoftware
from agent.system.linux import installed
from agent.system.linux.sources import survey
from proto.events import Program
from tests.agent.system.linux.disk import LISTS, Disk, read_all
from tests.fakes import FakeClock

ELF = Path(sys.executable).resolve()


def test_a_machine_without_packages_is_said_to_be_unread(disk: Disk):
    """No list of packages is not the same as no packages."""
    (disk.root / "var/lib/dpkg/status").unlink()

    found = disk.look()

    assert found.programs == ()
    assert found.unread == ("installed packages: this system has no list of packages that is read (dpkg, rpm)",)


def test_each_source_is_asked(disk: Disk):
    """For the system and for each person; what is a person's own is told apart."""
    disk.write("usr/local/bin/tool", mode=0o755)
    disk.write("home/alice/bin/mine", mode=0o755)
    disk.deploy_flatpak("var/lib/flatpak/app", "com.example.App", b"[Application]\nname=com.example.App\n")
    disk.write("var/lib/snapd/snaps/core22_864.snap")
    for top in ("usr/local", "home/alice/.local"):
        (disk.root / top / "lib/python3.11/dist-packages/sqlmap-1.8.dist-info").mkdir(parents=True)
    disk.write_json("usr/local/lib/node_modules/tool/package.json", {"version": "1"})
    addons = [{"id": "a@b", "type": "extension", "version": "1"}]
    disk.write_json("home/alice/.mozilla/firefox/x.default/extensions.json", {"addons": addons})
    manifest = {"name": "B", "version": "2"}
    disk.write_json(f"home/alice/.config/chromium/Default/Extensions/{'b' * 32}/2_0/manifest.json", manifest)

    found = disk.look()

    assert {program.source for program in found.programs} == {
        *("dpkg", "flatpak", "snap", "file", "pip", "npm", "extension")
    }
    assert {program.name for program in found.of_homes} == {"mine", "a@b", f"B ({'b' * 32})"}
    assert found.unread == ()


def test_a_portable_program_is_no_installed_one(disk: Disk):
    """It is judged, and on no list; an AppImage is, for it is installed by putting it somewhere."""
    disk.write("home/alice/Downloads/game", ELF.read_bytes())
    disk.write("home/alice/bin/own", ELF.read_bytes(), mode=0o755)
    image = disk.write("home/alice/Documents/krita-5.2-x86_64.AppImage", b"\x7fELF\2\1\1\0AI\2" + bytes(100))

    found = disk.look()

    assert [program.name for program in found.loose] == ["game"]
    krita = Program("krita", path=str(image), source="appimage", version="5.2")
    assert {krita, Program("own", path=str(disk.root / "home/alice/bin/own"), source="file")} == found.of_homes


def test_a_home_that_is_not_mounted_is_not_among_those_that_are_there(disk: Disk):
    """Its place is empty or missing; a key never holds a name."""
    disk.write("home/bob/notes")

    keys = disk.look().homes
    assert len(keys) == 1
    disk.write("home/alice/notes")
    assert len(disk.look().homes) == 2
    assert "alice" not in repr(disk.look().homes)
    (disk.root / "home/bob/notes").unlink()
    (disk.root / "home/bob").rmdir()
    assert disk.look().homes.isdisjoint(keys)


def test_a_look_at_very_much_comes_in_parts(disk: Disk):
    """Each part is short, and in the end all of it is told."""
    for number in range(30):
        disk.write(f"home/alice/projects/{number}/run", ELF.read_bytes())
    clock = FakeClock()

    def tick() -> float:
        clock.advance(installed.READ_AT_MOST_S / 5)
        return clock()

    reader = disk.make_reader(clock_s=tick)
    parts = 0
    while (found := reader.read()).has_more:
        assert found == InstalledSoftware((), has_more=True)
        parts += 1

    assert parts > 3
    assert len(found.loose) == 30
    assert found == read_all(disk.make_reader())


def test_a_file_that_is_changed_in_place_is_seen_at_the_next_great_look(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    """Its folder does not show it."""
    monkeypatch.setattr("agent.system.linux.sources.folders.SETTLED_NS", -1)
    path = disk.write("home/alice/thing", b"text")
    clock = FakeClock()
    reader = disk.make_reader(clock_s=clock)
    reader.read()
    path.write_bytes(ELF.read_bytes())

    assert reader.read().loose == ()
    clock.advance(installed.FORGET_EVERY_S)
    assert [program.name for program in reader.read().loose] == ["thing"]


@pytest.mark.parametrize(
    "change",
    [
        lambda disk: disk.write("var/lib/dpkg/status", b"Package: a\nStatus: install ok installed\n"),
        lambda disk: disk.write("var/lib/rpm/rpmdb.sqlite"),
        lambda disk: disk.deploy_flatpak("var/lib/flatpak/app", "org.example.App", b""),
        lambda disk: disk.write("var/lib/snapd/snaps/app_1.snap"),
        lambda disk: disk.write("usr/local/bin/new", mode=0o755),
        lambda disk: disk.write("usr/local/lib/node_modules/new/package.json"),
        lambda disk: disk.write("usr/local/lib/python3.11/dist-packages/a-1.dist-info/METADATA"),
        lambda disk: disk.write("opt/new/program", mode=0o755),
        lambda disk: disk.write("opt/suite/bin/new", mode=0o755),
        lambda disk: disk.write("home/alice/.local/bin/new", mode=0o755),
        lambda disk: disk.write("home/alice/.config/chromium/Default/Extensions/x/1/manifest.json"),
        lambda disk: disk.write("home/alice/.mozilla/firefox/x/extensions.json"),
        lambda disk: disk.write("home/alice/Downloads/new"),
        lambda disk: disk.write("home/bob/bin/new", mode=0o755),
        lambda disk: (disk.root / "usr/local/bin/old").unlink(),
    ],
)
def test_the_fingerprint_changes_with_what_is_installed(disk: Disk, change):
    """Whatever comes or goes, and only then."""
    disk.write("usr/local/bin/old", mode=0o755)
    disk.write("opt/suite/bin/old", mode=0o755)
    for folder in ("usr/local/bin", "opt", "opt/suite/bin", "home/alice"):
        os.utime(disk.root / folder, (0, 0))
    reader = disk.make_reader()
    read_all(reader)
    before = reader.fingerprint()
    assert reader.fingerprint() == before

    change(disk)

    assert reader.fingerprint() != before


def test_a_fingerprint_of_very_many_places_is_taken_bit_by_bit(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    """Each call asks for some of them, and a change is seen within a round."""
    monkeypatch.setattr(installed, "PLACES_AT_ONCE", 10)
    disk.write("usr/local/bin/old", mode=0o755)
    reader = disk.make_reader()
    read_all(reader)
    disk.write("usr/local/bin/new", mode=0o755)
    seen = [reader.fingerprint() for _ in range(50)]

    assert seen[0] == 0
    assert seen[-1] == 1


def test_places_beyond_a_limit_are_not_asked_for(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    """They are seen at the next look that comes by itself."""
    monkeypatch.setattr(survey, "MAX_PLACES", 0)
    reader = disk.make_reader()
    read_all(reader)
    disk.write("usr/local/bin/new", mode=0o755)

    assert reader.fingerprint() == 0
    assert "new" in {program.name for program in read_all(reader).programs}


def test_a_changed_list_of_packages_is_read_again(disk: Disk):
    """One that did not change is not."""
    reader = disk.make_reader()
    assert reader.read() == reader.read()
    disk.write("var/lib/dpkg/status", b"Package: hydra\nStatus: install ok installed\nVersion: 9\n")

    assert reader.read().programs == (Program("hydra", source="dpkg", version="9"),)


def test_no_name_of_a_person_is_in_what_could_not_be_read(disk: Disk):
    """However many of their things are broken."""
    disk.deploy_flatpak("home/alice/.local/share/flatpak/app", "x.y.Z", (LISTS / "flatpak-hostile").read_bytes())
    disk.write("home/alice/.npm-global/lib/node_modules/a/package.json", b"{")
    disk.write("home/alice/.mozilla/firefox/x/extensions.json", b"[" * 100_000)
    disk.link("home/alice/.local/bin", "/")

    unread = disk.look().unread
    assert len(unread) == 4
    assert "alice" not in repr(unread)


def test_the_software_of_this_machine_is_read(disk: Disk):
    """With the packages that dpkg's own list names."""
    reader = installed.InstalledReader(Path("/"), lambda: disk.parsing)
    found = read_all(reader)

    status = Path("/var/lib/dpkg/status").read_text(encoding="utf-8", errors="replace")
    there = {stanza.partition("\n")[0] for stanza in status.split("Package: ")[1:] if " ok installed\n" in stanza}
    assert {program.name for program in found.programs if program.source == "dpkg"} == there


def test_python_packages_have_the_names_that_python_knows_them_by(disk: Disk):
    """The packages that run these tests, as if they had been installed for all."""
    library = disk.root / "usr/local/lib/python3.11"
    library.mkdir(parents=True)
    known = list(distributions())
    for each in known:
        folder = Path(str(each._path))  # type: ignore[attr-defined]
        (library / "site-packages" / folder.name).mkdir(parents=True, exist_ok=True)

    found = {(program.name, program.version) for program in disk.read()[0]}
    assert found == {(each.name.lower().replace("_", "-").replace(".", "-"), each.version) for each in known}


@pytest.mark.parametrize(
    "place",
    [
        ".config/chromium/Default/Extensions/" + "a" * 31 + "{letter}",
        ".npm-global/lib/node_modules/tool{letter}",
        ".npm-global/lib/node_modules/@scope/tool{letter}",
        ".local/share/flatpak/app/org.example.{letter}",
        ".local/share/pipx/venvs/{letter}",
        ".mozilla/firefox/{letter}",
    ],
)
def test_a_look_may_pause_after_each_thing_of_a_user(disk: Disk, place: str):
    """However many he makes, also of empty ones."""

    def count_parts() -> int:
        clock = FakeClock()

        def tick() -> float:
            clock.advance(installed.READ_AT_MOST_S)
            return clock()

        reader = disk.make_reader(clock_s=tick)
        return sum(1 for _ in iter(lambda: reader.read().has_more, False))

    (disk.root / "home/alice" / place.format(letter="a")).mkdir(parents=True)
    before = count_parts()
    for letter in "bcdefghijk":
        (disk.root / "home/alice" / place.format(letter=letter)).mkdir(parents=True)

    assert count_parts() >= before + 5


@pytest.mark.parametrize("limit", ["MAX_FINDS_OF_HOME", "MAX_STEPS_OF_HOME"])
def test_what_one_user_makes_has_an_end(disk: Disk, monkeypatch: pytest.MonkeyPatch, limit: str):
    """The rest is said to be unread, and the next home is looked at all the same."""
    monkeypatch.setattr(installed, limit, 60)
    for number in range(100):
        disk.write(f"home/alice/{number}/run", ELF.read_bytes()[:4096])
    disk.write("home/bob/thing", ELF.read_bytes())

    found = disk.look()

    assert 0 < len([each for each in found.loose if "/alice/" in each.path]) <= 60
    assert [each.name for each in found.loose if "/bob/" in each.path] == ["thing"]
    assert found.unread == ("programs in home folders: a home with more than are looked at",)


def test_a_link_of_a_user_is_not_followed_before_it_is_judged(disk: Disk):
    """Neither at the look nor by the fingerprint, when it is put there later."""
    disk.write("outside/python3.11/site-packages/hydra-1.dist-info/METADATA")
    disk.write("home/alice/own/lib/python3.11/site-packages/mine-1.dist-info/METADATA")
    disk.link("home/alice/.local", "own")
    reader = disk.make_reader()

    found = read_all(reader)
    assert [program.name for program in found.of_homes] == ["mine"]
    assert found.unread == ()
    before = reader.fingerprint()
    (disk.root / "home/alice/.local").unlink()
    disk.link("home/alice/.local", disk.root / "outside")

    assert reader.fingerprint() != before
    found = read_all(reader)
    assert found.of_homes == frozenset()
    assert all("a link leads out of the folder" in gap for gap in found.unread)
