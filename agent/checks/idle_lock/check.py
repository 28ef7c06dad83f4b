# SPDX-License-Identifier: Apache-2.0
"""The check `idle_lock`: no session at a screen of this machine is left open for longer than the policy allows.

It goes by what really happens (idle for too long and not locked) and by what is configured (set never to lock, or too
late). Whose session it is, is never told, and how long anybody was away only of a session that was left open.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from agent.checks.idle_lock.limit import find_limit_s
from agent.checks.idle_lock.verdict import Verdict, describe_setting, judge
from agent.checks.interface import Answer, Check, Rules
from agent.system.interface import Session, System
from agent.system.screens import Screen, ScreenListing, Screens
from proto.events import Kind, SessionLeftOpen, State
from rules.settings import Lock

GRACE_S = 15.0
"""So long after its limit a session may still be locking."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A session that was told of, as it was measured last."""

    screen: Screen
    limit_s: int
    idle_s: float


class IdleLock(Check):
    """Finds sessions that somebody walked away from."""

    name = "idle_lock"
    poll_interval_s = 5.0

    def __init__(
        self,
        system: System,
        find_rules: Callable[[], Rules | None],
        *,
        state_folder: Path | None = None,
        wake: Callable[[], None] | None = None,
        grace_s: float = GRACE_S,
    ) -> None:
        """As for every check."""
        super().__init__(system, find_rules, state_folder=state_folder, wake=wake)
        self._grace_s = grace_s
        self._screens: Screens | None = None
        self._lock: Lock | None = None
        self._listing: ScreenListing | None = None
        self._verdicts: dict[str, Verdict] = {}
        self._open: dict[str, _Open] = {}

    @property
    def has_more(self) -> bool:
        """Whether a display is being measured."""
        return self._screens is not None and self._screens.is_waiting

    def close(self) -> None:
        """Give back what was needed to look at the screens."""
        if self._screens is not None:
            self._screens.close()
            self._screens = None

    def _observe(self) -> Iterator[Kind]:
        rules = self._find_rules()
        self._lock = rules.policy.settings.lock if rules else None
        self._screens = self._screens or self._system.screens()
        self._listing = None
        if self._lock is None or self._screens is None:
            return
        self._listing = self._screens.list_screens(self._find_due_s)
        self._verdicts = {screen.key: self._judge(screen, self._lock) for screen in self._listing.screens}
        for screen in self._listing.screens:
            yield from self._follow(screen, self._lock)
        if not self._listing.unread:
            for key in self._open.keys() - self._verdicts.keys():
                yield from self._tell_over(key)

    def _finish(self) -> Iterator[SessionLeftOpen]:
        # The agent that starts next knows nothing of these, and tells of one that is still open as of a new one.
        for key in list(self._open):
            yield from self._tell_over(key)

    def _find_due_s(self, session: Session) -> float:
        """Return when a session is left open; 0 for never, or if its limit is not known."""
        limit_s = find_limit_s(self._lock, session) if self._lock else 0
        return limit_s + self._grace_s if limit_s else 0.0

    def _judge(self, screen: Screen, lock: Lock) -> Verdict:
        verdict = judge(screen, find_limit_s(lock, screen.session), grace_s=self._grace_s)
        last = self._verdicts.get(screen.key)
        if last is None or screen.is_fresh or verdict.unknown or verdict.is_open is not None:
            return verdict
        # Not measured at this look: what the last one found still holds.
        return replace(verdict, is_open=last.is_open, unknown=last.unknown)

    def _follow(self, screen: Screen, lock: Lock) -> Iterator[SessionLeftOpen]:
        is_open, told = self._verdicts[screen.key].is_open, self._open.get(screen.key)
        if is_open and screen.idle_s is not None and screen.is_fresh:
            if told is not None and screen.idle_s < told.idle_s:
                # Somebody touched it since it was measured last, and left it open once more.
                yield from self._tell_over(screen.key)
                told = None
            limit_s = told.limit_s if told else find_limit_s(lock, screen.session) or 0
            found = _Open(screen, limit_s, screen.idle_s)
            if told is None:
                yield _to_event(found, is_over=False)
            self._open[screen.key] = found
        elif is_open is False and told is not None:
            yield from self._tell_over(screen.key)

    def _tell_over(self, key: str) -> Iterator[SessionLeftOpen]:
        yield _to_event(self._open[key], is_over=True)
        del self._open[key]

    def _answer(self) -> Answer:
        if self._lock is None:
            return Answer(State.UNKNOWN, "There is no policy yet, so no session can be judged.")
        if self._listing is None:
            return Answer(State.UNKNOWN, "Sessions on this operating system cannot be looked at yet.")
        left_open = sum(verdict.is_open is True for verdict in self._verdicts.values())
        set_wrongly = "; ".join(sorted({each.set_wrongly for each in self._verdicts.values() if each.set_wrongly}))
        if left_open or set_wrongly:
            parts = [f"sessions left open: {left_open}"] * bool(left_open) + [set_wrongly] * bool(set_wrongly)
            facts = {"left_open": str(left_open), "set_wrongly": set_wrongly}
            return Answer(State.FAIL, f"Sessions are not locked as they must be; {'; '.join(parts)}.", facts)
        return self._answer_without_failure(self._listing)

    def _answer_without_failure(self, listing: ScreenListing) -> Answer:
        asked = [each for each in listing.screens if self._lock and find_limit_s(self._lock, each.session) != 0]
        facts = {
            "sessions": str(len(asked)),
            "locked": str(sum(each.is_locked is True for each in asked)),
            "set_to_lock": "; ".join(sorted({describe_setting(each.setting) for each in asked} - {""})),
        }
        unknown = {*listing.unread, *(self._verdicts[each.key].unknown for each in asked)} - {""}
        if any(each.is_awaited for each in asked) and not unknown:
            if self.result().state in (State.PASS, State.NOT_APPLICABLE):
                # Somebody has just signed in: that is no news.
                return self._current
            unknown = {"a display is being measured"}
        if unknown:
            why = "; ".join(sorted(unknown))
            return Answer(State.UNKNOWN, f"No session was found open, but not all is known: {why}.", facts)
        if not asked:
            return Answer(State.NOT_APPLICABLE, "Nobody who must lock is at a screen of this machine.")
        return Answer(State.PASS, "No session at a screen of this machine is left open.", facts)


def _to_event(found: _Open, *, is_over: bool) -> SessionLeftOpen:
    return SessionLeftOpen(
        session_type=found.screen.session.kind,
        desktop=found.screen.desktop,
        limit_s=found.limit_s,
        idle_s=int(found.idle_s),
        measured_by=found.screen.measured_by,
        is_over=is_over,
    )
