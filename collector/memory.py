# SPDX-License-Identifier: Apache-2.0
"""What is remembered of fits that are no incident by themselves, and what becomes of them. It knows no database.

How many times and how long a rule asks for is decided by `rules.counted`. `judgement` keeps a memory in a table, from
commit to commit; `replay` has one of its own.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from collector.counting import OF_SCHOOL, Sighting, to_more
from collector.held import Held, HeldState, Thing, load_sighting
from rules.counted import Seen, find_look_back_s, is_of_school, judge
from rules.model import Rule

MAX_HELD_OF_A_RULE = 2000
"""On one device. What is about a new thing beyond it is not remembered: it counts at once, as more of the same."""
SPARE = 50
"""So many fits more than a rule needs are remembered of one thing on one device."""
_NS = 10**9


@dataclass(frozen=True, slots=True)
class Fit:
    """A rule that is not immediate fitted an event."""

    rule: Rule
    sighting: Sighting
    at_ns: int
    """When we heard of it."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """An event ended what a rule waits for on a device."""

    rule: str
    device_id: str
    group_key: str
    """Of the thing that it was about."""


class Memory:
    """What is remembered of some things."""

    def __init__(self, held: Iterable[Held] = (), counts: Counter[tuple[str, str]] | None = None) -> None:
        self.things: dict[Thing, list[Held]] = {}
        self.gone: list[Held] = []
        """What is not remembered any more."""
        self._counts: Counter[tuple[str, str]] = Counter() if counts is None else counts
        """How much is remembered of a rule on a device, loaded here or not."""
        self._things_of: dict[tuple[str, str], set[Thing]] = {}
        for each in held:
            self._put(each)

    def take(self, observed: Iterable[Fit | Cleared]) -> list[Sighting]:
        """Take in what was observed, in its order, and return what has become an incident by it."""
        fitted: dict[Thing, Rule] = {}
        sightings: list[Sighting] = []
        for each in observed:
            if isinstance(each, Cleared):
                # What was an incident already when it ended stays one.
                for thing in [known for known in fitted if known[0] == each.rule]:
                    sightings += self._decide(fitted.pop(thing), thing)
                self._clear(each)
            elif (thing := find_thing(each)) not in self.things and self._is_full(each):
                sightings.append(to_more(each.sighting))
            else:
                self._add(thing, each)
                fitted[thing] = each.rule
        for thing, rule in fitted.items():
            sightings += self._decide(rule, thing)
        return sightings

    def mature(self, rule: Rule | None, thing: Thing, now_ns: int) -> list[Sighting]:
        """Return what has become an incident because its grace ended. Of a rule that is gone nothing does."""
        due = [each for each in self.things[thing] if each.due_at_ns is not None and each.due_at_ns <= now_ns]
        up_to_ns = max(each.at_ns for each in due)
        standing = [each for each in self._list_standing(thing) if each.at_ns <= up_to_ns]
        # Others may have been cleared meanwhile, or the rule says something else now.
        due_at_ns = None if rule is None else judge(rule, _to_seen(standing)).due_at_ns
        if rule is not None and due_at_ns is not None and due_at_ns <= now_ns:
            return self._tell(rule, thing, standing, due)
        for each in due:
            _change(each, due_at_ns=due_at_ns)
        return []

    def _is_full(self, fit: Fit) -> bool:
        return self._counts[fit.sighting.device_id, fit.rule.id] >= MAX_HELD_OF_A_RULE

    def _add(self, thing: Thing, fit: Fit) -> None:
        rule, sighting = fit.rule, fit.sighting
        held = Held(
            rule=rule.id,
            subject=thing[1],
            group_key=sighting.group_key,
            device_id=sighting.device_id,
            event_id=sighting.event_id,
            at_ns=fit.at_ns,
            until_ns=fit.at_ns + find_look_back_s(rule) * _NS,
            sighting=sighting,
        )
        self._put(held)
        self._counts[sighting.device_id, rule.id] += 1

    def _put(self, held: Held) -> None:
        self.things.setdefault(held.thing, []).append(held)
        self._things_of.setdefault((held.device_id, held.rule), set()).add(held.thing)

    def _clear(self, cleared: Cleared) -> None:
        """What waited is forgotten. What was told already still counts as one of the times that it came."""
        things = self._things_of.get((cleared.device_id, cleared.rule), ())
        for held in [each for thing in things for each in self.things[thing] if _is_ended_by(each, cleared)]:
            if held.state is HeldState.HELD:
                self._drop(held)
            else:
                _change(held, state=HeldState.CLEARED)

    def _drop(self, held: Held) -> None:
        self.things[held.thing].remove(held)
        self._counts[held.device_id, held.rule] -= 1
        self.gone.append(held)

    def _decide(self, rule: Rule, thing: Thing) -> list[Sighting]:
        """Return what the newest fit tells, and let go what is not needed for the next."""
        sightings = self._ask(rule, thing)
        self._trim(rule, thing)
        return sightings

    def _ask(self, rule: Rule, thing: Thing) -> list[Sighting]:
        standing = self._list_standing(thing)
        if not standing:
            return []
        due_at_ns = judge(rule, _to_seen(standing)).due_at_ns
        newest_ns = standing[-1].at_ns
        if due_at_ns is None:
            return []
        if due_at_ns <= newest_ns:
            return self._tell(rule, thing, standing, ())
        for each in _list_waiting(rule, standing):
            # What is due already stays due: `mature` asks about it when it comes to it.
            if each.due_at_ns is None:
                _change(each, due_at_ns=due_at_ns)
        return []

    def _list_standing(self, thing: Thing) -> list[Held]:
        """Return what nothing has cleared since, in its order."""
        standing = [each for each in self.things[thing] if each.state is not HeldState.CLEARED]
        return sorted(standing, key=_place)

    def _tell(self, rule: Rule, thing: Thing, standing: list[Held], due: Iterable[Held]) -> list[Sighting]:
        """Return what was not told before, as sightings of one incident."""
        newest = standing[-1]
        telling = sorted({*_list_waiting(rule, standing), *due}, key=_place)
        # What was cleared since still counts as one of the times that it came.
        times = [each for each in self.things[thing] if each.at_ns <= newest.at_ns]
        severity = judge(replace(rule, grace_s=0), _to_seen(times)).severity
        sightings = [
            replace(load_sighting(each.sighting), severity=severity, is_escalated=severity > rule.severity)
            for each in telling
        ]
        if sightings and is_of_school(rule):
            sightings = [replace(each, subject=newest.subject, device_id=newest.device_id) for each in sightings]
            begin_ns = newest.at_ns - rule.window_s * _NS
            devices = len({each.device_id for each in standing if each.at_ns >= begin_ns})
            sightings[-1] = replace(sightings[-1], summary=f"On {devices} devices: {sightings[-1].summary}")
        for each in telling:
            _change(each, state=HeldState.TOLD, due_at_ns=None, sighting="")
        return sightings

    def _trim(self, rule: Rule, thing: Thing) -> None:
        """Let go what cannot matter any more, and the oldest of what is beyond what the rule needs, but for the one
        that waits longest for its grace."""
        room = rule.threshold + max((each.after for each in rule.escalations), default=0) + SPARE
        total = room * (rule.least_devices + 1) if is_of_school(rule) else room
        rows = sorted(self.things[thing], key=_place, reverse=True)
        first = min((each for each in rows if each.due_at_ns is not None), key=_place, default=None)
        counts: Counter[str] = Counter()
        kept = 0
        for each in rows:
            counts[each.device_id] += 1
            is_ended = each.until_ns < rows[0].at_ns and each.due_at_ns is None
            if each is first or (not is_ended and counts[each.device_id] <= room and kept < total):
                kept += 1
            else:
                self._drop(each)


def find_thing(fit: Fit) -> Thing:
    """Return what a fit counts for."""
    sighting = fit.sighting
    return fit.rule.id, f"{OF_SCHOOL}{sighting.group_key}" if is_of_school(fit.rule) else sighting.subject


def _place(held: Held) -> tuple[int, int]:
    return held.at_ns, held.event_id


def _list_waiting(rule: Rule, standing: list[Held]) -> list[Held]:
    """Return what counts together with the newest and was not told before."""
    begin_ns = standing[-1].at_ns - (rule.window_s + rule.grace_s) * _NS
    return [each for each in standing if each.state is HeldState.HELD and each.at_ns >= begin_ns]


def _change(
    held: Held, *, state: HeldState | None = None, due_at_ns: int | None = None, sighting: str | None = None
) -> None:
    held.state = held.state if state is None else state
    held.sighting = held.sighting if sighting is None else sighting
    held.due_at_ns = due_at_ns
    held.is_changed = True


def _is_ended_by(held: Held, cleared: Cleared) -> bool:
    """The same thing, or things that cannot be compared: an antivirus that was installed ends that none is at work."""
    is_other_sort = _sort_of(held.group_key) != _sort_of(cleared.group_key)
    is_its_rule = (held.rule, held.device_id) == (cleared.rule, cleared.device_id)
    return is_its_rule and (is_other_sort or held.group_key == cleared.group_key)


def _sort_of(group_key: str) -> str:
    return group_key.partition("/")[0]


def _to_seen(rows: Iterable[Held]) -> list[Seen]:
    return [Seen(each.at_ns, each.device_id) for each in rows]
