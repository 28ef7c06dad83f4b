# SPDX-License-Identifier: Apache-2.0
"""Tests of finding Node packages."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from proto.events import Program
from tests.agent.system.linux.disk import Disk

BROKEN = "a file that is broken or too much to read"


def npm(name: str, version: str = "") -> Program:
    return Program(name, source="npm", version=version)


@pytest.mark.parametrize(
    "folder",
    [
        "usr/local/lib/node_modules",
        "usr/lib/node_modules",
        "home/alice/.npm-global/lib/node_modules",
        "home/alice/.local/lib/node_modules",
        "home/alice/.nvm/versions/node/v22.1.0/lib/node_modules",
    ],
)
def test_packages_are_found_in_each_folder(disk: Disk, folder: str):
    """Also those of a scope; a link is a package under development."""
    disk.write_json(f"{folder}/typescript/package.json", {"name": "x", "version": "5.4.2"})
    disk.write_json(f"{folder}/@angular/cli/package.json", {"version": "17.0.0"})
    disk.write(f"{folder}/.package-lock.json", b"{}")
    disk.link(f"{folder}/mine", "/somewhere")

    assert disk.read() == ({npm("typescript", "5.4.2"), npm("@angular/cli", "17.0.0"), npm("mine")}, ())


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b"[" * 200_000, b'{"version": "' + b"9" * 2_000_000 + b'"}'],
    ids=["empty", "cut", "list", "no text", "nested", "huge"],
)
def test_a_package_with_a_broken_description_is_found_by_its_folder(disk: Disk, content: bytes):
    """And that its description made no sense is said."""
    disk.write("home/alice/.npm-global/lib/node_modules/tool/package.json", content)

    assert disk.read() == ({npm("tool")}, (f"Node packages in home folders: {BROKEN}",))


@pytest.mark.parametrize("version", [7, None, ["1"], {"a": 1}])
def test_a_version_that_is_no_text_is_none(disk: Disk, version: object):
    """The package is there all the same."""
    disk.write_json("usr/local/lib/node_modules/tool/package.json", {"version": version})

    assert disk.read() == ({npm("tool")}, ())


def test_a_description_that_is_a_link_is_not_read(disk: Disk):
    """It may lead to what only the agent may read."""
    secret = disk.write_json("secret.json", {"version": "secret"})
    package = "home/alice/.npm-global/lib/node_modules/tool"
    disk.link(f"{package}/package.json", secret)

    programs, unread = disk.read()
    assert programs == {npm("tool")}
    assert len(unread) == 1


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm here")
def test_what_npm_itself_installed_is_found(disk: Disk):
    """The package is made here, so that no network is needed."""
    program = shutil.which("npm") or ""
    made = disk.write_json("made/package.json", {"name": "@school/made-here", "version": "1.2.3"}).parent
    packed = subprocess.run([program, "pack", "--silent"], cwd=made, check=True, capture_output=True, text=True)
    prefix = disk.root / "home/alice/.npm-global"
    command = [program, "install", "--global", "--offline", "--no-audit", "--no-fund", "--prefix", str(prefix)]
    subprocess.run([*command, str(made / packed.stdout.strip())], check=True, capture_output=True)

    assert disk.read() == ({npm("@school/made-here", "1.2.3")}, ())
    assert json.loads(Path(prefix, "lib/node_modules/@school/made-here/package.json").read_text())["version"] == "1.2.3"
