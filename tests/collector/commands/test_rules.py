# SPDX-License-Identifier: Apache-2.0
"""Tests of rules: check, add and remove."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.collector.command import Run
from tests.collector.school import OWN_RULE


def test_good_rule_file_is_told(run: Run, tmp_path: Path) -> None:
    """0, and an empty array for programs."""
    (tmp_path / "own.toml").write_text(OWN_RULE)
    assert run("rules", "check", tmp_path / "own.toml") == 0
    assert "0 problems" in run.out
    assert run("rules", "check", tmp_path / "own.toml", "--format", "json") == 0
    assert run.json == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rule: rule.replace("severity = 2", "severity = 2\ncolour = 'red'"), "colour"),
        (lambda rule: rule.replace('["zork"]', '["rogue"]'), "should match and is silent"),
        (lambda rule: rule[:100], "own.toml"),
        (lambda rule: "", "own.toml"),
    ],
)
def test_bad_rule_file_is_told(run: Run, tmp_path: Path, change: Callable[[str], str], words: str) -> None:
    """1, with file, rule and what is wrong."""
    (tmp_path / "own.toml").write_text(change(OWN_RULE))
    assert run("rules", "check", tmp_path / "own.toml") == 1
    assert words in run.out
    assert "own.toml" in run.out
    assert run("rules", "check", tmp_path / "own.toml", "--format", "json") == 1
    assert {"file", "rule", "what", "hint"} <= run.json[0].keys()


@pytest.mark.parametrize("name", ["nowhere", "empty", "binary.toml"])
def test_path_without_rules_is_a_wrong_call(run: Run, tmp_path: Path, name: str) -> None:
    """Not there, nothing in it, or no text."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    assert run("rules", "check", tmp_path / name) == 2
    assert name in run.err
    assert run.out == ""


def test_shipped_rules_are_sound(run: Run) -> None:
    """As the check says that is run before every landing."""
    from rules import load

    assert run("rules", "check", Path(load.__file__).parent / "packs" / "uk-baseline") == 0


def test_file_that_changes_a_rule_is_held_beside_its_pack(run: Run, tmp_path: Path) -> None:
    """Alone it speaks of a rule that is not there."""
    (tmp_path / "own.toml").write_text('[[change]]\nrule = "bypass-tor"\nwhy = "It is here."\nseverity = 5\n')
    assert run("rules", "check", tmp_path / "own.toml") == 1
    assert run("rules", "check", tmp_path / "own.toml", "--pack", "uk-baseline") == 0
    assert "1 files, 0 problems" in run.out
    assert run("rules", "check", tmp_path / "own.toml", "--pack", "uk-basline") != 0
    assert "uk-baseline" in run.err


def test_rule_file_is_added(run: Run, folder: Path, tmp_path: Path) -> None:
    """And the new version named, on stderr."""
    (tmp_path / "own.toml").write_text(OWN_RULE)
    assert run("rules", "add", tmp_path / "own.toml", "--reason", "zork", "--dir", folder) == 0
    assert (run.out, "Policy version 2 is published" in run.err) == ("", True)


def test_rule_file_is_removed(run: Run, folder: Path, tmp_path: Path) -> None:
    """By its name; another one is a wrong call that says which there are."""
    (tmp_path / "own.toml").write_text(OWN_RULE)
    assert run("rules", "add", tmp_path / "own.toml", "--reason", "zork", "--dir", folder) == 0
    assert run("rules", "remove", "own", "--reason", "no more", "--dir", folder) == 2
    assert "own.toml" in run.err
    assert run("rules", "remove", "own.toml", "--reason", "no more", "--dir", folder) == 0
    assert "Policy version 3 is published" in run.err


def test_bad_rule_file_is_not_added(run: Run, folder: Path, tmp_path: Path) -> None:
    """A wrong call, and the policy stays."""
    (tmp_path / "own.toml").write_text(OWN_RULE.replace("severity = 2", "severity = 9"))
    assert run("rules", "add", tmp_path / "own.toml", "--reason", "zork", "--dir", folder) == 2
    assert "severity" in run.err
    assert run("rules", "add", tmp_path, "--reason", "zork", "--dir", folder) == 2
    assert run("verify", "--dir", folder, "--format", "json") == 0
    assert run.json["bundles"] == 1


def test_rule_file_without_a_reason_is_a_wrong_call(run: Run, folder: Path, tmp_path: Path) -> None:
    """Whoever looks back wants to know why; a blank is none."""
    (tmp_path / "own.toml").write_text(OWN_RULE)
    assert run("rules", "add", tmp_path / "own.toml", "--dir", folder) == 2
    assert run("rules", "add", tmp_path / "own.toml", "--reason", " ", "--dir", folder) == 2
    assert "no reason is given" in run.err
