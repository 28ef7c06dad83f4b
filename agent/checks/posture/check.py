# SPDX-License-Identifier: Apache-2.0
"""The check `posture`: disks, antivirus, firewall, updates, support, administrators, passwords, guests, and the night.

It asks the system, lets `items` judge, and tells each finding once. All it reads costs some milliseconds, so it reads
everything at each look; the lists of updates, which can cost more, are left as they were while scans are paused. What
a service has to do is not there in the first minutes after the start of a machine, or while the service is updated:
that it fails is taken for true when it has failed for some minutes, and is not known until then.
"""

import time
from collections.abc import Callable, Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Any

from agent.checks.interface import Answer, Check, Rules
from agent.checks.posture import items
from agent.checks.posture.items import DAY_NS, Judgement
from agent.checks.posture.told import ToldFindings
from agent.checks.posture.waiting import WaitingUpdates
from agent.system.interface import System
from agent.system.posture import NotKnownError, PostureReader, Updates
from proto.events import Kind, PostureFound, State
from rules.settings import Settings

LOOK_EVERY_S = 600.0
SETTLED_AFTER_S = 300.0
SERVICES = ("antivirus", "firewall")
"""Items that a service of the machine sees to."""


class Posture(Check):
    """Measures the machine itself against the policy."""

    name = "posture"
    poll_interval_s = 60.0

    def __init__(
        self,
        system: System,
        find_rules: Callable[[], Rules | None],
        *,
        state_folder: Path | None = None,
        wake: Callable[[], None] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        clock_s: Callable[[], float] = time.monotonic,
        zone: tzinfo | None = None,
    ) -> None:
        """As for every check; `clock_s` begins with the machine, `zone` is its own unless another is given."""
        super().__init__(system, find_rules, state_folder=state_folder, wake=wake)
        self._clock_ns = clock_ns
        self._clock_s = clock_s
        self._zone = zone
        self._rules: Rules | None = None
        self._due_s = 0.0
        self._failing_s: dict[str, float | None] = {}
        self._reader: PostureReader | None = None
        self._told = ToldFindings(state_folder)
        self._waiting = WaitingUpdates(state_folder)
        self._updates: Updates | NotKnownError = NotKnownError("the lists of updates have not been read yet")
        self._judged: dict[str, Judgement] = {}

    def _observe(self) -> Iterator[Kind]:
        rules, now_s = self._find_rules(), self._clock_s()
        if rules is self._rules and now_s < self._due_s:
            return
        self._rules = rules
        self._reader = self._reader or self._system.posture()
        self._judged = {}
        if rules is None or self._reader is None:
            return
        self._judged = self._judge_all(self._reader, rules.policy.settings)
        unsettled = [item for item in SERVICES if not self._is_settled(item, now_s)]
        for item, judgement in self._judged.items():
            if item not in unsettled:
                yield from self._tell(item, judgement, rules)
        for item in unsettled:
            self._judged[item] = Judgement(State.UNKNOWN, "It fails, and has not done so for long.")
        self._due_s = now_s + (0.0 if unsettled else LOOK_EVERY_S)

    def _is_settled(self, item: str, now_s: float) -> bool:
        """Return unless an item has failed for a short time only."""
        if self._judged[item].state is not State.FAIL:
            self._failing_s[item] = None
            return True
        # What fails at the first look is taken to have failed since the machine was started.
        since_s = self._failing_s.get(item, 0.0)
        self._failing_s[item] = since_s = now_s if since_s is None else since_s
        return now_s - since_s >= SETTLED_AFTER_S

    def _judge_all(self, reader: PostureReader, settings: Settings) -> dict[str, Judgement]:
        now_ns, asked = self._clock_ns(), settings.posture
        accounts = _ask(reader.local_accounts)
        if not self.scans_paused:
            self._updates = _ask(reader.pending_updates)
        return {
            "disk_encryption": _judge(_ask(reader.disk_encryption), items.judge_disk_encryption),
            "antivirus": _judge(_ask(reader.antivirus), items.judge_antivirus, asked, now_ns),
            "firewall": _judge(_ask(reader.firewall), items.judge_firewall),
            "updates": _judge(self._updates, self._judge_updates, settings, now_ns),
            "os_support": _judge(_ask(reader.supported_until), items.judge_os_support, now_ns),
            "administrators": _judge(accounts, items.judge_administrators, asked),
            "password_age": _judge(accounts, items.judge_password_age, asked, now_ns),
            "guest_account": _judge(accounts, items.judge_guest_account, settings.accounts),
            "switched_on": items.judge_switched_on(asked, now_ns, self._zone),
        }

    def _judge_updates(self, found: Updates, settings: Settings, now_ns: int) -> Judgement:
        if now_ns < found.listed_at_ns - DAY_NS:
            # Nothing is remembered by such a clock: it would make every update years old when it is put right.
            return Judgement(State.UNKNOWN, "This machine's clock is behind its lists of security updates.")
        since_ns = self._waiting.note({each.package for each in found.waiting}, now_ns)
        return items.judge_updates(found, since_ns, self._waiting.begun_ns, settings.posture, now_ns)

    def _tell(self, item: str, judgement: Judgement, rules: Rules) -> Iterator[PostureFound]:
        """Yield a finding that a rule asks for and that was not told yet."""
        state = judgement.state.value
        event = PostureFound(item, state, judgement.summary, {**judgement.facts, **judgement.figures})
        if judgement.state not in (State.FAIL, State.UNKNOWN):
            # That it was put right is told to a rule that waits for just that.
            if self._told.has(item) and rules.evaluator.clears(event.kind, event):
                yield event
            self._told.forget(item)
            return
        asking = frozenset(match.rule.id for match in rules.evaluator.match(event.kind, event))
        facts = tuple(sorted(judgement.facts.items()))
        if self._told.is_news((item, state), facts, asking):
            yield event
        self._told.note((item, state), facts, asking)

    def _answer(self) -> Answer:
        if self._rules is None:
            return Answer(State.UNKNOWN, "There is no policy yet, so nothing can be judged.")
        if self._reader is None:
            return Answer(State.UNKNOWN, "This system's security is not looked at yet.")
        facts = {item: judgement.state.value for item, judgement in self._judged.items()}
        for state, words in ((State.FAIL, "Not as the policy asks"), (State.UNKNOWN, "Not known")):
            named = [item for item, judgement in self._judged.items() if judgement.state is state]
            if named:
                return Answer(state, f"{words}: {', '.join(named)}.", facts)
        return Answer(State.PASS, "The machine's security is as the policy asks.", facts)


def _ask(question: Callable[[], Any]) -> Any:
    """Return the answer to a question, or the reason why there is none."""
    try:
        return question()
    except NotKnownError as reason:
        return reason


def _judge(found: Any, judge: Callable[..., Judgement], *measures: Any) -> Judgement:
    """Return what an answer comes to; the reason why there is none makes it unknown."""
    if isinstance(found, NotKnownError):
        return Judgement(State.UNKNOWN, f"Not known: {found}.")
    return judge(found, *measures)
