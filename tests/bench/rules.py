# SPDX-License-Identifier: Apache-2.0
"""What it costs to evaluate an event against the shipped rules, beside comparing it with every name one by one; and
what it adds when each rule is bound to times, people and devices, with an exception and a pause of each."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from proto.events import Kind, Program, ProgramStarted
from rules.arrangements import Arrangements, DeviceGroup, Pause, Period, RuleException, Timetable
from rules.evaluate import Evaluator
from rules.load import load_pack, parse_files
from rules.model import Policy, Times, Who
from rules.moment import Moment
from tests.bench.measure import Spread, spread

REPEATS = 20_000
ORDINARY = ProgramStarted(Program("gnome-calculator", "/usr/bin/gnome-calculator", "ab" * 32, "process"))
NAMED = ProgramStarted(Program("tor", "/usr/bin/tor", "cd" * 32, "process"))
MOMENT = Moment(
    at_ns=1_795_512_600_000_000_000,
    device_id="0123456789abcdef",
    account_kinds=frozenset({"personal"}),
    account_refs=frozenset({"ab" * 16}),
    roles=frozenset({"pupil"}),
    years=frozenset({"7"}),
)
"""In a lesson on a Tuesday, before a pupil."""


def run(*, quick: bool) -> dict[str, Any]:
    """Return microseconds of processor time as JSON values."""
    policy = parse_files(load_pack("uk-baseline"))
    free, bound = Evaluator(policy), Evaluator(_bind(policy))
    names = [name.casefold() for rule in policy.rules for each in rule.programs for name in each.executables]

    def one_by_one() -> bool:
        return any(ORDINARY.program.name.casefold() == name for name in names)

    def measure(call: Callable[[], object]) -> Spread:
        return spread([_us(call) for _ in range(3 if quick else 9)], 2)

    def ask(evaluator: Evaluator, event: Kind) -> Spread:
        assert bool(evaluator.match(event.kind, event, MOMENT)) is (event is NAMED)
        return measure(lambda: evaluator.match(event.kind, event, MOMENT))

    silent, naive, fits = ask(free, ORDINARY), measure(one_by_one), ask(free, NAMED)
    silent_bound, fits_bound = ask(bound, ORDINARY), ask(bound, NAMED)
    return {
        "rules": len(policy.rules),
        "names": len(names),
        "no_match_us": silent.to_json(),
        "names_one_by_one_us": naive.to_json(),
        "ratio": round(naive.median / silent.median, 1),
        "match_us": fits.to_json(),
        "every_rule_bound": {
            "no_match_us": silent_bound.to_json(),
            "no_match_ratio": round(silent_bound.median / silent.median, 2),
            "match_us": fits_bound.to_json(),
            "match_ratio": round(fits_bound.median / fits.median, 2),
        },
    }


def _bind(policy: Policy) -> Policy:
    """Return the same rules, each bound to everything that one can be bound to, and each counting all the same."""
    times = Times(during=("lesson",), except_during=("closed",))
    who = Who(roles=("pupil",), accounts=("personal", "shared"), devices=("laptops",), except_years=("12", "13"))
    first, last = datetime.fromisoformat("2026-11-01T00:00"), datetime.fromisoformat("2026-12-01T00:00")
    excepted = RuleException(
        id="asked-1",
        rules=tuple(rule.id for rule in policy.rules),
        first=first,
        last=last,
        reason="To measure.",
        accounts=("cd" * 16,),
    )
    over = [Pause(id=rule.id, what=f"rule:{rule.id}", first=first, last=first, reason="") for rule in policy.rules]
    arrangements = Arrangements(
        timetable=Timetable(periods=(Period(kind="lesson", name="All day", starts="09:00", ends="15:00"),)),
        exceptions=(excepted,),
        pauses=tuple(over),
        device_groups=(DeviceGroup(name="laptops", devices=frozenset({MOMENT.device_id})),),
    )
    rules = tuple(replace(rule, times=times, who=who) for rule in policy.rules)
    return replace(policy, rules=rules, arrangements=arrangements)


def _us(call: Callable[[], object]) -> float:
    started = time.process_time()
    for _ in range(REPEATS // 20):
        call()
    return (time.process_time() - started) / (REPEATS // 20) * 1e6
