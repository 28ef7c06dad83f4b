# SPDX-License-Identifier: Apache-2.0
"""Tests of policy: what is in force, changes that wait, pauses, and the way back."""

from pathlib import Path

import pytest

from collector import changes
from collector.config import write_config
from tests.collector.command import Run
from tests.collector.school import OWN_RULE, School
from tests.collector.small_policy import SILENT, TERM, school_of, switch_off, use_small_packs


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command."""
    return Run(capsys)


@pytest.fixture
def folder(school: School, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a collector with small packs."""
    use_small_packs(school, monkeypatch)
    write_config(school.config)
    return school.config.folder


def shown(run: Run, folder: Path) -> dict[str, str]:
    """Return what `policy show` says."""
    assert run("policy", "show", "--dir", folder, "--format", "json") == 0
    return {row["what"]: row["is"] for row in run.json}


def add(run: Run, folder: Path, text: str, name: str = "own.toml") -> int:
    """Add a rule file."""
    (folder / name).write_text(text)
    return run("rules", "add", folder / name, "--reason", "as agreed", "--dir", folder)


def test_policy_in_force_is_shown(run: Run, folder: Path) -> None:
    """Version, pack, own files and whether anybody is watched."""
    assert add(run, folder, OWN_RULE) == 0
    assert shown(run, folder) == {
        "version": "2",
        "pack": "small (Small)",
        "extends": "nothing",
        "rules": "2",
        "own rule files": "own.toml",
        "keywords": "watched for",
    }


def test_own_rule_files_are_all_listed(run: Run, folder: Path, school: School) -> None:
    """Also one of which no rule is in force, since all that it does is to switch one off."""
    assert add(run, folder, OWN_RULE) == 0
    switch_off(school, SILENT)
    assert shown(run, folder)["own rule files"] == "off.toml, own.toml"


def test_terms_that_ran_out_are_told(run: Run, folder: Path) -> None:
    """In one line, since rules count at any time then; a term that ends in many years is not worth one."""
    assert add(run, folder, TERM.format(last="2020-12-18")) == 0
    assert shown(run, folder)["terms"].startswith("the last named term ended on 18 December 2020")
    assert add(run, folder, TERM.format(last="2199-12-18")) == 0
    assert "terms" not in shown(run, folder)


def test_rules_in_force_are_listed_by_id(run: Run, folder: Path) -> None:
    """With what a person needs to choose one, and the layer that each comes from."""
    assert add(run, folder, OWN_RULE) == 0
    assert run("policy", "rules", "--dir", folder, "--format", "json") == 0
    paused, zork = run.json
    assert paused == {
        "id": "agent-paused",
        "title": "The agent was stopped",
        "class": "unacceptable",
        "severity": 4,
        "audience": "security",
        "clauses": ["BX-07"],
        "layer": "small",
    }
    assert (zork["id"], zork["layer"]) == ("own-zork", "school")
    assert run("policy", "rules", "--dir", folder) == 0
    assert "agent-paused  The agent was stopped  unacceptable  4         security  BX-07    small" in run.out


def test_weakening_waits_and_says_for_whom(run: Run, folder: Path, school: School) -> None:
    """The id is data; nothing is published. It can be taken back, once."""
    assert add(run, folder, SILENT) == 0
    assert "rule agent-paused: it is not in force any more" in run.err
    assert "A second person has to agree" in run.err
    change_id = run.out.strip()
    assert run("policy", "changes", "--waiting", "--dir", folder, "--format", "json") == 0
    assert [(row["id"], row["author"], row["state"]) for row in run.json] == [(change_id, "command line", "proposed")]
    assert shown(run, folder)["waits"] == f"rule file own.toml ({change_id})"
    assert run("policy", "withdraw", change_id, "--dir", folder) == 0
    assert run("policy", "withdraw", change_id, "--dir", folder) == 2
    assert run("policy", "changes", "--waiting", "--dir", folder) == 0
    assert (run.out, run.err) == ("", "no change waits\n")
    assert run("policy", "history", "--dir", folder, "--format", "json") == 0
    assert len(run.json) == 1


def test_pause_is_asked_for_shown_and_ended(run: Run, folder: Path, school: School) -> None:
    """A second person agrees at the console; anybody ends it."""
    assert run("policy", "pause", "check:software", "--for", "150m", "--reason", "a fair", "--dir", folder) == 0
    change = changes.agree(
        school_of(school),
        run.out.strip(),
        actor="harriet",
        now_ns=changes.list_waiting(school.engine, school.id)[0].made_at_ns,
    )
    assert change.subject == "pause of check:software for 2 hours 30 minutes"
    assert shown(run, folder)["paused"].startswith("check:software until")
    assert run("policy", "resume", "check:software", "--dir", folder) == 0
    assert "Policy version 3 is published" in run.err
    assert "paused" not in shown(run, folder)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pause", "keyboard", "--for", "2h", "--reason", "x"), "cannot be paused"),
        (("pause", "rule:agent-pausd", "--for", "2h", "--reason", "x"), "agent-paused"),
        (("pause", "keywords", "--for", "2", "--reason", "x"), "30m, 2h, 3d"),
        (("pause", "keywords", "--for", "8d", "--reason", "x"), "seven days"),
        (("pause", "keywords", "--for", "2h"), "--reason"),
        (("pause", "keywords", "--for", "2h", "--reason", ""), "no reason is given"),
        (("resume", "keywords"), "'keywords' is not paused"),
        (("withdraw", "nonsense"), "there is no change 'nonsense'"),
        (("pack", "smal", "--reason", "x"), "did you mean small"),
        (("difference", "9"), "there was no version 9"),
        (("difference", "x"), "not a number"),
        (("back", "--reason", "x"), "no version before this one"),
        (("back", "--to", "9", "--reason", "x"), "there was no version 9"),
    ],
)
def test_wrong_call_is_told_with_what_is_right(run: Run, folder: Path, arguments: tuple[str, ...], words: str) -> None:
    """2, nothing on stdout, and the policy stays."""
    assert run("policy", *arguments, "--dir", folder) == 2
    assert (run.out, words in run.err) == ("", True), run.err
    assert shown(run, folder)["version"] == "1"


def test_difference_of_a_version_is_printed(run: Run, folder: Path) -> None:
    """As programs and people read differences; of the first, everything."""
    assert add(run, folder, OWN_RULE) == 0
    assert run("policy", "difference", "2", "--dir", folder) == 0
    assert run.out.startswith("--- nothing\n+++ school/own.toml\n")
    assert run("policy", "difference", "1", "--dir", folder) == 0
    assert "+++ small/pack.toml" in run.out


def test_way_back_is_one_command(run: Run, folder: Path) -> None:
    """To the version before, or to one that is named."""
    assert add(run, folder, OWN_RULE) == 0
    assert run("policy", "back", "--reason", "too many", "--dir", folder) == 0
    assert shown(run, folder)["own rule files"] == "none"
    assert run("policy", "back", "--to", "2", "--reason", "after all", "--dir", folder) == 0
    assert shown(run, folder)["own rule files"] == "own.toml"


def test_other_pack_is_chosen(run: Run, folder: Path) -> None:
    """At once when it guards as well as the one before; otherwise it waits."""
    assert run("policy", "pack", "other", "--reason", "we joined a trust", "--dir", folder) == 0
    assert shown(run, folder)["pack"] == "other (Other)"
    assert run("policy", "pack", "blind", "--reason", "quieter", "--dir", folder) == 0
    assert "keywords: nobody is watched any more" in run.err
    assert shown(run, folder)["pack"] == "other (Other)"
