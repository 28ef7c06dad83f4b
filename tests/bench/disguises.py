# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench.disguises`: which disguises of a forbidden program are seen through, and by what.

A real program (this machine's grep) is forbidden by its name, digest, build id and sketch. Then it is started, or laid
in a home, in every disguise of `tests.disguises`, and the real check looks at this machine.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.checks.software.check import Software
from agent.parsing.parsers import elf
from agent.system.content import ALL_CONTENT, Content
from agent.system.linux.content import ContentReader
from agent.system.linux.machine import LinuxSystem
from proto.events import ProgramFound, ProgramStarted
from rules.model import ProgramPattern
from tests import disguises
from tests.agent.checks.policies import make_rules
from tests.agent.parsing.direct import DirectParsing
from tests.disguises import OTHER_USER

ORIGINAL = Path("/usr/bin/grep")
NAME = "forbidden"
WAIT_S = 60.0
_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")


@dataclass(frozen=True, slots=True)
class Disguise:
    """One way to hide, and the places where the program is hidden that way; each is a folder that nothing else uses."""

    title: str
    folders: tuple[Path, ...]


class Hideout:
    """Disguised programs that run or lie about, for as long as the block lasts."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.chmod(0o755)
        self.folder = folder
        self.root = folder / "root"
        self.disguises: list[Disguise] = []
        self._stack = stack
        self._made = 0

    def hide(self, title: str, content: bytes, *names: str) -> None:
        """Start a program with this content under each of these names, each in a folder of its own."""
        folders = []
        for name in names:
            folders.append(self._make_folder())
            self._start(self._write(folders[-1] / name, content))
        self.disguises.append(Disguise(title, tuple(folders)))

    def hide_in(self, title: str, mount: Path, program: str = "homework", *, user: int | None = None) -> None:
        """Start a program that is in a mount already."""
        self._start(mount / program, user=user)
        self.disguises.append(Disguise(title, (mount,)))

    def hide_behind_loader(self, title: str, content: bytes) -> None:
        """Let the loader of the system start a program, so that the kernel knows of the loader only."""
        folder = self._make_folder()
        loader = next(each for each in _LOADERS if os.path.exists(each))
        self._start(Path(loader), self._write(folder / "homework", content))
        self.disguises.append(Disguise(title, (folder,)))

    def lay(self, title: str, content: bytes, name: str) -> None:
        """Lay a file in the folder for programs in a home, and start nothing."""
        home = self.root / f"home/pupil{self._made}"
        self._made += 1
        self._write(home / ".local/bin" / name, content)
        self.disguises.append(Disguise(title, (home,)))

    def make_stick(self, content: bytes) -> Path:
        """Return another mounted file system with the program on it."""
        stick = self._stack.enter_context(disguises.mount_memory(self._make_folder() / "stick"))
        self._write(stick / "homework", content)
        return stick

    def make_appimage(self, content: bytes) -> Path:
        """Return the mount of an AppImage with the program in it."""
        folder = self._make_folder()
        self._write(folder / "content/homework", content)
        return self._stack.enter_context(disguises.mount_appimage(folder / "content", folder))

    def _make_folder(self) -> Path:
        self._made += 1
        folder = self.folder / f"hidden-{self._made}"
        folder.mkdir()
        return folder

    def _write(self, path: Path, content: bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755)
        return path

    def _start(self, program: Path, *arguments: str | Path, user: int | None = None) -> None:
        # It waits for something to be written to it.
        account: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        process = subprocess.Popen(
            [program, *arguments, *([] if arguments else ["x"])],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **account,
        )
        self._stack.callback(process.communicate)
        self._stack.callback(process.kill)


@contextmanager
def open_hideout(names: Sequence[str]) -> Iterator[Hideout]:
    """Disguise the program in every way that this machine has room for."""
    original = ORIGINAL.read_bytes()
    content = identify(ORIGINAL)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        hideout = Hideout(Path(folder).resolve(), stack)
        hideout.hide("its own name, nothing changed", original, NAME)
        hideout.hide("other names, nothing changed", original, *names)
        hideout.hide("stripped", disguises.cut_symbols(original), "homework")
        hideout.hide("one byte changed in the code", disguises.change_code(original), "homework")
        hideout.hide("one byte changed in a text", disguises.change_text(original, b"binary file matches"), "homework")
        hideout.hide("one byte appended", original + b"\0", "homework")
        anonymous = disguises.remove_build_id(original, content.build_id)
        hideout.hide("build id removed", anonymous, "homework")
        hideout.hide("build id removed, stripped, renamed", disguises.cut_symbols(anonymous), "homework.pdf")
        rewritten = disguises.change_messages(anonymous)
        hideout.hide("build id removed, all messages rewritten", rewritten, "homework")
        hideout.hide_behind_loader("started through the system's loader", original)
        hideout.lay("never started, in a home", original, "homework")
        hideout.lay("never started, in a home, build id removed", anonymous, "homework")
        hideout.lay("never started, in a home, compressed", gzip.compress(original), "homework")
        if not disguises.find_missing_mount():
            hideout.hide_in("from a stick (another file system)", hideout.make_stick(original))
            mount = hideout.make_appimage(original)
            hideout.hide_in("from an AppImage's mount (FUSE of a user)", mount, user=OTHER_USER)
            mount = hideout.make_appimage(anonymous)
            hideout.hide_in("from an AppImage's mount, build id removed", mount, user=OTHER_USER)
        yield hideout


def identify(path: Path) -> Content:
    """Return all that is to be known of a program's content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return ContentReader(DirectParsing).read_open(descriptor, ALL_CONTENT)
    finally:
        os.close(descriptor)


def make_pattern() -> ProgramPattern:
    """Return the forbidden program as a rule knows it."""
    known = identify(ORIGINAL)
    return ProgramPattern(
        name="Forbidden",
        executables=(NAME,),
        sha256=(known.sha256,),
        build_ids=(known.build_id,),
        sketches=(known.sketch,),
    )


def look(hideout: Hideout) -> dict[str, Counter[str]]:
    """Let the check look until it has found all that it finds; return for each disguise how often by what."""
    rules = make_rules(make_pattern())
    check = Software(LinuxSystem(hideout.root), lambda: rules)
    seen: dict[Path, str] = {}
    places = {folder: disguise.title for disguise in hideout.disguises for folder in disguise.folders}
    until_s, quiet_looks = time.monotonic() + WAIT_S, 0
    try:
        while time.monotonic() < until_s and quiet_looks < 3:
            before = len(seen)
            for event in check.observe(time.time_ns()):
                if isinstance(event, ProgramStarted | ProgramFound):
                    folder = next((each for each in Path(event.program.path).parents if each in places), None)
                    (match,) = rules.evaluator.match(event.kind, event)
                    if folder is not None:
                        seen[folder] = match.matched_by
            quiet_looks = quiet_looks + 1 if len(seen) == before and not check.has_more else 0
    finally:
        check.close()
    found = {disguise.title: Counter[str]() for disguise in hideout.disguises}
    for folder, matched_by in seen.items():
        found[places[folder]][matched_by] += 1
    return found


def measure_cost_ms(programs: Sequence[Path]) -> dict[str, float]:
    """Return, by size, the processor time that it takes to look inside a program."""
    costs: dict[str, float] = {}
    for path in programs:
        with path.open("rb") as stream:
            started_s = time.process_time()
            elf.parse(stream)
            cost_ms = (time.process_time() - started_s) * 1000
        costs[f"{path.stat().st_size / 1e6:.1f} MB ({path.name})"] = round(cost_ms, 1)
    return costs


def find_programs(sizes_bytes: Sequence[int]) -> list[Path]:
    """Return the programs of this machine whose sizes are the nearest to these."""
    with os.scandir("/usr/bin") as entries:
        files = [Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False)]
    sized = {path: path.stat().st_size for path in files if path.open("rb").read(4) == b"\x7fELF"}
    return [min(sized, key=lambda path: abs(sized[path] - wanted)) for wanted in sizes_bytes]


def run() -> dict[str, Any]:
    """Return the table and the costs as JSON values."""
    with open_hideout(disguises.make_names()) as hideout:
        found = look(hideout)
        table = {
            each.title: {"found": found[each.title].total(), "of": len(each.folders), "by": dict(found[each.title])}
            for each in hideout.disguises
        }
    missing = disguises.find_missing_mount()
    return {
        "disguises": table,
        "not_tried": {"from a stick, from an AppImage's mount": f"needs {missing}"} if missing else {},
        "cost_ms": measure_cost_ms(find_programs([100_000, 1_000_000, 10_000_000, 100_000_000])),
    }


def main() -> int:
    """Print the table."""
    figures = run()
    if "--format=json" in sys.argv:
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
        return 0
    for title, row in figures["disguises"].items():
        by = ", ".join(f"{word} {count}" for word, count in sorted(row["by"].items())) or "nothing"
        sys.stdout.write(f"{title:<58} {row['found']:>3} of {row['of']:<3}  by {by}\n")
    for title, reason in figures["not_tried"].items():
        sys.stdout.write(f"{title}: not tried, {reason}\n")
    for size, cost_ms in figures["cost_ms"].items():
        sys.stdout.write(f"to look inside {size}: {cost_ms} ms of a processor\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
