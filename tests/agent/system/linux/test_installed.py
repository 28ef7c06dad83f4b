# SPDX-License-Identifier: Apache-2.0
"""Tests of reading installed software, on a tree that looks like a small Debian machine with hostile users."""

import os
from pathlib import Path

import pytest

from agent.system.linux import installed
from agent.system.linux.installed import InstalledReader
from proto.events import Program

LISTS = Path(__file__).parent / "lists"


class Tree:
    """A root folder that a test fills."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("var/lib/dpkg/status", (LISTS / "dpkg-good").read_bytes())
        self.write("etc/passwd", b"root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n")
        (root / "home/alice").mkdir(parents=True)

    def write(self, place: str, content: bytes = b"", *, mode: int = 0o644) -> Path:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        return path

    def link(self, place: str, target: str | Path) -> None:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def deploy_flatpak(self, top: str, name: str, metadata: bytes) -> None:
        self.write(f"{top}/{name}/x86_64/stable/abc/metadata", metadata)
        self.link(f"{top}/{name}/x86_64/stable/active", "abc")
        self.link(f"{top}/{name}/current", "x86_64/stable")

    def read(self) -> tuple[set[Program], tuple[str, ...]]:
        """Return what is installed beside the packages of dpkg, and what could not be read."""
        found = InstalledReader(self.root).read()
        return {program for program in found.programs if program.source != "dpkg"}, found.unread


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path.resolve())


def test_packages_are_read(tree: Tree):
    """A tree with nothing but packages is read completely."""
    found = InstalledReader(tree.root).read()

    assert {program.name for program in found.programs} == {"nmap", "tor", "libc6", "wireshark"}
    assert found.unread == ()


def test_a_machine_without_dpkg_is_said_to_be_unread(tree: Tree):
    """No list of packages is not the same as no packages."""
    (tree.root / "var/lib/dpkg/status").unlink()

    found = InstalledReader(tree.root).read()

    assert found.programs == ()
    assert found.unread == ("installed packages: this system has no dpkg, and only dpkg's list is read",)


@pytest.mark.parametrize("name", ["dpkg-random", "dpkg-zeros"])
def test_a_garbage_list_of_packages_is_said_to_be_unread(tree: Tree, name: str):
    """Everything else is read all the same."""
    tree.write("var/lib/dpkg/status", (LISTS / name).read_bytes())
    tree.write("usr/local/bin/tool", mode=0o755)

    programs, unread = tree.read()

    assert {program.name for program in programs} == {"tool"}
    assert unread == ("Debian packages: the list holds no package",)


def test_a_list_of_packages_that_is_too_large_is_said_to_be_unread(tree: Tree, monkeypatch: pytest.MonkeyPatch):
    """Reading ends at the limit."""
    monkeypatch.setattr(installed, "MAX_DPKG_STATUS_BYTES", 100)

    assert tree.read()[1] == ("Debian packages: not a regular file of the expected size",)


def test_flatpaks_of_the_system_and_of_users_are_found(tree: Tree):
    """Both by the folder and by the metadata; a folder without a deployment is a leftover."""
    metadata = (LISTS / "flatpak-good").read_bytes()
    tree.deploy_flatpak("var/lib/flatpak/app", "com.valvesoftware.Steam", metadata)
    tree.deploy_flatpak("home/alice/.local/share/flatpak/app", "org.example.Harmless", metadata)
    tree.write("var/lib/flatpak/app/org.example.Gone/leftover")

    programs, unread = tree.read()

    assert programs == {
        Program("com.valvesoftware.Steam", source="flatpak"),
        Program("org.example.Harmless", source="flatpak"),
    }
    assert unread == ()


def test_a_flatpak_with_broken_metadata_is_found_by_its_folder(tree: Tree):
    """And that its metadata made no sense is said."""
    tree.deploy_flatpak("var/lib/flatpak/app", "com.example.App", (LISTS / "flatpak-hostile").read_bytes())

    programs, unread = tree.read()

    assert programs == {Program("com.example.App", source="flatpak")}
    assert unread == ("flatpak applications: its metadata describes no application",)


@pytest.mark.parametrize(
    ("current", "active"),
    [("../../../../etc", "abc"), ("/etc", "abc"), ("x86_64/stable", "../../../../../secret"), ("current/x", "abc")],
)
def test_a_flatpak_cannot_lead_out_of_its_folder(tree: Tree, current: str, active: str):
    """Links that lead elsewhere are not followed, and are said to be unread."""
    top = "home/alice/.local/share/flatpak/app/org.example.Trick"
    tree.write("secret/metadata", b"[Application]\nname=org.secret.Name\n")
    tree.write(f"{top}/x86_64/stable/abc/metadata", (LISTS / "flatpak-good").read_bytes())
    tree.link(f"{top}/current", current)
    tree.link(f"{top}/x86_64/stable/active", active)

    programs, unread = tree.read()

    assert programs == {Program("org.example.Trick", source="flatpak")}
    assert len(unread) == 1


def test_snaps_are_found_mounted_or_not(tree: Tree):
    """A mounted snap has a version; one whose file is there has a name."""
    tree.write("snap/discord/115/meta/snap.yaml", (LISTS / "snap-good.yaml").read_bytes())
    tree.link("snap/discord/current", "115")
    tree.write("snap/README")
    tree.write("var/lib/snapd/snaps/discord_115.snap")
    tree.write("var/lib/snapd/snaps/core22_864.snap")
    tree.write("var/lib/snapd/snaps/partial")

    programs, unread = tree.read()

    assert programs == {Program("discord", source="snap", version="0.0.75"), Program("core22", source="snap")}
    assert unread == ()


def test_a_snap_with_a_broken_description_is_found_by_its_folder(tree: Tree):
    """And that its description made no sense is said."""
    tree.write("snap/odd/1/meta/snap.yaml", (LISTS / "snap-nameless.yaml").read_bytes())
    tree.link("snap/odd/current", "1")

    programs, unread = tree.read()

    assert programs == {Program("odd", source="snap")}
    assert unread == ("snaps: its description has no name",)


def test_executables_beside_the_packages_are_found(tree: Tree):
    """In the usual folders of the system, of /opt and of users; what cannot be executed is no program."""
    places = [
        "usr/local/bin/one",
        "usr/local/sbin/two",
        "usr/local/games/three",
        "opt/suite/four",
        "opt/suite/bin/five",
        "home/alice/.local/bin/six",
        "home/alice/bin/seven",
        "root/.local/bin/eight",
    ]
    for place in places:
        tree.write(place, mode=0o755)
    tree.write("usr/local/bin/notes.txt")
    tree.write("opt/suite/lib/deep", mode=0o755)

    programs, unread = tree.read()

    assert {program.path for program in programs} == {str(tree.root / place) for place in places}
    assert {program.source for program in programs} == {"file"}
    assert unread == ()


def test_homes_are_found_by_account_and_by_folder(tree: Tree):
    """Directory accounts are in no local list; system accounts and nobody are no people."""
    with (tree.root / "etc/passwd").open("ab") as accounts:
        accounts.write(b"bob:x:1001:1001::/data/homes/bob:/bin/sh\ndaemon:x:2:2::/daemons:/bin/sh\n")
        accounts.write(b"nobody:x:65534:65534::/nowhere:/bin/sh\nbroken line\nx:x:\xff:1::/y:/z\n")
    for home in ("data/homes/bob", "home/carol", "daemons", "nowhere"):
        tree.write(f"{home}/bin/{home.rpartition('/')[2]}", mode=0o755)

    assert {program.name for program in tree.read()[0]} == {"bob", "carol"}


def test_a_link_counts_by_its_name(tree: Tree):
    """Where it leads is not looked at, nor whether it leads anywhere."""
    tree.link("home/alice/.local/bin/sqlmap", "/home/alice/.venvs/sqlmap/bin/sqlmap")

    programs, unread = tree.read()

    assert {program.name for program in programs} == {"sqlmap"}
    assert unread == ()


def test_a_users_folder_may_lead_elsewhere_in_the_home(tree: Tree):
    """People who keep their settings in one folder do that."""
    tree.write("home/alice/settings/bin/tool", mode=0o755)
    tree.link("home/alice/bin", "settings/bin")

    programs, unread = tree.read()

    assert {program.path for program in programs} == {str(tree.root / "home/alice/settings/bin/tool")}
    assert unread == ()


@pytest.mark.parametrize("target", ["{root}/secret", "../../secret", "/"])
def test_a_users_folder_cannot_lead_out_of_the_home(tree: Tree, target: str):
    """It is not read, and that is said without naming the person."""
    tree.write("secret/private", mode=0o755)
    tree.link("home/alice/bin", target.format(root=tree.root))

    programs, unread = tree.read()

    assert programs == set()
    assert unread == ("programs in home folders: a link leads out of the folder",)
    assert "alice" not in repr(unread)


def test_odd_things_in_a_users_folder_do_no_harm(tree: Tree):
    """Pipes, folders, loops and names that are no text."""
    folder = tree.root / "home/alice/.local/bin"
    tree.write("home/alice/.local/bin/real", mode=0o755)
    os.mkfifo(folder / "pipe", 0o777)
    (folder / "folder").mkdir()
    tree.link("home/alice/bin", "bin")
    (Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9"))).touch(mode=0o755)

    programs, unread = tree.read()

    assert {program.name for program in programs} == {"real", "caf�"}
    assert all(program.path.encode() for program in programs)
    assert len(unread) == 1


def test_a_folder_with_too_many_entries_is_said_to_be_unread(tree: Tree, monkeypatch: pytest.MonkeyPatch):
    """What fits the limit is read."""
    monkeypatch.setattr(installed, "MAX_ENTRIES", 3)
    for number in range(5):
        tree.write(f"home/alice/bin/{number}", mode=0o755)

    programs, unread = tree.read()

    assert len(programs) == 3
    assert unread == ("programs in home folders: more than 3 entries in a folder",)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.write("var/lib/dpkg/status", b"Package: a\nStatus: install ok installed\n"),
        lambda tree: tree.deploy_flatpak("var/lib/flatpak/app", "org.example.App", b""),
        lambda tree: tree.write("var/lib/snapd/snaps/app_1.snap"),
        lambda tree: tree.write("usr/local/bin/new", mode=0o755),
        lambda tree: tree.write("opt/new/program", mode=0o755),
        lambda tree: tree.write("opt/suite/bin/new", mode=0o755),
        lambda tree: tree.write("home/alice/.local/bin/new", mode=0o755),
        lambda tree: tree.write("home/bob/bin/new", mode=0o755),
        lambda tree: (tree.root / "usr/local/bin/old").unlink(),
    ],
)
def test_the_fingerprint_changes_with_what_is_installed(tree: Tree, change):
    """Whatever comes or goes, and only then."""
    tree.write("usr/local/bin/old", mode=0o755)
    tree.write("opt/suite/bin/old", mode=0o755)
    for folder in ("usr/local/bin", "opt", "opt/suite/bin"):
        os.utime(tree.root / folder, (0, 0))
    reader = InstalledReader(tree.root)
    before = reader.fingerprint()
    assert reader.fingerprint() == before

    change(tree)

    assert reader.fingerprint() != before


def test_a_changed_list_of_packages_is_read_again(tree: Tree):
    """One that did not change is not."""
    reader = InstalledReader(tree.root)
    assert reader.read() == reader.read()
    tree.write("var/lib/dpkg/status", b"Package: hydra\nStatus: install ok installed\nVersion: 9\n")

    assert reader.read().programs == (Program("hydra", source="dpkg", version="9"),)
