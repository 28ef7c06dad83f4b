# SPDX-License-Identifier: Apache-2.0
"""Pins the requirements anew: `python3 -m installers.lock`, after a change in `pyproject.toml` or `package.json`.

Every file holds exact versions with the hashes of all platforms' packages and no address of an index. `run` and `node`
take their versions from `dev`, so that what is tested is what runs. Versions stay as they are unless they no longer
fit, or `--upgrade` is given. Needs the network; nothing else in this checkout is touched.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from installers.environment import ROOT, SETS
from installers.errors import InstallersError, LockError

REQUIREMENTS = ROOT / "installers" / "requirements"
ASSETS = ROOT / "collector" / "console" / "assets"

CONTENTS = {
    "dev": ("pyproject.toml", "--all-extras", "--group", "build", "--group", "node"),
    "run": ("pyproject.toml", "--extra", "agent", "--extra", "collector", "--extra", "opener", "--group", "build"),
    "node": ("--group", "node"),
}
"""What of `pyproject.toml` each file holds; `dev` first, because the others follow it."""

HOW = (
    *("--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-header", "--no-annotate"),
    # pynput's way to the kernel's input devices: it has no wheel, needs a compiler, and we never use it.
    *("--no-emit-package", "evdev"),
    # Built from source against the system's TPM libraries, by `make setup-tpm` only.
    *("--no-emit-package", "tpm2-pytss"),
)
TPM = {"tpm-build": ("--group", "tpm-build"), "tpm": ("--no-deps", "-")}
"""What builds the TPM's package, and that package alone, which is read from standard input."""
TPM_PACKAGE = "tpm2-pytss>=3.0\n"


def lock(*, upgrade: bool) -> None:
    """Write `requirements/*.txt` and `package-lock.json`.

    Raises:
        LockError: a tool is missing, or no versions fit each other.
    """
    assert set(CONTENTS) == set(SETS)
    with tempfile.TemporaryDirectory() as folder:
        _run([sys.executable, "-m", "venv", folder])
        _run([f"{folder}/bin/pip", "install", "--quiet", "--disable-pip-version-check", "uv"])
        for name, contents in CONTENTS.items():
            target = REQUIREMENTS / f"{name}.txt"
            follow = () if name == "dev" else ("--constraints", str(REQUIREMENTS / "dev.txt"))
            newer = ("--upgrade",) if upgrade else ()
            command = [f"{folder}/bin/uv", "pip", "compile", "--quiet", *HOW, *contents, *follow, *newer]
            _run([*command, "--output-file", str(target)])
        for name, contents in TPM.items():
            how = (*HOW[:-2], *contents, "--output-file", str(REQUIREMENTS / f"{name}.txt"))
            _run([f"{folder}/bin/uv", "pip", "compile", "--quiet", *how], said=TPM_PACKAGE)
    npm = shutil.which("npm")
    if npm is None:
        raise LockError("npm is missing, so package-lock.json was not made anew", hint="install node and run it again")
    verb = "update" if upgrade else "install"
    _run([npm, verb, "--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts"], ASSETS)


def _run(command: list[str], folder: Path = ROOT, said: str = "") -> None:
    if subprocess.run(command, cwd=folder, check=False, input=said, text=True).returncode != 0:
        raise LockError(f"{Path(command[0]).name} failed, see above", hint="the old pins are still in place: git diff")


def main(arguments: list[str]) -> int:
    """Lock; `--upgrade` takes the newest versions that fit."""
    if arguments not in ([], ["--upgrade"]):
        sys.stderr.write("usage: python3 -m installers.lock [--upgrade]\n")
        return 2
    try:
        lock(upgrade=bool(arguments))
    except InstallersError as error:
        sys.stderr.write(f"lock: {error.message}\nlock: what to do: {error.hint}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
