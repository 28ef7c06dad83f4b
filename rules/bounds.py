# SPDX-License-Identifier: Apache-2.0
"""When, where and before whom the rules of a policy count: their times, their people and devices, exceptions, pauses.

`evaluate` asks once a rule fits an event, which is seldom. What is not known excuses nothing: the less a moment tells,
the more rules count. So a device, which knows less than the collector, lets leave all that the collector would judge.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from rules.arrangements import DeviceGroup, Profile, Timetable
from rules.exceptions import RULE_PREFIX, Excuse, TimedPause, find_program, to_excuses, to_timed
from rules.model import Match, Policy, Rule, Times, Who
from rules.moment import Moment
from rules.timetable import DAYS, Calendar

_NO_TIMETABLE = Timetable(days=DAYS)
"""Stands for one that the school does not have: nobody can say what it is doing."""
_PUPILS = frozenset({"pupil"})
_ALWAYS, _ANYBODY = Times(), Who()


@dataclass(frozen=True, slots=True)
class _Bound:
    """What one rule is bound to."""

    times: Times
    who: Who
    pauses: tuple[TimedPause, ...]
    excuses: tuple[Excuse, ...]

    @property
    def needs_people(self) -> bool:
        who = self.who
        of_people = (who.roles, who.years, who.accounts, who.except_roles, who.except_years, who.except_accounts)
        return any(of_people) or any(excuse.accounts for excuse in self.excuses)


class Bounds:
    """The bounds of a policy's rules."""

    def __init__(self, policy: Policy) -> None:
        """Prepare the answers.

        Raises:
            TimeZoneError: something is bound to a time, and this machine does not know the zone.
        """
        arrangements = policy.arrangements
        self._profiles: tuple[Profile, ...] = arrangements.profiles
        self._groups = _to_groups(arrangements.device_groups)
        self._bounds: dict[str, _Bound] = {}
        self.pauses: tuple[TimedPause, ...] = ()
        """All of the policy, over or to come as well."""
        if not (arrangements.exceptions or arrangements.pauses or any(map(_is_bound, policy.rules))):
            return
        self._calendar = Calendar(arrangements.timetable or _NO_TIMETABLE)
        self.pauses = to_timed(arrangements.pauses, self._calendar)
        excuses = to_excuses(arrangements.exceptions, self._calendar)
        for rule in policy.rules:
            paused = tuple(each for each in self.pauses if each.pause.what == RULE_PREFIX + rule.id)
            if _is_bound(rule) or paused or rule.id in excuses:
                self._bounds[rule.id] = _Bound(rule.times, rule.who, paused, tuple(excuses.get(rule.id, ())))

    @property
    def are_any(self) -> bool:
        """Whether there is a rule whose counting depends on the moment."""
        return bool(self._bounds)

    def is_bound(self, rule: Rule) -> bool:
        """Tell whether a rule's counting depends on the moment at all."""
        return rule.id in self._bounds

    def needs_people(self, rule: Rule) -> bool:
        """Tell whether it depends on who has a session."""
        bound = self._bounds.get(rule.id)
        return bound is not None and bound.needs_people

    def holds(self, match: Match, event: object, moment: Moment) -> bool:
        """Tell whether a rule that fits an event counts at this moment."""
        bound = self._bounds.get(match.rule.id)
        if bound is None:
            return True
        if not self._is_within(bound, moment):
            return False
        program = match.program or find_program(event)
        return not any(excuse.covers(program) and excuse.holds(moment) for excuse in bound.excuses)

    def find_pause(self, what: str, at_ns: int) -> TimedPause | None:
        """Return the pause of something that holds at a moment; of several the one that ends last."""
        holding = [each for each in self.pauses if each.pause.what == what and each.holds(at_ns)]
        return max(holding, key=lambda each: each.last_ns, default=None)

    def find_situation(self, moment: Moment) -> Hashable:
        """Return something that is equal at two moments when all rules count alike at both."""
        return tuple(
            (self._is_within(bound, moment), *(excuse.holds(moment) for excuse in bound.excuses))
            for bound in self._bounds.values()
        )

    def _is_within(self, bound: _Bound, moment: Moment) -> bool:
        return (
            self._is_time(bound.times, moment.at_ns)
            and _is_before(bound.who, moment)
            and self._is_where(bound.who, moment.device_id)
            and not any(each.holds(moment.at_ns) for each in bound.pauses)
        )

    def _is_time(self, times: Times, at_ns: int) -> bool:
        if not at_ns or times == _ALWAYS:
            return True
        kinds = self._calendar.find_kinds(at_ns)
        if kinds is not None and not _is_among(times.during, times.except_during, kinds):
            return False
        if not (times.profiles or times.except_profiles):
            return True
        today = self._calendar.find_date(at_ns)
        on = frozenset(each.id for each in self._profiles if each.first <= today <= each.last)
        return _is_among(times.profiles, times.except_profiles, on)

    def _is_where(self, who: Who, device_id: str) -> bool:
        if not device_id or not (who.devices or who.except_devices):
            return True
        # Nobody has said yet which devices are in a group that is not defined: it is not known, and holds for all.
        if who.devices and not any(device_id in self._groups.get(name, (device_id,)) for name in who.devices):
            return False
        return not any(device_id in self._groups.get(name, ()) for name in who.except_devices)


def _is_bound(rule: Rule) -> bool:
    return rule.times != _ALWAYS or rule.who != _ANYBODY


def _to_groups(groups: Iterable[DeviceGroup]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for each in groups:
        found[each.name] = found.get(each.name, frozenset()) | each.devices
    return found


def _is_among(only: Iterable[str], unless: Iterable[str], what: frozenset[str]) -> bool:
    """Tell whether something is one of `only`, if it names any, and none of `unless`."""
    return (not only or not what.isdisjoint(only)) and what.isdisjoint(unless)


def _is_before(who: Who, moment: Moment) -> bool:
    """Tell whether a rule counts before those who have a session."""
    if who == _ANYBODY:
        return True
    for only, unless, present in (
        (who.roles, who.except_roles, moment.roles),
        (who.accounts, who.except_accounts, moment.account_kinds),
        (who.years, (), moment.years),
    ):
        if present is None:
            continue
        if only and present.isdisjoint(only):
            return False
        if unless and present and present.issubset(unless):
            return False
    # A year says nothing of those who are no pupils.
    return not (who.except_years and moment.roles == _PUPILS and _are_all(moment.years, who.except_years))


def _are_all(present: frozenset[str] | None, such: Iterable[str]) -> bool:
    return bool(present) and frozenset(present or ()).issubset(such)
