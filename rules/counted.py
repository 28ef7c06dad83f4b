# SPDX-License-Identifier: Apache-2.0
"""When what was seen is an incident: threshold, number of devices, grace and escalation. Pure: no clock, and no memory.

The caller keeps what was seen and says so each time: the collector in a table, the tests of rule files in a list.
What a rule fits at all is `evaluate`'s.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rules.model import Rule

_NS = 10**9


@dataclass(frozen=True, slots=True, order=True)
class Seen:
    """A rule fitted, and nothing cleared it since."""

    at_ns: int
    device: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the newest of what was seen means."""

    due_at_ns: int | None
    """When it is an incident: its own time, a later one if the rule has a grace, or None if it is none by itself."""
    severity: int
    """The rule's, or higher if it came again and again."""


def is_immediate(rule: Rule) -> bool:
    """Tell whether each fit of a rule is an incident at once and by itself, so that nobody need remember any."""
    return rule.threshold <= 1 and rule.least_devices <= 1 and not rule.grace_s and not rule.escalations


def is_of_school(rule: Rule) -> bool:
    """Tell whether its incident is the school's: what was seen on all devices counts together, and not each by
    itself."""
    return rule.least_devices > 1


def find_look_back_s(rule: Rule) -> int:
    """Return for how long what was seen can matter."""
    longest_s = max((each.within_s for each in rule.escalations), default=0)
    # One grace back somebody was told; one more shows whether it had begun before.
    return rule.window_s + max(2 * rule.grace_s, longest_s)


def judge(rule: Rule, seen: Iterable[Seen]) -> Verdict:
    """Return what the newest of `seen` means, of which there is one at least.

    They are all of one rule and about one thing: on one device, or on all if `is_of_school`. Older ones than
    `find_look_back_s` before the newest may be left out.
    """
    ordered = sorted(seen)
    newest_ns = ordered[-1].at_ns
    fulfilled = find_fulfilled(rule, ordered)
    if not fulfilled or fulfilled[-1] != newest_ns:
        return Verdict(None, rule.severity)
    grace_ns = rule.grace_s * _NS
    # It waits since it began. What came long before belongs to another time, which ended or became an incident.
    gaps = [(later, later - earlier > grace_ns) for earlier, later in pairwise(fulfilled)]
    began_ns = next((later for later, is_apart in reversed(gaps) if is_apart), fulfilled[0])
    due_at_ns = max(newest_ns, began_ns + grace_ns)
    return Verdict(due_at_ns, _find_severity(rule, fulfilled))


def find_fulfilled(rule: Rule, ordered: Iterable[Seen]) -> list[int]:
    """Return the times at which so much had been seen, on so many devices, within the window; the oldest first, as
    `ordered` is."""
    fulfilled: list[int] = []
    window: deque[Seen] = deque()
    counts: Counter[str] = Counter()
    devices = 0
    for each in ordered:
        window.append(each)
        counts[each.device] += 1
        devices += counts[each.device] == rule.threshold
        while each.at_ns - window[0].at_ns > rule.window_s * _NS:
            gone = window.popleft().device
            devices -= counts[gone] == rule.threshold
            counts[gone] -= 1
        if devices >= rule.least_devices:
            fulfilled.append(each.at_ns)
    return fulfilled


def _find_severity(rule: Rule, fulfilled: Sequence[int]) -> int:
    """Return the severity of what came so often."""
    newest_ns = fulfilled[-1]
    reached = [
        each.severity
        for each in rule.escalations
        if sum(newest_ns - at_ns <= each.within_s * _NS for at_ns in fulfilled) >= each.after
    ]
    return max([rule.severity, *reached])
