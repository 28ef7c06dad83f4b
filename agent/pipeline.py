# SPDX-License-Identifier: Apache-2.0
"""The data path on the device, from top to bottom. Read this first.

    1 observe   each check turns answers of the machine into candidate events and a result, unless the policy pauses it
    2 gate      the signed policy decides what may leave at this moment; everything else ends here
    3 throttle  repetitions and floods are cut and counted, for each rule by itself
    4 seal      a sentence that matched becomes a flag that only its readers can open
    5 record    encoded, numbered, linked to the event before it, on the disk

`uplink` sends what was recorded. A check that fails does not stop the others: that it failed is an event. When the
disk takes nothing, events wait here for a while, and what had to go is counted. A sentence goes from its check straight
to the seal: it is throttled where it is found, each account by itself, and waits for nothing else.
"""

import logging
import math
import queue
import threading
from collections.abc import Iterator, Sequence

from agent.budget import Budget
from agent.checks.interface import Check, CheckResult
from agent.clock import Clock
from agent.errors import CheckError, SpoolError, SpoolFullError, UnsealedError
from agent.hit import Hit
from agent.policy import PolicyStore
from agent.recorder import Record, Recorder
from agent.seal import Sealer
from agent.throttle import Throttle
from proto.events import AgentStopped, CheckChanged, CheckCrashed, EventsDropped, FlagRaised, Kind, State
from rules.exceptions import TimedPause

log = logging.getLogger(__name__)

HELD_WHILE_DISK_FAILS = 1000
DISK_PAUSE_S = 5.0
"""After the disk took nothing; to try at every event would cost more than the agent may."""
CRASHED_PAUSE_S = 30.0
DROPPED_EVERY_S = 60.0
LONGEST_WAIT_S = 1.0
WOKEN_EVERY_S = 0.2
"""A check that is woken again and again looks this often at most, and less while the budget holds it back: what wakes
it, a user may do as often as he likes."""
UNSEALED_PAUSE_S = 30.0
UNSEALED_AT_MOST = 500
"""Sentences that could not be sealed, in memory only; with more of them the least urgent goes, and is counted."""


class Pipeline:
    """Brings the events of the checks to the queue. One thread is in `run`; `submit` and `wake` are for others."""

    def __init__(
        self,
        checks: Sequence[Check],
        policy: PolicyStore,
        recorder: Recorder,
        throttle: Throttle,
        sealer: Sealer,
        budget: Budget,
        clock: Clock,
    ) -> None:
        self._checks = checks
        self._policy = policy
        self._recorder = recorder
        self._throttle = throttle
        self._sealer = sealer
        self._budget = budget
        self._clock = clock
        self._monotonic_s = clock.monotonic_s
        self._due_s = {check.name: 0.0 for check in checks}
        self._looked_s = {check.name: -math.inf for check in checks}
        self._woken: set[str] = set()
        self._resting: set[str] = set()
        self._reported: dict[str, tuple[str, str]] = {}
        self._dropped_due_s = clock.monotonic_s() + DROPPED_EVERY_S
        self._disk_due_s = 0.0
        self._held: list[Record] = []
        self._unsealed: list[Hit] = []
        self._unsealed_due_s = 0.0
        self._submitted: queue.SimpleQueue[Kind] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._stop_reason: str | None = None
        self.results: dict[str, CheckResult] = {}
        """The newest answer of each check, for `status`."""

    def submit(self, event: Kind) -> None:
        """Hand over an event from another thread."""
        self._submitted.put(event)
        self._wake.set()

    def wake(self, check: str = "") -> None:
        """Look again soon: something happened, to one check or to all."""
        self._woken.update([check] if check else self._due_s)
        self._wake.set()

    def stop(self, reason: str = "") -> None:
        """Let `run` return within about a second, after the events at hand; a reason is told as the last of them.

        A signal handler may call it: it wakes nobody, for that takes a lock, which the interrupted code may hold.
        """
        # Whoever ends us without a word does not take away the word of another.
        self._stop_reason = self._stop_reason or reason

    def take_held(self) -> list[Record]:
        """Return what is not on the disk after `run`, dropped counts included, for whoever goes on in our place."""
        self._take_submitted()
        self._tell_dropped()
        held, self._held = self._held, []
        return held

    def inherit(self, held: Sequence[Record]) -> None:
        """Take over what the one before us could not bring onto the disk, before anything of our own."""
        self._held[:0] = held

    def run(self) -> None:
        """Do what is due, then wait for the next or for somebody to wake us; until stopped."""
        while self._stop_reason is None:
            self._wake.clear()
            self.step()
            due_s = min(map(self._find_due_s, self._due_s), default=math.inf)
            next_s = due_s - self._monotonic_s()
            self._wake.wait(min(max(next_s, 0.0), LONGEST_WAIT_S))
        self._end()

    def step(self) -> None:
        """Take everything that is due through the path, once."""
        self._take_submitted()
        for throttled in self._budget.sample():
            self._pass_on(throttled)
        if (stepped := self._clock.find_step()) is not None:
            self._pass_on(stepped)
        self._seal_again()
        self._policy.follow_time()
        for check in self._checks:
            if self._monotonic_s() >= self._find_due_s(check.name):
                self._observe(check)
        if self._monotonic_s() >= self._dropped_due_s:
            self._tell_dropped()
        self._record()

    def _end(self) -> None:
        """Take the last of everything through the path: nothing is lost with us that was not counted.

        1. What is due, as in every step.
        2. What the checks have under way, such as a sentence that somebody is typing.
        3. Why we end, and what could not be sealed or was dropped.
        """
        # 1
        self._disk_due_s = self._unsealed_due_s = 0.0
        self.step()
        # 2
        for check in self._checks:
            self._take(check, check.finish())
            check.close()
        # 3
        if self._stop_reason:
            self.submit(AgentStopped(self._stop_reason))
        self._take_submitted()
        if self._unsealed:
            self._throttle.count_dropped(FlagRaised.kind, "unsealed", len(self._unsealed))
            self._unsealed.clear()
        self._tell_dropped()
        self._disk_due_s = 0.0
        self._record()

    def _take_submitted(self) -> None:
        while not self._submitted.empty():
            self._pass_on(self._submitted.get())

    def _tell_dropped(self) -> None:
        self._dropped_due_s = self._monotonic_s() + DROPPED_EVERY_S
        for dropped in self._throttle.take_dropped():
            # Past the throttle, which has no say in what it dropped itself.
            self._held.append(Record(dropped, dropped.severity))

    def _find_due_s(self, check: str) -> float:
        """Return when a check looks next."""
        if check not in self._woken:
            return self._due_s[check]
        return min(self._due_s[check], self._looked_s[check] + WOKEN_EVERY_S * self._budget.slowdown_of(check))

    def _observe(self, check: Check) -> None:
        # First: what wakes it while it looks counts for the next time.
        self._woken.discard(check.name)
        self._due_s[check.name] = self._monotonic_s() + check.poll_interval_s * self._budget.slowdown_of(check.name)
        pause = self._policy.find_pause(check.name)
        if pause is not None:
            self._rest(check, pause)
            return
        self._resting.discard(check.name)
        check.scans_paused = self._budget.is_paused(check.name)
        with self._budget.charging(check.name):
            self._take(check, check.observe(self._clock.wall_ns()))
        self._looked_s[check.name] = self._monotonic_s()
        self._report(check.result())

    def _rest(self, check: Check, pause: TimedPause) -> None:
        """Leave out a check that the policy pauses. What it had under way is told first; when the pause has ended, it
        looks anew."""
        if check.name not in self._resting:
            self._resting.add(check.name)
            self._take(check, check.finish())
            check.close()
        why = f"The policy pauses this check until {pause.pause.last:%Y-%m-%d %H:%M}."
        self._report(CheckResult(check.name, State.UNKNOWN, why, {}, None))

    def _take(self, check: Check, events: Iterator[Kind | Hit]) -> None:
        """Take what a check yields through the path."""
        try:
            # One at a time: when a check is asked for the next, it takes the last as told, so that must be on the disk.
            for found in events:
                if isinstance(found, Hit):
                    self._seal(found)
                else:
                    self._pass_on(found)
                self._record()
        except CheckError as error:
            log.error("%s", error)
            self._due_s[check.name] = self._monotonic_s() + CRASHED_PAUSE_S
            self._pass_on(CheckCrashed(error.check, error.error_type))

    def _report(self, result: CheckResult) -> None:
        """Make an event of another answer. A summary may count things that come and go: that alone is no news."""
        self.results[result.check] = result
        answer = (result.state.value, repr(sorted(result.facts.items())) if result.state is State.FAIL else "")
        if self._reported.get(result.check) == answer:
            return
        since_ns = result.first_failed_at_ns or 0
        # One that the throttle cuts is news again at the next look: the last answer told is always the true one.
        if self._pass_on(CheckChanged(result.check, result.state.value, result.summary, result.facts, since_ns)):
            self._reported[result.check] = answer

    def _pass_on(self, event: Kind) -> bool:
        """Take an event through steps 2 and 3; return whether it came through."""
        severity = self._policy.find_severity(event)
        if severity is None or not self._throttle.admit(event, self._policy.describe(event)):
            return False
        self._held.append(Record(event, severity))
        return True

    def _seal(self, hit: Hit) -> None:
        """Step 4. What cannot be sealed is kept, unsealed and therefore in memory only, and tried again."""
        try:
            flag = self._sealer.seal(hit)
        except UnsealedError as error:
            log.error("%s", error)
            self._pass_on(CheckCrashed("keywords", error.error_type))
            self._unsealed_due_s = self._monotonic_s() + UNSEALED_PAUSE_S
            self._unsealed.append(hit)
            if len(self._unsealed) > UNSEALED_AT_MOST:
                self._unsealed.remove(min(self._unsealed, key=lambda each: each.found.tier))
                self._throttle.count_dropped(FlagRaised.kind, "unsealed", 1)
            return
        severity = self._policy.find_severity(flag.event)
        if severity is None:
            self._throttle.count_dropped(FlagRaised.kind, "switched_off", 1)
            return
        self._held.append(Record(flag.event, severity, flag.tier, flag.route, flag.is_drill))

    def _seal_again(self) -> None:
        if self._unsealed and self._monotonic_s() >= self._unsealed_due_s:
            waiting, self._unsealed = self._unsealed, []
            for hit in waiting:
                self._seal(hit)

    def _record(self) -> None:
        """Step 5."""
        while self._held and self._monotonic_s() >= self._disk_due_s:
            try:
                trimmed = self._recorder.record(self._held, bundle_version=self._policy.version)
            except SpoolFullError:
                self._drop_least("queue_full")
            except SpoolError as error:
                log.error("%s; %d events wait", error, len(self._held))
                self._disk_due_s = self._monotonic_s() + DISK_PAUSE_S
            else:
                self._held.clear()
                for kind, count in trimmed.items():
                    self._throttle.count_dropped(kind, "queue_full", count)
        while len(self._held) > HELD_WHILE_DISK_FAILS:
            self._drop_least("disk")

    def _drop_least(self, reason: str) -> None:
        """Let the oldest event of the lowest rank go, and count it."""
        place = min(range(len(self._held)), key=lambda place: self._held[place].rank)
        event = self._held.pop(place).event
        if isinstance(event, EventsDropped):
            # The count itself must not get lost: it is told later, with what comes to it.
            self._throttle.count_dropped(event.dropped_kind, event.reason, event.count)
            return
        if isinstance(event, CheckChanged):
            self._reported.pop(event.check, None)
        self._throttle.count_dropped(event.kind, reason, 1)
