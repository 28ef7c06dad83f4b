# SPDX-License-Identifier: Apache-2.0
"""Small trees of sysfs, of udev's database and of the table of mounts, from the files in `cases`.

One entry a line: `path = content`, where a backslash and an n end a line of the content, or `path -> target`, a link.
Those called after a kind of stick were recorded in a guest with real USB devices, cut to what is read; the others are
made by hand.
"""

from pathlib import Path

CASES = Path(__file__).with_name("cases")


def build_tree(root: Path, *names: str) -> Path:
    """Lay out the trees of these names below a folder, one over the other."""
    for name in names:
        for line in (CASES / f"{name}.tree").read_text("utf-8").splitlines():
            if line and not line.startswith("#"):
                _add(root, line)
    return root


def _add(root: Path, line: str) -> None:
    path, sign, value = line.partition(" ")[0], *line.partition(" ")[2].partition(" ")[::2]
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if sign == "->":
        place.unlink(missing_ok=True)
        place.symlink_to(value)
    else:
        place.write_text(value.replace("\\n", "\n"), "utf-8")
