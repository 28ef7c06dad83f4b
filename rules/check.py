# SPDX-License-Identifier: Apache-2.0
"""Proves rule files before they go live: reads them, and runs the tests inside each rule.

How one test is run is in `rehearsal`. It prints nothing and exits nowhere: the command line does.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from rules.errors import RuleFormatError
from rules.layers import PACK_FILE, SCHOOL
from rules.load import compose
from rules.rehearsal import find_fault

_NO_PACK = {
    PACK_FILE: '[pack]\nid = "none"\ntitle = "No pack"\nextends = "asking"\n',
    # The pack that a school's own file is for may tell who is there, so the file may ask.
    f"asking/{PACK_FILE}": '[pack]\nid = "asking"\ntitle = "Any"\n[accounts]\nask = true\nreason = "Any"\n',
}
_WITHOUT_PACK = "it holds [pack] with id and title; a school's own files are checked with theirs: --pack NAME"


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
    what keeps any other table from being used.

    A single file is taken as a school's own, which needs no `pack.toml`.
    """
    if len(files) == 1 and PACK_FILE not in files:
        files = _NO_PACK | dict(files)
    policy, errors = compose(files)
    packs, _ = compose({name: text for name, text in files.items() if not name.startswith(f"{SCHOOL}/")})
    of_packs = {rule.id: rule.tests for rule in packs.rules}
    # A pack's tests are about the pack's days: a school has other lessons and exams, and breaks none of them by it.
    profiles = {each.id: each for each in (*policy.arrangements.profiles, *packs.arrangements.profiles)}
    on_their_day = replace(
        policy.arrangements, timetable=packs.arrangements.timetable, profiles=tuple(profiles.values())
    )
    problems = [_to_problem(error, has_pack=PACK_FILE in files) for error in errors]
    for rule in policy.rules:
        for test in rule.tests:
            is_of_pack = test in of_packs.get(rule.id, ())
            fault = find_fault(rule, test, on_their_day if is_of_pack else policy.arrangements)
            if fault:
                problems.append(
                    Problem(rule.file, rule.id, f"test {test.name!r}: {fault}", "change the rule or the test")
                )
    return sorted(problems, key=lambda problem: problem.file)


def _to_problem(error: RuleFormatError, *, has_pack: bool) -> Problem:
    what = f"{error.key}: {error.problem}" if error.key else error.problem
    hint = error.hint if has_pack or error.file != PACK_FILE else _WITHOUT_PACK
    return Problem(error.file, error.rule, what, hint)
