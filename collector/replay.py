# SPDX-License-Identifier: Apache-2.0
"""What a policy would have raised: the security events that the ledger holds, judged again, by the same evaluator and
the same judgement as when they came and at the time at which we heard of them. It only reads.

Devices send what the policy of that day asked for and nothing else, so a rule that looks for something new finds
nothing in the past: `find_unseen` says which rules these are. Flags are never looked at, and of the rules only those
whose incidents are for whoever works with security incidents.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from collector.circumstances import SESSION_KINDS, Circumstances, Entry, Sessions, load_entries
from collector.counting import MAX_OPEN_OF_A_RULE, Sighting, to_more
from collector.held import Thing
from collector.judgement import Fit, observe
from collector.ledger import SEALED_KINDS
from collector.memory import Memory, find_thing
from collector.past import PastEvent, Progress, read_events
from collector.store.engine import reading
from proto.events import KINDS, Audience, Leaves
from rules.evaluate import Evaluator
from rules.model import Policy, Rule
from rules.moment import Moment

WEEK_NS = 7 * 24 * 3600 * 10**9
MAX_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Example:
    """One incident that a policy would have opened."""

    device: str
    event_id: int
    at_ns: int
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one rule raises in the time that was looked through."""

    rule: str
    title: str
    severity: int
    incidents: int
    """As many as people would have had to look at: one for each thing and week."""
    a_week: float
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What some policies would have raised."""

    events: int
    """Looked through."""
    first_ns: int | None
    """When the first of them came; None when there is none."""
    weeks: float
    """At least one: of some days nobody can say what a week is like."""
    outcomes: tuple[dict[str, Outcome], ...]
    """For each policy, by rule: those that raised something."""


@dataclass(slots=True)
class _Trial:
    """One policy at work on the past."""

    evaluator: Evaluator
    circumstances: Circumstances
    memory: Memory = field(default_factory=Memory)
    due: list[tuple[int, Thing]] = field(default_factory=list)
    """A heap."""
    subjects: dict[str, set[tuple[int, str]]] = field(default_factory=lambda: defaultdict(set))
    """By rule: week and subject."""
    open_on: dict[tuple[str, str, int], int] = field(default_factory=lambda: defaultdict(int))
    examples: dict[str, list[Example]] = field(default_factory=lambda: defaultdict(list))
    rules: dict[str, Rule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rules = {rule.id: rule for rule in self.evaluator.policy.rules if rule.audience is Audience.SECURITY}

    def take(self, event: PastEvent, week: int) -> None:
        """Judge one event."""
        self.mature(event.heard_ns, week)
        evaluator, header, heard_ns = self.evaluator, event.header, event.heard_ns
        if header.kind in SESSION_KINDS:
            self.circumstances.follow(event.device_id, header, event.content)
        if header.kind not in evaluator.kinds:
            return

        def find_moment() -> Moment:
            needs_people = header.kind in evaluator.needs_people and evaluator.policy.settings.accounts.ask
            return self.circumstances.find_moment(
                event.device_id, header.wall_clock_ns, heard_ns, needs_people=needs_people
            )

        sightings, observed = observe(
            evaluator,
            header.kind,
            event.content,
            find_moment,
            device_id=event.device_id,
            event_id=event.event_id,
            heard_ns=heard_ns,
        )
        self._count([*sightings, *self.memory.take(observed)], heard_ns, week)
        for thing in {find_thing(each) for each in observed if isinstance(each, Fit)}:
            waiting = [each.due_at_ns for each in self.memory.things.get(thing, ()) if each.due_at_ns is not None]
            if waiting:
                heapq.heappush(self.due, (min(waiting), thing))

    def mature(self, now_ns: int, week: int) -> None:
        """Take in the grace that ended meanwhile."""
        while self.due and self.due[0][0] <= now_ns:
            _, thing = heapq.heappop(self.due)
            rows = self.memory.things.get(thing, ())
            if any(each.due_at_ns is not None and each.due_at_ns <= now_ns for each in rows):
                self._count(self.memory.mature(self.rules.get(thing[0]), thing, now_ns), now_ns, week)

    def _count(self, sightings: Iterable[Sighting], at_ns: int, week: int) -> None:
        for each in sightings:
            if each.rule not in self.rules or (week, each.subject) in self.subjects[each.rule]:
                continue
            shown = each
            if each.subject.startswith(f"device/{each.device_id}/"):
                # As it is counted: what a device has beyond is one incident more.
                place = (each.rule, each.device_id, week)
                self.open_on[place] += 1
                shown = each if self.open_on[place] <= MAX_OPEN_OF_A_RULE else to_more(each)
            self.subjects[each.rule].add((week, shown.subject))
            examples = self.examples[each.rule]
            if len(examples) < MAX_EXAMPLES:
                examples.append(Example(shown.device_id, shown.event_id, at_ns, shown.summary))

    def to_outcomes(self, weeks: float) -> dict[str, Outcome]:
        """Return what came of it."""
        return {
            rule.id: Outcome(
                rule=rule.id,
                title=rule.title,
                severity=rule.severity,
                incidents=len(self.subjects[rule.id]),
                a_week=round(len(self.subjects[rule.id]) / weeks, 1),
                examples=tuple(self.examples[rule.id]),
            )
            for rule in self.rules.values()
            if self.subjects[rule.id]
        }


def replay(
    engine: Engine,
    school_id: str,
    policies: Sequence[Policy],
    *,
    since_ns: int,
    now_ns: int,
    account_key: bytes | None = None,
    progress: Progress = lambda done, of: None,
) -> Replayed:
    """Judge what came since a moment by some policies, each for itself.

    Raises:
        StoreError: the database does not answer.
    """
    with reading(engine) as connection:
        entries = load_entries(connection, school_id, account_key) if account_key is not None else {}
    trials = [_begin(policy, entries) for policy in policies]
    kinds = frozenset(kind for trial in trials for kind in trial.evaluator.kinds) - SEALED_KINDS | SESSION_KINDS
    count, first_ns = 0, None
    for event in read_events(engine, school_id, kinds, since_ns, progress):
        first_ns = event.heard_ns if first_ns is None else first_ns
        count += 1
        for trial in trials:
            trial.take(event, (event.heard_ns - first_ns) // WEEK_NS)
    span_ns = 0 if first_ns is None else now_ns - first_ns
    for trial in trials:
        trial.mature(now_ns, span_ns // WEEK_NS)
    weeks = max(span_ns / WEEK_NS, 1.0)
    outcomes = tuple(trial.to_outcomes(weeks) for trial in trials)
    return Replayed(events=count, first_ns=first_ns, weeks=round(weeks, 1), outcomes=outcomes)


def find_unseen(now: Policy, draft: Policy) -> list[str]:
    """Return the rules of a draft that ask devices for something which they did not send until now."""
    before = {rule.id: rule for rule in now.rules}
    return [
        rule.id
        for rule in draft.rules
        if any(KINDS[kind].leaves is Leaves.ON_MATCH for kind in rule.kinds if kind in KINDS)
        and _what_it_asks(rule) != _what_it_asks(before.get(rule.id))
    ]


def _what_it_asks(rule: Rule | None) -> object:
    return None if rule is None else (rule.kinds, rule.programs, rule.when, rule.unless_approved, rule.times, rule.who)


def _begin(policy: Policy, entries: dict[bytes, Entry]) -> _Trial:
    # Who had a session before the first event, nobody knows.
    return _Trial(Evaluator(policy), Circumstances(lambda _: Sessions(), lambda _: entries))
