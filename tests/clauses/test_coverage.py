# SPDX-License-Identifier: Apache-2.0
"""The five coverage tables together: no clause without a row, no row without its proof, no name that is not there.

The clauses of each policy are written down here once more, as numbers: a row that somebody takes out is missed.
"""

import importlib
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest

import agent.cli
import collector.cli
from collector.console.app import ROUTES
from rules.arrangements import DeviceGroup, Timetable
from rules.coverage import ClauseKind, Coverage, Extent, How
from rules.evaluate import Evaluator
from rules.load import load_coverage
from rules.model import RuleTest
from rules.moment import Moment
from rules.timetable import Calendar
from tests.clauses.proof import Proofs
from tests.clauses.told import find_example, to_kind
from tests.clauses.world import load_policy_of
from tests.tree import ROOT

LETTERS = {"bexton": "BX", "western": "WE", "winchelsea": "WI", "west-hill": "WH", "harmonize": "HZ"}
CLAUSES = {"BX": 26, "WE": 18, "WI": 12, "WH": 27, "HZ": 19}
"""How many clauses each policy asks; they are numbered from 1."""
PAPER = {"BX-26", "WE-14", "WE-18", "WI-12", "WH-09", "WH-27", "HZ-10", "HZ-19"}
"""Those that no program can carry out."""
ESCALATING = {"BX-16", "WE-15"}
"""Those whose rules carry them by what they make of an incident that comes again and again."""
DONE = (Extent.DETECTS, Extent.RECORDS, Extent.PARTLY)
_PAIRS = [(pack, row) for pack in LETTERS for row in load_coverage(pack)]
ROWS = [pytest.param(pack, row, id=row.clause) for pack, row in _PAIRS]
DONE_ROWS = [pytest.param(pack, row, id=row.clause) for pack, row in _PAIRS if row.extent in DONE]


@cache
def proofs_of(file: Path) -> dict[str, object]:
    """Return the proofs of a file of tests, by the id of their clause."""
    module = importlib.import_module(".".join(file.with_suffix("").parts))
    assert {"test_carried", "test_taken_away"} <= vars(module).keys(), file
    return {
        clause: proof
        for each in vars(module).values()
        if isinstance(each, Proofs)
        for clause, proof in each.found.items()
    }


@pytest.mark.parametrize("pack", LETTERS)
def test_each_clause_has_its_row(pack: str) -> None:
    """In order, none left out, none made up."""
    letters = LETTERS[pack]
    wanted = [f"{letters}-{number:02}" for number in range(1, CLAUSES[letters] + 1)]
    assert [row.clause for row in load_coverage(pack)] == wanted


@pytest.mark.parametrize(("pack", "row"), ROWS)
def test_paper_is_called_paper(pack: str, row: Coverage) -> None:
    """Nothing is called paper that a program could see, and nothing of paper is pretended to be carried out."""
    assert (row.clause in PAPER) is (row.kind is ClauseKind.PAPER) is (row.extent is Extent.PAPER)
    assert (row.how is How.PAPER) is (row.extent is Extent.PAPER)


@pytest.mark.parametrize(("pack", "row"), DONE_ROWS)
def test_the_proof_of_a_row_exists(pack: str, row: Coverage) -> None:
    """It is a proof of this very clause under this pack, so it is shown to fail without what carries it."""
    file, _, name = row.test.partition("::")
    assert name == f"test_carried[{row.clause}]"
    assert row.clause in proofs_of(Path(file)), f"{file} has no proof of {row.clause}"


@pytest.mark.parametrize(("pack", "row"), DONE_ROWS)
def test_what_carries_a_clause_is_there(pack: str, row: Coverage) -> None:
    """A rule that cites it, a page, a document, a command or a module: each name under `by` is one of them."""
    policy = load_policy_of(pack)
    rules = {rule.id: rule for rule in policy.rules}
    for name in row.by:
        if name in rules:
            assert row.clause in rules[name].clauses, f"the rule {name} does not cite {row.clause}"
        elif name.startswith("/"):
            assert name in {route.path for route in ROUTES}
        elif name.endswith(".md"):
            assert (ROOT / name).is_file()
        elif "." in name:
            assert (ROOT / Path(*name.split("."))).is_dir() or (ROOT / Path(*name.split("."))).with_suffix(
                ".py"
            ).is_file()
        else:
            assert is_command(name), f"{name} is no rule, page, command or module"
    if row.how is How.RULE:
        assert set(row.by) & rules.keys(), f"{row.clause} is carried out by a rule, and none is named"


@cache
def compile_policy(pack: str, approved: tuple[str, ...]) -> Evaluator:
    """Return what judges by a pack, with an allow list and one device, named as its group, in each group."""
    policy = load_policy_of(pack)
    groups = (DeviceGroup(name=each.name, devices=frozenset({each.name})) for each in policy.arrangements.device_groups)
    arrangements = replace(policy.arrangements, device_groups=tuple(groups))
    return Evaluator(replace(policy, approved=frozenset(approved), arrangements=arrangements))


def to_moment(pack: str, test: RuleTest) -> Moment:
    """Return when and before whom a test inside a rule takes place."""
    calendar = Calendar(load_policy_of(pack).arrangements.timetable or Timetable())
    known = {key: frozenset(names) for key, names in test.who.items()}
    return Moment(
        at_ns=calendar.to_ns(datetime.fromisoformat(test.at)) if test.at else 0,
        device_id=next(iter(test.who["devices"]), "elsewhere") if "devices" in known else "",
        account_kinds=known.get("accounts"),
        roles=known.get("roles"),
        years=known.get("years"),
    )


@pytest.mark.parametrize(("pack", "row"), DONE_ROWS)
def test_each_rule_of_a_row_is_alive(pack: str, row: Coverage) -> None:
    """Under the school's whole policy, what a rule is for matches it, at the time and before the people of its own
    test, and what it matches cites the clause; a rule for what comes again and again says when that is."""
    rules = {rule.id: rule for rule in load_policy_of(pack).rules}
    for rule in (rules[name] for name in row.by if name in rules):
        test = find_example(rule)
        event = to_kind(test)
        matches = compile_policy(pack, test.approved).match(event.kind, event, to_moment(pack, test))
        told = {match.rule.id: match.rule for match in matches}
        assert rule.id in told, f"{rule.id} is silent about {test.name!r}"
        assert row.clause in told[rule.id].clauses
        assert told[rule.id].escalations or row.clause not in ESCALATING, f"{rule.id} never gets worse"


@pytest.mark.parametrize(("pack", "row"), [each for each in DONE_ROWS if each.id in ESCALATING])
def test_no_rule_that_escalates_is_left_out(pack: str, row: Coverage) -> None:
    """The row names every rule that cites the clause; its proof has each of them get worse."""
    assert {rule.id for rule in load_policy_of(pack).rules if row.clause in rule.clauses} == set(row.by)


@cache
def is_command(words: str) -> bool:
    """Return whether a program of ours has a command of these words; without a program's name, the collector."""
    parsers = {"schoolwarden-agent": agent.cli._parser, "schoolwarden-collector": collector.cli._parser}
    program, verbs = words.split()[0], words.split()
    if program in parsers:
        verbs = verbs[1:]
    with pytest.raises(SystemExit) as ended:
        parsers.get(program, collector.cli._parser)().parse_args([*verbs, "--help"])
    return ended.value.code == 0


@pytest.mark.parametrize("pack", LETTERS)
def test_every_rule_has_a_clause_of_the_school(pack: str) -> None:
    """A rule for which the school's own policy gives no ground is switched off, or watches the agent itself."""
    for rule in load_policy_of(pack).rules:
        assert all(clause.startswith(LETTERS[pack]) for clause in rule.clauses), rule.id
        is_own = rule.id.startswith("agent-")
        assert rule.clauses or is_own, f"{rule.id} cites no clause of {pack}"


@pytest.mark.parametrize("pack", LETTERS)
def test_a_governor_can_read_it(pack: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints each clause with how far it is carried out."""
    assert collector.cli.main(["coverage", "--pack", pack]) == 0
    said = capsys.readouterr().out
    assert all(row.clause in said for row in load_coverage(pack))
