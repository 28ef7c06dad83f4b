# SPDX-License-Identifier: Apache-2.0
"""Writes what a stock Debian 12 desktop consists of, so that the tests can prove that no rule fires on it.

Run it on Debian 12 with the package `apt-file` installed and after `apt-get update`:
`python -m tests.rules.make_stock_packages`. It asks apt what each task would install on an empty machine and installs
nothing. It takes some minutes. The tests only read what it wrote.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

DATA = Path(__file__).parent / "data"
PACKAGES = DATA / "stock-debian-12-desktop-packages.txt"
EXECUTABLES = DATA / "stock-debian-12-desktop-executables.txt"

DESKTOPS = (
    *("task-gnome-desktop", "task-gnome-flashback-desktop", "task-kde-desktop", "task-xfce-desktop"),
    *("task-mate-desktop", "task-lxde-desktop", "task-lxqt-desktop", "task-cinnamon-desktop"),
    *("gnome", "kde-full", "mate-desktop-environment-extras", "xfce4-goodies", "cinnamon"),
    *("task-laptop", "task-ssh-server", "task-british-desktop"),
)
SCHOOL_DESKTOPS = (
    *("education-desktop-gnome", "education-desktop-kde", "education-desktop-xfce", "education-desktop-mate"),
    *("education-desktop-lxde", "education-workstation", "education-standalone", "education-roaming-workstation"),
    *("education-preschool", "education-primaryschool", "education-secondaryschool", "education-highschool"),
)
"""Debian Edu, which schools use."""

_FOLDERS = ("bin/", "sbin/", "usr/bin/", "usr/sbin/", "usr/games/", "usr/libexec/")


def main() -> None:
    """Write both lists."""
    desktop = set().union(*(_list_packages(task) for task in DESKTOPS))
    school = set().union(*(_list_packages(task) for task in SCHOOL_DESKTOPS))
    _write(PACKAGES, "Debian 12 desktops and Debian Edu: names of packages", desktop | school)
    _write(EXECUTABLES, "Debian 12 desktops: names of executables", _list_executables(desktop))


def _list_packages(task: str) -> set[str]:
    with tempfile.NamedTemporaryFile() as nothing_installed:
        command = ["apt-get", "install", "--simulate", "--install-recommends", task]
        options = [f"Dir::State::status={nothing_installed.name}", "Debug::NoLocking=1"]
        done = subprocess.run(
            [*command, *(part for option in options for part in ("-o", option))],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "LC_ALL": "C"},
        )
    return {line.split()[1] for line in done.stdout.splitlines() if line.startswith("Inst ")}


def _list_executables(packages: set[str]) -> set[str]:
    """Return the names of all files in folders of programs that one of the packages holds."""
    names = set()
    for line in _read_contents():
        path, _, holders = line.rstrip().rpartition(" ")
        path = path.strip()
        if path.startswith(_FOLDERS) and any(each.rpartition("/")[2] in packages for each in holders.split(",")):
            names.add(path.rpartition("/")[2])
    return names


def _read_contents() -> Iterator[str]:
    command = ["apt-get", "indextargets", "--format", "$(FILENAME)", "Identifier: Contents-deb"]
    files = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    for file in files:
        with subprocess.Popen(
            ["/usr/lib/apt/apt-helper", "cat-file", file], stdout=subprocess.PIPE, text=True, errors="replace"
        ) as reader:
            assert reader.stdout is not None
            yield from reader.stdout


def _write(path: Path, title: str, names: Iterable[str]) -> None:
    lines = [f"# {title}; written by tests/rules/make_stock_packages.py", *sorted(names)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
