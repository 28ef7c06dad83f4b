# SPDX-License-Identifier: Apache-2.0
"""Whether an exception or a pause of the school's holds at a moment. Each ends by itself: its times are in the policy.

Nothing that is not known excuses anything: an exception for some users holds when it is known who is there and each of
them is one. Which rules ask is in `bounds`; who granted an exception, and why, the collector keeps.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rules.arrangements import Pause, RuleException
from rules.moment import Moment
from rules.names import to_name
from rules.timetable import Calendar

RULE_PREFIX, CHECK_PREFIX, KEYWORDS = "rule:", "check:", "keywords"
"""What a pause can be of."""


@dataclass(frozen=True, slots=True)
class TimedPause:
    """A pause, with its times as moments."""

    pause: Pause
    first_ns: int
    last_ns: int

    def holds(self, at_ns: int) -> bool:
        """Tell whether it is paused at a moment; not when the moment is not known."""
        return bool(at_ns) and self.first_ns <= at_ns < self.last_ns


@dataclass(frozen=True, slots=True)
class Excuse:
    """An exception, made ready to be asked."""

    first_ns: int
    last_ns: int
    programs: frozenset[str]
    devices: frozenset[str]
    accounts: frozenset[str]
    during: frozenset[str]
    calendar: Calendar

    def holds(self, moment: Moment) -> bool:
        """Tell whether it holds at a moment, for the programs that it names."""
        return (
            bool(moment.at_ns)
            and self.first_ns <= moment.at_ns < self.last_ns
            and (not self.devices or moment.device_id in self.devices)
            and (not self.accounts or self._are_all_nominated(moment.account_refs))
            and (not self.during or not self.during.isdisjoint(self.calendar.find_kinds(moment.at_ns) or ()))
        )

    def covers(self, program: str) -> bool:
        """Tell whether it is for a program."""
        return not self.programs or to_name(program) in self.programs

    def _are_all_nominated(self, present: frozenset[str] | None) -> bool:
        return bool(present) and all(each.lower() in self.accounts for each in present or ())


def to_excuses(exceptions: Iterable[RuleException], calendar: Calendar) -> Mapping[str, Sequence[Excuse]]:
    """Return the exceptions of each rule, by its id."""
    excuses: dict[str, list[Excuse]] = defaultdict(list)
    for each in exceptions:
        excuse = Excuse(
            first_ns=calendar.to_ns(each.first),
            last_ns=calendar.to_ns(each.last),
            programs=frozenset(map(to_name, each.programs)),
            devices=frozenset(each.devices),
            accounts=frozenset(ref.lower() for ref in each.accounts),
            during=frozenset(each.during),
            calendar=calendar,
        )
        for rule in each.rules:
            excuses[rule].append(excuse)
    return excuses


def to_timed(pauses: Iterable[Pause], calendar: Calendar) -> tuple[TimedPause, ...]:
    """Return pauses with their times as moments."""
    return tuple(TimedPause(each, calendar.to_ns(each.first), calendar.to_ns(each.last)) for each in pauses)


def find_program(event: object) -> str:
    """Return what an event calls its program; empty if it is about none."""
    return getattr(getattr(event, "program", None), "name", None) or getattr(event, "program_name", None) or ""
