# SPDX-License-Identifier: Apache-2.0
"""Makes this checkout's `.venv` from the hash-pinned files in `requirements/`: `python3 -m installers.environment run`.

Runs on a bare Python, before anything is installed, so it uses the standard library only. It does as little as it can:
`.venv/installed.json` says what is there. A set-up that was interrupted leaves `.build/installing` behind, and the next
one starts anew; two at once wait for each other. What pip is told by its environment and settings (a mirror, a proxy,
a certificate) is left as it is. The console's assets are built by `assets`.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from installers.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
SETS = ("run", "dev", "node")
"""A file in `requirements/` each. `dev` holds all that the other two hold."""
OLDEST_PYTHON = (3, 11)


class Environment:
    """The `.venv` of a checkout, and the folder beside it that says how far making it came."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self._requirements = root / "installers" / "requirements"
        self._record = self.folder / "installed.json"
        self._build = root / ".build"
        self._installing = self._build / "installing"
        self._turn = -1

    def prepare(self, wanted: str) -> None:
        """Install one set of requirements, and the checkout itself, unless they are there already.

        Raises:
            SetupError: Python, its venv module, the package index or the disk does not allow it.
        """
        _verify_python()
        with wait_for_turn(self._build / "setup.lock") as self._turn:
            installed = self._load_sound_record()
            if installed is None:
                self._make_venv()
                installed = {}
            digests = {name: _digest(self._requirements / f"{name}.txt") for name in SETS}
            project = _digest(self.root / "pyproject.toml")
            has_packages = installed.get(wanted) == digests[wanted] or installed.get("dev") == digests["dev"]
            has_project = installed.get("project") == project or wanted == "node"
            if has_packages and has_project:
                return
            self._installing.touch()
            if not has_packages:
                pinned = self._requirements / f"{wanted}.txt"
                self._pip(
                    f"installing what {wanted} needs ({_count(pinned)} pins)",
                    *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", str(pinned)),
                )
                installed[wanted] = digests[wanted]
            if not has_project:
                # The checkout itself is no download: no index, and its build tools are in the requirements.
                self._pip(
                    "installing this checkout, editable",
                    *("--no-deps", "--no-index", "--no-build-isolation", "--editable", str(self.root)),
                )
                installed["project"] = project
            self._write_record(installed)
            self._installing.unlink()

    def _load_sound_record(self) -> dict[str, str] | None:
        """What is installed; None when the venv is missing, half made, moved, or its Python is gone."""
        if self._installing.exists():
            _say("the last set-up was interrupted: making .venv anew")
            return None
        interpreter = self._find_interpreter()
        if interpreter is None:
            return None
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # A venv that somebody made by hand: what is missing is added to it.
            return {"interpreter": interpreter}
        if record.get("interpreter") != interpreter:
            _say("this folder was moved or its Python was replaced: making .venv anew")
            return None
        return {str(name): str(value) for name, value in record.items()}

    def _make_venv(self) -> None:
        self._installing.touch()
        self._step("making .venv", [sys.executable, "-m", "venv", "--clear", str(self.folder)])

    def _pip(self, what: str, *arguments: str) -> None:
        command = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *arguments]
        self._step(what, command)

    def _step(self, what: str, command: list[str]) -> None:
        started = time.monotonic()
        _say(what + " ...", end=" ")
        # Whoever kills us may leave the command running: it holds our turn until it ends too.
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, pass_fds=[self._turn]
        )
        _talk("failed\n" if done.returncode else f"{time.monotonic() - started:.0f} s\n")
        if done.returncode != 0:
            _talk("".join(f"    {line}\n" for line in done.stdout.strip().splitlines()[-12:]))
            raise SetupError(f"{what} failed, see above", hint=suggest(done.stdout))

    def _find_interpreter(self) -> str | None:
        """Which Python the venv has and where it thinks it is; None when it does not run or has no pip."""
        command = [str(self.python), "-c", "import pip, sys; print(*sys.version_info[:2], sys.prefix)"]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    def _write_record(self, installed: dict[str, str]) -> None:
        temporary = self._record.with_suffix(".new")
        content = {**installed, "interpreter": self._find_interpreter()}
        temporary.write_text(json.dumps(content, indent=2), encoding="utf-8")
        os.replace(temporary, self._record)


@contextmanager
def wait_for_turn(lock: Path) -> Iterator[int]:
    """Hold a lock file while the block runs, and yield its descriptor; the system frees it however we end."""
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"another run holds {lock.name}: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def interrupt_on_signals() -> None:
    """Make a request to end stop what we started too, as Ctrl-C in a terminal does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def _verify_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        found, needed = (".".join(map(str, version[:2])) for version in (sys.version_info, OLDEST_PYTHON))
        raise SetupError(
            "Python " + found + " is too old: " + needed + " is needed",
            hint="install a newer one and name it: make setup PYTHON=/usr/bin/python" + needed,
        )
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise SetupError(
            f"this Python ({sys.executable}) cannot make virtual environments: {', '.join(missing)} is missing",
            hint="on Debian and Ubuntu: sudo apt install python3-venv",
        )


def suggest(output: str) -> str:
    """Return what the operator can do about what a failed pip or venv said."""
    hints = (
        (("No space left",), "free some space and run it again; about 500 MB are needed"),
        (("DO NOT MATCH THE HASHES",), "a package is not the one that was pinned: ask whoever runs the package mirror"),
        (
            ("name resolution", "Connection", "ConnectTimeout", "NewConnectionError", "ReadTimeout", "ProxyError"),
            "no package index was reached: check the network, or name your mirror (PIP_INDEX_URL, HTTPS_PROXY)",
        ),
        (("SSLError", "CERTIFICATE_VERIFY"), "the connection is intercepted: name its certificate with PIP_CERT"),
        (
            ("No matching distribution",),
            "check the network or your mirror; ready-made packages exist for 64-bit Linux with glibc",
        ),
        (("Permission denied",), "this folder is not yours to write in: run it as its owner"),
    )
    for needles, hint in hints:
        if any(needle in output for needle in needles):
            return hint
    return "mend what pip says, then run it again: it starts anew"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _count(path: Path) -> int:
    return sum(1 for line in path.read_text(encoding="utf-8").splitlines() if line[:1].isalpha())


def _say(line: str, *, end: str = "\n") -> None:
    _talk(f"setup: {line}{end}")


def _talk(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """Prepare the set that is named."""
    if len(arguments) != 1 or arguments[0] not in SETS:
        _talk(f"usage: python3 -m installers.environment {'|'.join(SETS)}\n")
        return 2
    interrupt_on_signals()
    try:
        Environment(ROOT).prepare(arguments[0])
    except SetupError as error:
        _say(error.message)
        _say(f"what to do: {error.hint}")
        return error.exit_code
    except KeyboardInterrupt:
        _talk("\nsetup: interrupted; the next run makes it whole\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
