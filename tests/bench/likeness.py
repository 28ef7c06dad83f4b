# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench.likeness`: how alike programs are that have nothing in common, and versions of one.

It compares the sketches of all programs of this machine whose Debian packages are made of different sources. With two
folders, in each of which a version of the same packages was unpacked (`dpkg-deb -x`), it compares those versions too.
`rules.likeness.LIKE` is set by it.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

from agent.errors import ParseError
from agent.parsing.parsers import elf
from rules.likeness import LIKE, measure_likeness, parse_sketch

FOLDERS = (Path("/usr/bin"), Path("/usr/sbin"), Path("/usr/libexec"), Path("/usr/games"))
SHOWN = 10


def main(versions: list[str]) -> int:
    """Print the most alike pairs."""
    sources = load_sources()
    sketches = [(path, sources.get(str(path), str(path)), numbers) for path, numbers in find_sketches(FOLDERS)]
    pairs = sorted(
        (
            (measure_likeness(one, other), str(path), str(other_path))
            for (path, source, one), (other_path, other_source, other) in combinations(sketches, 2)
            if source != other_source and one & other
        ),
        reverse=True,
    )
    alike = sum(pair[0] >= LIKE for pair in pairs)
    sys.stdout.write(f"{len(sketches)} programs; {alike} pairs of different sources from {LIKE} on. The most alike:\n")
    sys.stdout.writelines(f"  {likeness:.2f} {one} {other}\n" for likeness, one, other in pairs[:SHOWN])
    if versions:
        old, new = (dict(find_sketches([Path(folder)], relative=True)) for folder in versions)
        same = sorted((measure_likeness(old[path], new[path]), str(path)) for path in old.keys() & new.keys())
        sys.stdout.write(f"{len(same)} programs in two versions. The least alike:\n")
        sys.stdout.writelines(f"  {likeness:.2f} {path}\n" for likeness, path in same[:SHOWN])
    return 0


def find_sketches(folders: Iterable[Path], *, relative: bool = False) -> Iterator[tuple[Path, frozenset[int]]]:
    """Yield the programs below some folders that have a sketch, with its numbers."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            for path in (Path(place, name) for name in names):
                if path.is_symlink() or not path.is_file():
                    continue
                with path.open("rb") as stream:
                    try:
                        numbers = parse_sketch(elf.parse(stream)["sketch"])
                    except ParseError:
                        continue
                if numbers:
                    yield path.relative_to(folder) if relative else path, numbers


def load_sources() -> dict[str, str]:
    """Return for each file of a Debian package which source the package is made of."""
    sources: dict[str, str] = {}
    package = ""
    for line in Path("/var/lib/dpkg/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("Package: "):
            package = line.split()[1]
            sources[package] = package
        elif line.startswith("Source: "):
            sources[package] = line.split()[1]
    files: dict[str, str] = {}
    for path in Path("/var/lib/dpkg/info").glob("*.list"):
        source = sources.get(path.stem.partition(":")[0], path.stem)
        for file in path.read_text(encoding="utf-8").splitlines():
            # Debian 12 still writes /bin for what lies in /usr/bin.
            files[file if file.startswith("/usr/") else f"/usr{file}"] = source
    return files


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
