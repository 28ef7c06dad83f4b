# SPDX-License-Identifier: Apache-2.0
"""Tests of the verifier as somebody gets it who has nothing else of ours: one file, Python, and one package."""

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import cryptography
import pytest

from collector.verifier import schoolwarden_verify
from collector.verifier.schoolwarden_verify import main
from tests.collector.verifier.conftest import Exported

FILE = Path(schoolwarden_verify.__file__)
PACKAGES = Path(cryptography.__file__).parent.parent
WANTED = ("cryptography", "_cffi_backend", "cffi", "pycparser")
"""The package and what it is made of."""


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """An empty folder with the file, and beside it a folder with the one package."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / FILE.name).write_bytes(FILE.read_bytes())
    (tmp_path / "packages").mkdir()
    for each in PACKAGES.iterdir():
        if each.name.split(".")[0] in WANTED and not each.name.endswith(".dist-info"):
            (tmp_path / "packages" / each.name).symlink_to(each)
    return tmp_path / "empty"


def run(folder: Path, *arguments: str, packages: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run it there with an empty environment."""
    environment = {"PYTHONPATH": str(folder.parent / "packages")} if packages else {}
    # -S: without the packages of this installation; -s: nor the user's own.
    command = [sys.executable, "-S", "-s", FILE.name, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_it_runs_alone(alone: Path, exported: Exported) -> None:
    """0 and what there is to say, or 1: with nothing of ours on the path."""
    (alone / "evidence.zip").write_bytes(exported.data)
    done = run(alone, "evidence.zip", "--checkpoint", exported.printed.hash.hex())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("This verifies.\n")
    assert "never who typed" in done.stdout
    (alone / "evidence.zip").write_bytes(exported.data[:-1])
    done = run(alone, "evidence.zip", "--format", "json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["verdict"] == "This does not verify."


def test_verdict_is_no_better_than_what_it_rests_on(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one fingerprint of two it says which key was held against nothing."""
    file = tmp_path / "evidence.zip"
    file.write_bytes(exported.data)
    own = hashlib.sha256(exported.key.public_key).hexdigest()
    monkeypatch.setattr(sys, "argv", ["schoolwarden-verify", str(file), "--collector", own])
    assert main() == 0
    out = capsys.readouterr().out
    assert out.startswith("This is consistent in itself; not every key")
    assert f"Held against nothing\n  - the key of {exported.device.id}\n" in out


def test_without_its_package_it_gives_no_verdict(alone: Path) -> None:
    """3: what cannot be tried is neither good nor bad."""
    done = run(alone, "evidence.zip", packages=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "install the Python package cryptography" in done.stderr


def test_it_imports_the_standard_library_and_one_package() -> None:
    """Nothing of ours, nothing that speaks to a network."""
    found = set()
    for node in ast.walk(ast.parse(FILE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
    assert found - sys.stdlib_module_names == {"cryptography"}
    assert not found & {"socket", "ssl", "urllib", "http", "subprocess", "os", "zipfile"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["missing.zip"], 3),
        (["."], 3),
        (["missing.zip", "--format", "xml"], 2),
        (["missing.zip", "--device", "0123456789abcdef"], 2),
    ],
    ids=["no file", "a file that is not there", "a folder", "a format that it has not", "a device without a key"],
)
def test_wrong_calls_end_in_words(
    arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """2 for a wrong call, 3 for what cannot be read; never a traceback."""
    monkeypatch.setattr(sys, "argv", ["schoolwarden-verify", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert "Traceback" not in capsys.readouterr().err


def test_hostile_words_do_nothing_to_a_terminal(exported: Exported) -> None:
    """What a device calls itself moves no cursor."""
    told = schoolwarden_verify.quote("\x1b[2Jlibrary\u202e\n")
    assert told.isprintable()
    assert "library" in told
