# SPDX-License-Identifier: Apache-2.0
"""The documents say what the code does: privacy rows, commands, dependencies, versions."""

import argparse
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import agent.cli
import collector.cli
from agent.config import AGENT_VERSION
from agent.explain import NEVER
from proto.events import KINDS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _privacy_rows() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| ([^|]+) \| ([^|]+) \|", _read("PRIVACY.md"), re.MULTILINE)
    return {kind: (holds.strip(), leaves.strip()) for kind, holds, leaves in rows}


def test_privacy_has_a_row_for_every_kind_and_no_other() -> None:
    """A new kind of event needs a row before it can be merged."""
    assert set(_privacy_rows()) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_privacy_names_the_fields_and_when_they_leave(kind: str) -> None:
    """The row holds exactly the fields of the event, in order, and the gate's own words."""
    cls = KINDS[kind]
    holds, leaves = _privacy_rows()[kind]
    assert holds == ", ".join(field.name for field in fields(cls))  # type: ignore[arg-type]
    assert leaves == cls.leaves.value


def test_every_command_is_in_the_readme() -> None:
    """Whoever adds a command tells the newcomer."""
    readme = _read("README.md")
    for parser in (agent.cli._parser(), collector.cli._parser()):
        (commands,) = (action for action in parser._actions if action.dest == "==SUPPRESS==" or action.choices)
        for command in commands.choices or ():
            assert re.search(rf"\b{command}\b", readme), command


def test_every_command_and_option_has_help() -> None:
    """No command, and no option of one, is without a sentence."""
    for parser in (agent.cli._parser(), collector.cli._parser()):
        waiting = [parser]
        while waiting:
            for action in waiting.pop()._actions:
                assert action.help or action.choices, action
                # Verbs; the choices of an option may be a table too.
                if isinstance(action, argparse._SubParsersAction):
                    waiting += action.choices.values()


def test_every_dependency_has_a_reason() -> None:
    """ARCHITECTURE has a row for each package that is installed with the product."""
    architecture = _read("ARCHITECTURE.md")
    extras = PROJECT["optional-dependencies"]
    for requirement in [*PROJECT["dependencies"], *extras["agent"], *extras["collector"], *extras["postgres"]]:
        name = re.split(r"[\[<>=; ]", requirement)[0]
        assert re.search(rf"^\|[^|]*\b{re.escape(name)}\b", architecture, re.MULTILINE), name


def test_versions_agree() -> None:
    """The version is written down where reading package metadata would cost too much."""
    assert PROJECT["version"] == AGENT_VERSION == collector.cli.VERSION


def test_what_is_never_collected_is_said() -> None:
    """`explain` ends with what is never collected."""
    assert any("typed" in each for each in NEVER)


def test_every_file_that_the_documents_name_exists() -> None:
    """A map with a missing room misleads."""
    for name in ("README.md", "ARCHITECTURE.md", "SECURITY.md", "PRIVACY.md", "CONTRIBUTING.md"):
        text = _read(name)
        for path in re.findall(r"`((?:agent|collector|proto|rules|installers|tests)/[\w./-]+)`", text):
            found = ROOT / path.rstrip("/")
            assert found.exists() or found.with_suffix(".py").exists(), f"{name} names {path}"
