# SPDX-License-Identifier: Apache-2.0
"""Runs the tests group by group and says of each: passed, failed, or not run and what it needs: `python -m tests.run`.

A group or a test that cannot run on this machine is no failure here, but it is in CI (`CI=true`), where everything
must be there. A group that takes longer than its time box failed. The tests themselves are plain pytest.
"""

import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent


def find_missing_chromium() -> str:
    """Say what is missing to drive a browser; empty when nothing is."""
    return "" if shutil.which("chromium") else "chromium (apt install chromium)"


def find_missing_atheris() -> str:
    """Say what is missing to fuzz; empty when nothing is."""
    return "" if find_spec("atheris") else "atheris, which has packages for Linux on x86-64 only"


def find_missing_tpm() -> str:
    """Say what is missing to keep keys in a TPM in software; empty when nothing is."""
    missing = [] if shutil.which("swtpm") else ["swtpm (apt install swtpm)"]
    missing += [] if find_spec("tpm2_pytss") else ["its Python package (make setup-tpm)"]
    return " and ".join(missing)


def find_missing_postgres() -> str:
    """Say what is missing to run a PostgreSQL cluster; empty when nothing is."""
    return "" if glob.glob("/usr/lib/postgresql/*/bin/initdb") else "PostgreSQL (apt install postgresql)"


DESKTOP_PROGRAMS = {
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "openbox": "openbox",
    "setxkbmap": "x11-xkb-utils",
    "xprop": "x11-utils",
    "xset": "x11-xserver-utils",
    "xss-lock": "xss-lock",
    "i3lock": "i3lock",
    "chromium": "chromium",
    "setpriv": "util-linux",
    "dbus-run-session": "dbus-daemon",
}
DESKTOP_FILES = {
    "/usr/lib/python3*/tkinter/__init__.py": "python3-tk",
    "/usr/libexec/at-spi-bus-launcher": "at-spi2-core",
    "/usr/lib/python3/dist-packages/gi/__init__.py": "python3-gi",
    "/usr/lib/*/girepository-1.0/Gtk-3.0.typelib": "gir1.2-gtk-3.0",
    "/usr/lib/*/libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}


def find_missing_desktop() -> str:
    """Say what is missing to type into real windows on a display of our own; empty when nothing is."""
    missing = [package for program, package in DESKTOP_PROGRAMS.items() if not shutil.which(program)]
    missing += [package for place, package in DESKTOP_FILES.items() if not glob.glob(place)]
    return f"a desktop (apt install {' '.join(missing)})" if missing else ""


RIG_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "depmod": "kmod",
    "setpriv": "util-linux",
    "cryptsetup": "cryptsetup-bin",
    "sfdisk": "fdisk",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mkfs.exfat": "exfatprogs",
    "mkfs.ntfs": "ntfs-3g",
}


def find_missing_rig() -> str:
    """Say what is missing to build a guest and to make sticks for it; empty when nothing is."""
    missing = [package for program, package in RIG_PROGRAMS.items() if not shutil.which(program)]
    if missing:
        return f"a rig (apt install {' '.join(missing)})"
    return "" if os.geteuid() == 0 else "root, who alone can build a guest"


@dataclass(frozen=True, slots=True)
class Group:
    """Tests that need the same things."""

    name: str
    paths: tuple[str, ...]
    """Below `tests`; wildcards allowed."""
    marks: str
    time_box_s: int
    find_missing: Callable[[], str] = str
    """Says what this machine lacks for the group."""
    is_parallel: bool = False
    """Two files of it may run at once: each test has folders and ports of its own."""
    beside: str = ""
    """Another group that runs at the same time: neither uses more than one core, nor sees what the other does."""


HERE = "not postgres and not soak and not desktop and not rig and not tpm"
"""The tests that any machine can run in a short time."""

UNIT = ("proto", "rules", "agent", "collector", "hostile", "installers", "soak", "test_*.py")

GROUPS = (
    Group("unit", UNIT, HERE, 960, is_parallel=True),
    Group("fuzz", ("fuzz",), "not soak", 120, find_missing_atheris),
    # One after the other: their agents look at the processes of this machine, and another story's are among them.
    Group("scenarios", ("scenarios",), HERE, 420),
    Group("browser", ("browser",), "not soak", 260, find_missing_chromium, is_parallel=True),
    Group("desktop", ("agent", "scenarios", "rigs/idle"), "desktop and not soak", 500, find_missing_desktop),
    Group("tpm", ("agent", "scenarios"), "tpm and not soak", 90, find_missing_tpm),
    Group("clauses", ("clauses",), HERE, 480),
    Group("rigs", ("rigs",), "rig and not soak", 480, find_missing_rig, beside="clauses"),
    Group("postgres", (".",), "postgres and not soak", 120, find_missing_postgres, is_parallel=True),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a group."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    """Why it did not run, or was stopped."""
    seconds: float = 0.0

    def describe(self) -> str:
        """Return this outcome for one line of the summary."""
        if self.note and not self.passed:
            return self.note
        counts = ", ".join(
            f"{number} {word}"
            for number, word in ((self.passed, "passed"), (self.failed, "failed"), (self.skipped, "skipped"))
            if number or word == "passed"
        )
        return f"{counts} in {self.seconds:.0f} s" + (f"; {self.note}" if self.note else "")


def run_group(group: Group, *, in_ci: bool, output: IO[str] | None = None) -> Outcome:
    """Run one group in a pytest of its own; what it prints passes through, or into a file."""
    missing = group.find_missing()
    if missing:
        return Outcome(failed=1 if in_ci else 0, note=f"not run: needs {missing}")
    paths = [path for name in group.paths for path in sorted(glob.glob(str(ROOT / "tests" / name)))]
    if not paths:
        return Outcome(failed=1, note="failed: there are no tests")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        parallel = ["-n", "2", "--dist", "loadfile"] if group.is_parallel else []
        command = [sys.executable, "-m", "pytest", "-q", "-rs", "-m", group.marks, *parallel]
        command += [f"--junit-xml={report}", *paths]
        code, note = _run_boxed(command, group.time_box_s, output)
        passed, failed, skipped = _load_counts(report)
    if code != 0 and failed == 0:
        failed, note = 1, note or f"pytest ended with {code}"
    if in_ci and skipped:
        # A skip says what this machine lacks, and CI's lacks nothing.
        failed, skipped, note = failed + skipped, 0, note or f"{skipped} were skipped, which CI may not"
    return Outcome(passed, failed, skipped, note, time.monotonic() - started)


_running: set[int] = set()
"""Process ids of the groups that run."""


def _run_boxed(command: list[str], time_box_s: int, output: IO[str] | None) -> tuple[int, str]:
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=output, stderr=output) as process:
        _running.add(process.pid)
        try:
            return process.wait(timeout=time_box_s), ""
        except subprocess.TimeoutExpired:
            return 1, f"stopped: not done in {time_box_s} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            _running.discard(process.pid)


def _end(number: int, _: object) -> None:
    """End what was started, and then ourselves."""
    for pid in list(_running):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    sys.exit(128 + number)


def run_together(first: Group, others: Sequence[Group], *, in_ci: bool) -> list[Outcome]:
    """Run a group and those that run beside it; what the others print follows what the first printed."""
    with ThreadPoolExecutor() as pool, ExitStack() as files:
        printed = [files.enter_context(tempfile.TemporaryFile("w+")) for _ in others]
        pairs = zip(others, printed, strict=True)
        waiting = [pool.submit(run_group, each, in_ci=in_ci, output=file) for each, file in pairs]
        outcomes = [run_group(first, in_ci=in_ci), *(each.result() for each in waiting)]
        for group, file in zip(others, printed, strict=True):
            file.seek(0)
            sys.stdout.write(f"\n== {group.name}\n{file.read()}")
    return outcomes


def _load_counts(report: Path) -> tuple[int, int, int]:
    """Return passed, failed, skipped; zeros when pytest was stopped before it wrote its report."""
    if not report.exists():
        return 0, 0, 0
    suites = list(ET.parse(report).getroot().iter("testsuite"))
    total, failures, errors, skipped = (
        sum(int(suite.get(name, "0")) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors, skipped


def main(arguments: list[str]) -> int:
    """Run the groups that are named, or all."""
    names = [group.name for group in GROUPS]
    if unknown := [name for name in arguments if name not in names]:
        sys.stderr.write(f"no such group: {', '.join(unknown)}; there are {', '.join(names)}\n")
        return 2
    # Ended from outside, it ends what it started.
    signal.signal(signal.SIGTERM, _end)
    in_ci = os.environ.get("CI", "").lower() in ("1", "true")
    outcomes: list[Outcome] = []
    lines: list[str] = []
    chosen = [group for group in GROUPS if not arguments or group.name in arguments]
    firsts = [group for group in chosen if group.beside not in {other.name for other in chosen}]
    for first in firsts:
        sys.stdout.write(f"\n== {first.name}\n")
        sys.stdout.flush()
        others = [group for group in chosen if group.beside == first.name]
        found = run_together(first, others, in_ci=in_ci)
        outcomes += found
        lines += (f"{group.name:<10} {one.describe()}" for group, one in zip([first, *others], found, strict=True))
    passed, failed, skipped = (sum(getattr(one, name) for one in outcomes) for name in ("passed", "failed", "skipped"))
    sys.stdout.write("\n" + "\n".join(lines) + "\n\n")
    sys.stdout.write(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "") + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
