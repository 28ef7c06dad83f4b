# SPDX-License-Identifier: Apache-2.0
"""Tests of making the environment: with a real venv and a real pip, and packages from a folder instead of an index."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from installers.environment import Environment, suggest
from installers.errors import SetupError
from tests.installers.checkout import make_checkout, require


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that needs the package `chalk` 1.0."""
    root = make_checkout(tmp_path / "checkout")
    require(root, "chalk", "1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(root / "packages"))
    return root


def ask(root: Path, code: str) -> str:
    """Run a line of Python in the checkout's environment, from somewhere else."""
    command = [str(root / ".venv" / "bin" / "python"), "-c", code]
    return subprocess.run(command, cwd=root.parent, capture_output=True, text=True, check=True).stdout.strip()


def test_sets_up_once_and_then_only_what_changed(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first run makes all, the second nothing, a changed pin is put in place, a wrong package is refused."""
    Environment(checkout).prepare("run")
    assert "making .venv" in capsys.readouterr().err
    assert ask(checkout, "import chalk, product; print(chalk.VERSION)") == "1.0"

    Environment(checkout).prepare("run")
    assert capsys.readouterr().err == ""

    require(checkout, "chalk", "2.0")
    Environment(checkout).prepare("run")
    said = capsys.readouterr().err
    assert "making .venv" not in said
    assert "installing what run needs (1 pins)" in said
    assert ask(checkout, "import chalk; print(chalk.VERSION)") == "2.0"

    require(checkout, "chalk", "3.0", digest="0" * 64)
    with pytest.raises(SetupError) as caught:
        Environment(checkout).prepare("run")
    assert "not the one that was pinned" in caught.value.hint
    assert (checkout / ".build" / "installing").exists()


def test_two_at_once_after_an_interruption(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What an interrupted set-up left is thrown away, and of two set-ups at the same time only one does the work."""
    (checkout / ".build").mkdir()
    (checkout / ".build" / "installing").touch()
    (checkout / ".venv" / "lib").mkdir(parents=True)
    (checkout / ".venv" / "lib" / "half-written").touch()
    threads = [threading.Thread(target=Environment(checkout).prepare, args=("run",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = capsys.readouterr().err
    assert said.count("interrupted") == said.count("making .venv ...") == 1
    assert not (checkout / ".venv" / "lib" / "half-written").exists()
    assert not (checkout / ".build" / "installing").exists()
    assert ask(checkout, "import chalk, product; print(chalk.VERSION)") == "1.0"


def test_names_the_missing_debian_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's Python without python3-venv gets the line that installs it, and nothing is made."""
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SetupError) as caught:
        Environment(make_checkout(tmp_path / "checkout")).prepare("run")
    assert "apt install python3-venv" in caught.value.hint
    assert not (tmp_path / "checkout" / ".venv").exists()


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("NewConnectionError: Failed to establish a new connection: [Errno 111] Connection refused", "mirror"),
        ("Temporary failure in name resolution", "mirror"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "free some space"),
        ("SSLError(SSLCertVerificationError('certificate verify failed: self-signed certificate'))", "PIP_CERT"),
        ("ERROR: No matching distribution found for grpcio==1.85.1", "ready-made packages exist"),
        ("[Errno 13] Permission denied: '.venv'", "not yours"),
        ("something else", "run it again"),
    ],
)
def test_suggests_what_to_do(said: str, hint: str) -> None:
    """What pip says becomes something that the operator can do."""
    assert hint in suggest(said)
