# SPDX-License-Identifier: Apache-2.0
"""Proves rule files before they go live: reads them, and runs the tests inside each rule.

The tests go through the `Evaluator` that devices use. It prints nothing and exits nowhere: the command line does.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rules.errors import RuleFormatError
from rules.evaluate import Evaluator
from rules.fields import to_event
from rules.load import PACK_FILE, find_keywords, find_settings, parse_pack, parse_rules
from rules.model import Expectation, Policy, Rule, RuleTest


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not right in a rule file."""

    file: str
    rule: str
    """Id of the rule; empty for the file as a whole."""
    what: str
    hint: str
    """What would be right, where that is known."""

    @property
    def message(self) -> str:
        """What is not right, with its place, in one line."""
        place = f"{self.file}, rule {self.rule}" if self.rule else self.file
        return f"{place}: {self.what}"

    def to_json(self) -> dict[str, str]:
        """Return it as plain values."""
        return asdict(self)


def check_files(files: Mapping[str, str]) -> list[Problem]:
    """Return everything that is not right: one problem a rule that cannot be read, one for each test that fails, and
    what keeps `[keywords]` and the limits of single checks from being used.

    A single file is taken as a school's own, which needs no `pack.toml`.
    """
    problems: list[Problem] = []
    if PACK_FILE in files or len(files) != 1:
        try:
            parse_pack(files)
        except RuleFormatError as error:
            problems.append(_to_problem(error))
    rules, errors = parse_rules(files)
    _, keywords_errors = find_keywords(files)
    _, settings_errors = find_settings(files)
    problems += (_to_problem(error) for error in [*errors, *keywords_errors, *settings_errors])
    problems += (
        Problem(rule.file, rule.id, f"test {test.name!r}: {fault}", "change the rule or the test")
        for rule in rules
        for test in rule.tests
        if (fault := find_fault(rule, test))
    )
    return sorted(problems, key=lambda problem: problem.file)


def find_fault(rule: Rule, test: RuleTest) -> str | None:
    """Run one test of a rule, and return what went another way than it expects, or None."""
    kind = str(test.event["kind"])
    fields = {field: value for field, value in test.event.items() if field != "kind"}
    matches = _evaluator(rule, test.approved).match(kind, to_event(kind, fields))
    if test.expect is Expectation.MATCH and not matches:
        return "the rule should match and is silent"
    if test.expect is Expectation.SILENT and matches:
        fitted = f" ({matches[0].program} by {matches[0].matched_by})" if matches[0].program else ""
        return f"the rule should be silent and matches{fitted}"
    return None


def _evaluator(rule: Rule, approved: tuple[str, ...]) -> Evaluator:
    return Evaluator(Policy(pack="", title="", rules=(rule,), approved=frozenset(approved)))


def _to_problem(error: RuleFormatError) -> Problem:
    what = f"{error.key}: {error.problem}" if error.key else error.problem
    return Problem(error.file, error.rule, what, error.hint)
