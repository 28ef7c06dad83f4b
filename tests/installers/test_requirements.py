# SPDX-License-Identifier: Apache-2.0
"""Tests of the pinned requirement files: complete, hashed, free of addresses, and in agreement with each other."""

import json
import re
import tomllib
from itertools import chain, pairwise

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from installers.environment import ROOT, SETS
from installers.lock import ASSETS, CONTENTS, REQUIREMENTS, TPM

PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; [^\\]+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def load_pins(name: str) -> dict[str, set[str]]:
    """Return the versions of each package in a requirement file; several where they differ by Python's version."""
    pins: dict[str, set[str]] = {}
    for line in (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if found := PIN.match(line):
            pins.setdefault(found["name"], set()).add(found["version"])
    return pins


def load_wanted(name: str) -> list[Requirement]:
    """Return what `pyproject.toml` asks for, of which a requirement file must pin all."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras, groups = project["project"]["optional-dependencies"], project["dependency-groups"]
    options = CONTENTS[name]
    chosen = [value for option, value in pairwise(options) if option in ("--extra", "--group")]
    texts = [entry for key in chosen for entry in (extras | groups)[key]]
    if "--all-extras" in options:
        # The TPM's package is built from source and has a file of its own.
        texts += chain.from_iterable(wanted for extra, wanted in extras.items() if extra != "tpm")
    if "pyproject.toml" in options:
        texts += project["project"]["dependencies"]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize("name", [*SETS, *TPM])
def test_every_pin_has_hashes_and_no_line_an_address(name: str) -> None:
    """A requirement file holds pins and hashes and nothing else, so no index is named in it."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not PIN.match(line) and not HASH.match(line)] == []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert not PIN.match(line) or HASH.match(following), line


@pytest.mark.parametrize("name", SETS)
def test_every_direct_dependency_is_pinned(name: str) -> None:
    """What pyproject.toml asks for is pinned at a version that it allows."""
    pins = load_pins(name)
    for wanted in load_wanted(name):
        versions = pins.get(canonicalize_name(wanted.name), set())
        assert versions, f"{wanted} is not in {name}.txt: make lock"
        assert all(wanted.specifier.contains(version) for version in versions), f"{wanted} is pinned at {versions}"


def test_what_the_tpm_needs_is_pinned() -> None:
    """Its package, and what builds it; what it needs to run is in the other files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (package,) = (Requirement(text) for text in project["project"]["optional-dependencies"]["tpm"])
    (pinned,) = load_pins("tpm")[package.name]
    assert package.specifier.contains(pinned)
    assert set(load_pins("tpm")) == {package.name}
    assert set(project["dependency-groups"]["tpm-build"]) <= set(load_pins("tpm-build"))


@pytest.mark.parametrize("name", ["run", "node"])
def test_what_runs_is_what_is_tested(name: str) -> None:
    """Every pin of a smaller set stands in the same version in the set that the tests run with."""
    tested = load_pins("dev")
    assert {package: tested.get(package) for package in load_pins(name)} == load_pins(name)


def test_nothing_needs_a_compiler() -> None:
    """evdev has no wheel, so it is left out although a dependency asks for it."""
    assert all("evdev" not in load_pins(name) for name in SETS)


def test_npm_packages_are_locked_without_an_address() -> None:
    """package-lock.json holds a hash for every package and says of none where it came from."""
    packages = json.loads((ASSETS / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    fetched = {name: entry for name, entry in packages.items() if name}
    assert fetched
    assert [name for name, entry in fetched.items() if "resolved" in entry or "integrity" not in entry] == []
