# SPDX-License-Identifier: Apache-2.0
"""What matches: a policy compiled once, then asked about every event, on the device and at the collector alike.

Most events match nothing, so silence is made cheap: a kind without rules costs one look in a dict; a program costs
one for its name and one regular expression for all wildcards, and is remembered for a while. Whether a rule that fits
counts at this time, before these people, on this device, is asked last, and only of rules that are bound to such things
(`bounds`). No clock, no I/O, the same answer to the same event and moment always, and no event makes it raise.

How a program is recognised, from the strongest to the weakest: by its content wherever it was seen (its digest, what
its linker wrote, its likeness to another); by its name in the list for its source; by its path. A rule answers once
for an event, with its strongest evidence.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any

from rules.bounds import Bounds
from rules.fields import COMPARED_WITH, is_about_program, to_getter
from rules.likeness import LIKE, measure_likeness, parse_sketch
from rules.model import Condition, Match, Operator, Policy, ProgramPattern, Rule
from rules.moment import UNKNOWN, Moment
from rules.names import MAX_CHARACTERS, to_comparable, to_name, to_path
from rules.wildcard import Wildcards, is_wildcard

MATCHED_BY = {
    "sha256": "sha256",
    "build_ids": "build_id",
    "sketches": "sketch",
    "executables": "executable",
    "packages": "package",
    "flatpaks": "flatpak",
    "snaps": "snap",
    "python_packages": "python_package",
    "node_packages": "node_package",
    "extensions": "extension",
    "paths": "path",
}
"""For each list of a `ProgramPattern`, `Match.matched_by`; the strongest evidence first."""
_RUNNABLE = COMPARED_WITH["executables"]
_STRENGTH = {key: place for place, key in enumerate(MATCHED_BY)}
_CONTENT = ("sha256", "build_ids", "sketches")
_LISTED = ("packages", "flatpaks", "snaps", "python_packages", "node_packages", "extensions")
"""Lists of names that a program of one source, or of a few, has there and nowhere else."""

REMEMBERED_PROGRAMS = 2048
REMEMBERED_SKETCHES = 256
REMEMBERED_CHARACTERS = 300
"""Longer ones are looked up anew each time, so that nobody can fill the memory with names."""

Predicate = Callable[[object], bool]
Matcher = Callable[[object], tuple[Match, ...]]


class Evaluator:
    """A policy that can be asked."""

    def __init__(self, policy: Policy, find_moment: Callable[[], Moment] = lambda: UNKNOWN) -> None:
        """Compile a policy. `find_moment` says what is known of the moment when whoever asks does not say it.

        Raises:
            TimeZoneError: a rule is bound to a time, and this machine does not know the timetable's zone.
        """
        self.policy = policy
        """What it was compiled from."""
        self.bounds = Bounds(policy)
        """When, where and before whom its rules count."""
        self._find_moment = find_moment
        clearing = [_to_clearing(rule) for rule in policy.rules if rule.cleared]
        watched = frozenset(kind for rule in policy.rules for kind in rule.kinds)
        ending = frozenset(kind for rule in clearing for kind in rule.kinds)
        self.kinds = watched | ending
        """The kinds of events that some rule watches, or that end the grace of one."""
        bound = [rule for rule in policy.rules if self.bounds.is_bound(rule)]
        self._bound_kinds = frozenset(kind for rule in bound for kind in rule.kinds)
        self.needs_people = frozenset(kind for rule in bound if self.bounds.needs_people(rule) for kind in rule.kinds)
        """The kinds of which it matters who has a session on the device."""
        patterns = [pattern for rule in policy.rules for pattern in rule.programs]
        self.needed_content = frozenset(
            MATCHED_BY[key] for key in _CONTENT if any(getattr(pattern, key) for pattern in patterns)
        )
        """What of a program's content some rule compares: none, one or several of sha256, build_id and sketch."""
        self._rules = {rule.id: rule for rule in policy.rules}
        self._matchers = {kind: _compile(kind, policy.rules, policy.approved) for kind in watched}
        self._clearers = {kind: _compile(kind, clearing, frozenset()) for kind in ending}

    def match(self, kind: str, event: object, moment: Moment | None = None) -> tuple[Match, ...]:
        """Return what an event matches, in the order of the rules.

        The event is any object with the fields of that kind: the dataclass, or the decoded message. What it lacks,
        no rule finds in it.
        """
        matcher = self._matchers.get(kind)
        matches = matcher(event) if matcher is not None else ()
        if not matches or kind not in self._bound_kinds:
            return matches
        now = self._find_moment() if moment is None else moment
        return tuple(match for match in matches if self.bounds.holds(match, event, now))

    def clears(self, kind: str, event: object) -> tuple[Match, ...]:
        """Return the rules whose grace an event ends on its device; of one that names programs, for that program."""
        clearer = self._clearers.get(kind)
        found = clearer(event) if clearer is not None else ()
        return tuple(replace(match, rule=self._rules[match.rule.id]) for match in found)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What it means that one name, digest or path of one program was seen."""

    order: tuple[int, int, int]
    """Place of the rule, strength, place of the program in the rule."""
    match: Match
    holds: Predicate


class _Names:
    """Names or paths of one sort, each with the evidence it is. Exact ones are looked up, wildcards are tried."""

    def __init__(self, names: Iterable[tuple[str, _Evidence]]) -> None:
        names = list(names)
        self._exact = _to_table(each for each in names if not is_wildcard(each[0]))
        self._find_wildcards = Wildcards([each for each in names if is_wildcard(each[0])]).find_all

    def find_all(self, name: str) -> Sequence[_Evidence]:
        exact, wild = self._exact.get(name), self._find_wildcards(name)
        return [*exact, *wild] if exact else wild


def _to_clearing(rule: Rule) -> Rule:
    """Return a rule that fits what clears the given one."""
    assert rule.cleared is not None
    return replace(rule, kinds=rule.cleared.kinds, when=rule.cleared.when, unless_approved=False)


def _compile(kind: str, rules: Iterable[Rule], approved: frozenset[str]) -> Matcher:
    watching = [(place, rule) for place, rule in enumerate(rules) if kind in rule.kinds]
    if is_about_program(kind):
        return _ProgramMatcher(kind, watching, approved).match
    plain = tuple((Match(rule), _to_predicate(kind, rule.when)) for _, rule in watching)
    return lambda event: tuple(match for match, holds in plain if holds(event))


class _ProgramMatcher:
    """The rules of one kind that is about a program."""

    def __init__(self, kind: str, watching: Iterable[tuple[int, Rule]], approved: frozenset[str]) -> None:
        names: dict[str, list[tuple[str, _Evidence]]] = {key: [] for key in MATCHED_BY}
        self._plain: list[_Evidence] = []
        self._plain_unless_approved: list[_Evidence] = []
        for place, rule in watching:
            holds = _to_predicate(kind, rule.when)
            if not rule.programs:
                plain = self._plain_unless_approved if rule.unless_approved else self._plain
                plain.append(_Evidence((place, 0, 0), Match(rule), holds))
            for number, pattern in enumerate(rule.programs):
                if rule.unless_approved and _is_approved(pattern, approved):
                    continue
                for key, matched_by in MATCHED_BY.items():
                    evidence = _Evidence((place, _STRENGTH[key], number), Match(rule, pattern.name, matched_by), holds)
                    names[key] += ((to_comparable(name, key), evidence) for name in getattr(pattern, key))
        self._approved = frozenset(to_name(name) for name in approved)
        self._digests = _to_table(names["sha256"])
        self._build_ids = _to_table(names["build_ids"])
        self._sketches = [(parse_sketch(text), evidence) for text, evidence in names["sketches"]]
        self._executables = _Names(names["executables"])
        self._paths = _Names(names["paths"])
        self._listed = {source: (key, _Names(names[key])) for key in _LISTED for source in COMPARED_WITH[key]}
        self._find_remembered = lru_cache(maxsize=REMEMBERED_PROGRAMS)(self._find)
        self._find_alike = lru_cache(maxsize=REMEMBERED_SKETCHES)(self._compare_sketch)

    def match(self, event: object) -> tuple[Match, ...]:
        program = getattr(event, "program", None)
        if program is None:
            return ()
        source = getattr(program, "source", None) or ""
        name, path = getattr(program, "name", None) or "", getattr(program, "path", None) or ""
        # The same few programs come again and again, from every device.
        is_short = len(source) + len(name) + len(path) <= REMEMBERED_CHARACTERS
        found = self._find_remembered(source, name, path) if is_short else self._find(source, name, path)
        if self._digests:
            found = (*found, *self._digests.get(to_name(getattr(program, "sha256", None) or ""), ()))
        if self._build_ids:
            found = (*found, *self._build_ids.get(to_name(getattr(program, "build_id", None) or ""), ()))
        if self._sketches and (sketch := getattr(program, "sketch", None)):
            found = (*found, *self._find_alike(sketch[:MAX_CHARACTERS]))
        return _strongest(found, event) if found else ()

    def _find(self, source: str, name: str, path: str) -> tuple[_Evidence, ...]:
        """Return all evidence that a name and a path are, and what needs none."""
        found: list[_Evidence] = []
        whole_name, name = name, to_name(name)
        if source in _RUNNABLE:
            found += self._executables.find_all(name)
            path = to_path(path)
            if path:
                found += self._paths.find_all(path)
                # A process can give itself any name; where its file lies, the kernel says.
                basename = path[path.rfind("/") + 1 :].removesuffix(".exe")
                if basename != name:
                    found += self._executables.find_all(basename)
        elif source in self._listed:
            key, names = self._listed[source]
            found += names.find_all(to_comparable(whole_name, key))
        found += self._plain
        if name not in self._approved:
            found += self._plain_unless_approved
        return tuple(found)

    def _compare_sketch(self, text: str) -> tuple[_Evidence, ...]:
        """Return the evidence that a program is like those that the rules have a sketch of."""
        own = parse_sketch(text)
        if own is None:
            return ()
        return tuple(
            evidence for numbers, evidence in self._sketches if numbers and measure_likeness(own, numbers) >= LIKE
        )


def _to_table(names: Iterable[tuple[str, _Evidence]]) -> dict[str, list[_Evidence]]:
    table: dict[str, list[_Evidence]] = {}
    for name, evidence in names:
        table.setdefault(name, []).append(evidence)
    return table


def _strongest(found: Iterable[_Evidence], event: object) -> tuple[Match, ...]:
    """Return one match for each rule whose conditions hold."""
    best: dict[int, Match] = {}
    for evidence in sorted(found, key=attrgetter("order")):
        rule = evidence.order[0]
        if rule not in best and evidence.holds(event):
            best[rule] = evidence.match
    return tuple(best.values())


def _is_approved(pattern: ProgramPattern, approved: frozenset[str]) -> bool:
    """Tell whether a program is on the allow list by any of its names.

    It is asked of the pattern, once, and not of the event: a forbidden program renamed to an approved name is still
    known by its digest and its path.
    """
    if to_name(pattern.name) in _to_comparables(approved, "executables"):
        return True
    for key in ("executables", *_LISTED):
        names = {to_comparable(name, key) for name in getattr(pattern, key)}
        known = _to_comparables(approved, key) if names else frozenset()
        if not known.isdisjoint(names):
            return True
        find_all = Wildcards([(name, name) for name in names if is_wildcard(name)]).find_all
        if any(find_all(name) for name in known):
            return True
    return False


@lru_cache(maxsize=16)
def _to_comparables(approved: frozenset[str], key: str) -> frozenset[str]:
    return frozenset(to_comparable(name, key) for name in approved)


def _to_predicate(kind: str, conditions: Iterable[Condition]) -> Predicate:
    each = [_compile_condition(kind, condition) for condition in conditions]
    if len(each) == 1:
        return each[0]
    return lambda event: all(holds(event) for holds in each)


def _compile_condition(kind: str, condition: Condition) -> Predicate:
    get = to_getter(kind, condition.field)
    if condition.operator is Operator.AT_LEAST:
        (least,) = condition.values
        return lambda event: isinstance(value := get(event), int | float) and value >= least  # type: ignore[operator]
    if condition.operator is Operator.GLOB:
        fits = Wildcards([(_fold(value), True) for value in condition.values]).find_all
        return lambda event: isinstance(value := get(event), str) and bool(fits(_fold(value)))
    wanted = frozenset(_fold(value) for value in condition.values)
    return lambda event: _fold(get(event)) in wanted


def _fold(value: Any) -> Any:
    """Return a value as conditions compare it: text without case."""
    return value[:MAX_CHARACTERS].casefold() if isinstance(value, str) else value
