# SPDX-License-Identifier: Apache-2.0
"""Tests of the command that tries a draft of rules."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from collector.authority import load_authority
from collector.commands import rule_trial
from collector.ingest import Ingest
from collector.policies import load_policy
from collector.store.schema import bundles, held_sightings, incidents
from proto.events import Program, ProgramStarted
from rules.evaluate import Evaluator
from rules.load import parse_files
from rules.model import Rule
from tests.collector.command import Run
from tests.collector.evidence import Device, enrol_device, numbers_of, send
from tests.collector.school import OWN_RULE, School

TOR_STARTED = ProgramStarted(Program("tor", path="/usr/bin/tor", source="process"))
DRAFT = OWN_RULE.replace("own-zork", "own-tor").replace("Zork", "Tor").replace("zork", "tor")


@pytest.fixture
def told(school_at: School, folder: Path) -> Device:
    """A device that told of Tor three times, just now."""
    device = enrol_device(school_at, load_authority(school_at.config.authority_folder))
    policy = load_policy(school_at.engine, school_at.config)
    ingest = Ingest(school_at.engine, school_at.id, Evaluator(policy))
    device.wall_clock_ns = time.time_ns()
    numbers_of(send(ingest, *[device.say(TOR_STARTED) for _ in range(3)]))
    ingest.close()
    return device


@pytest.fixture
def now() -> Rule:
    """A rule."""
    (rule,) = parse_files({"pack.toml": '[pack]\nid = "tiny"\ntitle = "Tiny"\n', "own.toml": OWN_RULE}).rules
    return rule


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """A rule file that is not in force."""
    path = tmp_path / "draft.toml"
    path.write_text(DRAFT, encoding="utf-8")
    return path


def test_draft_is_held_beside_what_is_in_force(
    run: Run, folder: Path, school_at: School, told: Device, draft: Path
) -> None:
    """What each rule raises a week, now and with the draft, with an example; nothing is published or written."""
    before = [school_at.count(table) for table in (bundles, incidents, held_sightings)]
    assert run("rules", "try", draft, "--dir", folder, "--format", "json") == 0
    by_rule = {row["rule"]: row for row in run.json["rules"]}
    assert (run.json["problems"], run.json["events"], run.json["weeks"]) == ([], 3, 1.0)
    assert (by_rule["bypass-tor"]["change"], by_rule["bypass-tor"]["a_week_now"]) == ("same", 1.0)
    own = by_rule["own-tor"]
    assert (own["change"], own["a_week_now"], own["a_week_draft"], own["incidents_draft"]) == ("new", 0.0, 1.0, 1)
    assert own["examples"][0]["device"] == told.id
    assert run.json["looks_for_something_new"] == ["own-tor"]
    assert [school_at.count(table) for table in (bundles, incidents, held_sightings)] == before
    assert run("rules", "try", draft, "--dir", folder) == 0
    assert "own-tor" in run.out
    assert "1.0 incidents a week now, 2.0 with the draft" in run.err
    assert "new: own-tor" in run.err


def test_draft_that_is_not_right_is_not_tried(run: Run, folder: Path, draft: Path) -> None:
    """A test inside it that fails, or a clash with a rule in force: the exit code is 1, with place and hint."""
    draft.write_text(DRAFT.replace('expect = "silent"', 'expect = "match"'), encoding="utf-8")
    assert run("rules", "try", draft, "--dir", folder) == 1
    assert "school/draft.toml, rule own-tor" in run.out
    draft.write_text(DRAFT.replace("own-tor", "bypass-tor"), encoding="utf-8")
    assert run("rules", "try", draft, "--dir", folder, "--format", "json") == 1
    assert run.json["problems"][0]["rule"] == "bypass-tor"


def test_folder_with_a_pack_takes_the_place_of_the_pack(
    run: Run, folder: Path, told: Device, tmp_path: Path, draft: Path
) -> None:
    """Its rules are instead of those in force, which are gone with it."""
    pack = tmp_path / "pack"
    pack.mkdir()
    shutil.move(draft, pack / "rules.toml")
    (pack / "pack.toml").write_text('[pack]\nid = "tiny"\ntitle = "Tiny"\n', encoding="utf-8")
    assert run("rules", "try", pack, "--dir", folder, "--format", "json") == 0
    by_rule = {row["rule"]: row for row in run.json["rules"]}
    assert (by_rule["bypass-tor"]["change"], by_rule["bypass-tor"]["a_week_draft"]) == ("gone", 0.0)
    assert by_rule["own-tor"]["a_week_draft"] == 1.0


def test_other_words_are_no_change(now: Rule) -> None:
    """A draft that says the same rule in other words, or cites other clauses, raises nothing else."""
    worded = replace(now, title="x", why="x", advice="x", clauses=("WE-01",), file="x", changed_in=("x",), tests=())
    assert rule_trial._is_same(now, worded)
    for other in (replace(now, severity=5), replace(now, response="x"), replace(now, threshold=2)):
        assert not rule_trial._is_same(now, other)


def test_wrong_call_is_told(run: Run, folder: Path, draft: Path, tmp_path: Path) -> None:
    """A file that is not there or is named twice, and a number of weeks that is none or more than a year."""
    assert run("rules", "try", tmp_path / "nothing.toml", "--dir", folder) == 2
    assert run("rules", "try", draft, draft, "--dir", folder) == 2
    assert "draft.toml is there twice" in run.err
    for weeks in ("0", "53", "-1", "many", "²"):
        assert run("rules", "try", draft, "--dir", folder, "--weeks", weeks) == 2
        assert "--weeks" in run.err


def test_bar_goes_from_empty_to_full(capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal somebody who waits sees how far it is."""
    for done in (0, 5, 10):
        rule_trial._show_progress(done, 10)
    rule_trial._show_progress(0, 0)
    first, half, full, nothing = capsys.readouterr().err.split("\r")[1:]
    assert (first, full) == (f"[{'.' * 30}] 0 of 10 events", f"[{'#' * 30}] 10 of 10 events\n")
    assert half.startswith(f"[{'#' * 15}{'.' * 15}]")
    assert nothing.startswith(f"[{'#' * 30}]")
