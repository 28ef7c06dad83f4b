# SPDX-License-Identifier: Apache-2.0
"""Tests of the packs that come with the product: their own tests, their form, and that they let a school work."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from proto.events import Program, ProgramFound, ProgramStarted
from rules.evaluate import Evaluator
from rules.fields import is_about_program
from rules.load import list_packs, load_pack, parse_files
from rules.names import to_name
from rules.rehearsal import find_fault

DATA = Path(__file__).parent / "data"
KEYS = ("executables", "packages", "flatpaks", "snaps", "paths", "sha256")
"""The lists of a `ProgramPattern`."""
POLICIES = {name: parse_files(load_pack(name)) for name in list_packs()}
BASELINE = POLICIES["uk-baseline"]
RULES = [pytest.param(rule, id=f"{pack}:{rule.id}") for pack, policy in POLICIES.items() for rule in policy.rules]
RULE_TESTS = [
    pytest.param(rule, test, policy.arrangements, id=f"{pack}:{rule.id}:{test.name}")
    for pack, policy in POLICIES.items()
    for rule in policy.rules
    # What a pack leaves as it is beneath is tested there; `check` runs the tests of all of it.
    if "/" not in rule.file or rule.changed_in
    for test in rule.tests
]


def load_names(file: str) -> list[str]:
    """Return the names in a list that make_stock_packages wrote."""
    lines = (DATA / file).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


STOCK_PACKAGES = load_names("stock-debian-12-desktop-packages.txt")
STOCK_EXECUTABLES = load_names("stock-debian-12-desktop-executables.txt")


@pytest.mark.parametrize(("rule", "test", "arrangements"), RULE_TESTS)
def test_a_test_inside_a_rule_file_holds(rule, test, arrangements):
    """Each rule matches what its own tests say, and nothing that they say it should not."""
    assert find_fault(rule, test, arrangements) is None


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_why_and_under_which_clause(rule):
    """Whoever asks gets an answer in plain words, with the clause that it comes from."""
    assert rule.clauses
    assert rule.why.endswith((".", "?"))
    assert rule.advice.endswith((".", "?"))
    assert not rule.title.endswith(".")


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_the_clauses_of_the_five_policies(rule):
    """Clause ids are of one form, each policy has its letters."""
    assert all(re.fullmatch(r"(BX|WE|WI|WH|HZ)-\d\d", clause) for clause in rule.clauses)


@pytest.mark.parametrize("rule", [rule for rule in BASELINE.rules if rule.programs], ids=lambda rule: rule.id)
def test_each_program_of_a_rule_has_something_to_be_found_by_when_it_runs(rule):
    """A program that is only known as a package would be missed by whoever brings it on a stick."""
    if "program.started" in rule.kinds:
        assert [pattern.name for pattern in rule.programs if not (pattern.executables or pattern.paths)] == []


def test_no_program_is_named_by_two_rules():
    """One program is one incident."""
    named = [
        (rule.id, {(key, to_name(name)) for pattern in rule.programs for key in KEYS for name in getattr(pattern, key)})
        for rule in BASELINE.rules
    ]
    twice = {
        (one, other): sorted(names & others)
        for (one, names), (other, others) in combinations(named, 2)
        if names & others
    }

    assert twice == {}


def test_the_lists_of_stock_software_are_whole():
    """A list that was cut would prove nothing."""
    assert len(STOCK_PACKAGES) > 3000
    assert len(STOCK_EXECUTABLES) > 3000
    assert {"libreoffice-core", "transmission-gtk", "remmina", "gnome-games", "gcompris-qt"} <= set(STOCK_PACKAGES)
    assert {"transmission-gtk", "krdc", "sol", "ssh"} <= set(STOCK_EXECUTABLES)


def test_nothing_that_a_stock_desktop_has_is_a_finding():
    """Every package and executable of Debian 12's desktops may be there: a first scan is no flood."""
    evaluator = Evaluator(BASELINE)
    programs = [Program(name, source="dpkg") for name in STOCK_PACKAGES]
    programs += [Program(name, f"/usr/local/bin/{name}", source="file") for name in STOCK_EXECUTABLES]

    found = {
        (program.name, match.rule.id)
        for program in programs
        for match in evaluator.match("program.found", ProgramFound(program))
    }

    assert found == set()


def test_nothing_that_a_stock_desktop_starts_is_a_finding_but_sharing_and_chat():
    """Of all that comes with a desktop, only chat and what shares files or the screen is a finding when started."""
    evaluator = Evaluator(BASELINE)
    found = {
        (name, match.rule.id)
        for name in STOCK_EXECUTABLES
        for folder in ("/usr/bin", "/usr/games", "/usr/libexec")
        for match in evaluator.match(
            "program.started", ProgramStarted(Program(name, f"{folder}/{name}", source="process"))
        )
    }

    assert found == {
        ("transmission-gtk", "file-sharing-desktop"),
        ("deluge", "file-sharing-desktop"),
        ("deluge-gtk", "file-sharing-desktop"),
        ("krfb", "remote-control-desktop"),
        ("krfb-virtualmonitor", "remote-control-desktop"),
        ("vino-server", "remote-control-desktop"),
        ("hexchat", "chat-desktop"),
        ("pidgin", "chat-desktop"),
        ("quassel", "chat-desktop"),
    }


@pytest.mark.parametrize("name", ["gcompris-qt", "tuxmath", "tuxtype", "tuxpaint", "scratch", "kturtle", "minetest"])
def test_educational_games_are_let_alone(name):
    """BX-08 has a place for educational gaming."""
    evaluator = Evaluator(BASELINE)

    assert evaluator.match("program.found", ProgramFound(Program(name, source="dpkg"))) == ()
    assert evaluator.match("program.started", ProgramStarted(Program(name, f"/usr/games/{name}", "", "process"))) == ()


def test_only_what_schools_may_need_can_be_approved():
    """The allow list silences what a school may choose for itself, and nothing that its policy forbids."""
    assert {rule.id for rule in BASELINE.rules if rule.unless_approved} == {
        "bypass-vpn-client",
        "network-inspection",
        "remote-control",
        "remote-control-desktop",
        "games-clients",
        "social-clients",
        "chat-desktop",
        "music-clients",
        "shopping-helpers",
        "unlisted-software",
    }


def test_no_activity_with_ordinary_programs_is_asked_for():
    """Programs that are started leave a device only when a rule names them."""
    for rule in BASELINE.rules:
        if any(is_about_program(kind) for kind in rule.kinds) and "program.installed" not in rule.kinds:
            assert rule.programs


def test_the_inventory_is_asked_for_under_its_clauses():
    """A device can say on what ground it is asked for its software."""
    assert BASELINE.inventory.ask is True
    assert all(clause in BASELINE.inventory.reason for clause in ("WE-02", "HZ-03", "WH-06"))
