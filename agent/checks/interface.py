# SPDX-License-Identifier: Apache-2.0
"""What a check is: it is asked again and again, gives candidate events, and has an answer at any time.

It asks only `agent.system` about the machine and decides only by the policy it is given. Who asks it, how often, and
what may leave the device is the business of `agent.pipeline`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol

from agent.errors import CheckError
from agent.hit import Hit
from agent.system.interface import System
from proto.events import Kind, State
from rules.evaluate import Evaluator
from rules.model import Policy


class Rules(Protocol):
    """The policy in force and its compiled form; other objects after every change, and whenever rules that are bound to
    times or people begin or cease to count."""

    @property
    def policy(self) -> Policy:
        """The policy."""
        ...

    @property
    def evaluator(self) -> Evaluator:
        """What says which of its rules fit an event."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check finds now."""

    state: State
    summary: str
    """One sentence. It may count things that come and go; names only what a rule names."""
    facts: dict[str, str] = field(default_factory=dict)
    """What the answer rests on; names only what a rule names. The same as long as a failure is, or it would be news."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The answer of a check, with its history."""

    check: str
    state: State
    summary: str
    facts: dict[str, str]
    first_failed_at_ns: int | None
    """Nanoseconds since 1970 by the device's clock; None unless the state is fail."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "check": self.check,
            "state": self.state.value,
            "summary": self.summary,
            "facts": dict(self.facts),
            "first_failed_at": None if self.first_failed_at_ns is None else _to_rfc3339(self.first_failed_at_ns),
        }


class Check(ABC):
    """One check. Subclasses write `_observe` and `_answer`; everybody else calls `observe` and `result`."""

    name: ClassVar[str]
    poll_interval_s: ClassVar[float] = 1.0

    def __init__(
        self,
        system: System,
        find_rules: Callable[[], Rules | None],
        *,
        state_folder: Path | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        """Make a check that asks `system` and judges by what `find_rules` returns at each look.

        What has to survive a restart is kept in `state_folder`; without one, nothing survives. `wake` may be called
        from any thread when it is worth to look before the next interval.
        """
        self._system = system
        self._find_rules = find_rules
        self._state_folder = state_folder
        self._wake = wake or (lambda: None)
        self._current = Answer(State.UNKNOWN, "This check has not run yet.")
        self._failing_since_ns: int | None = None
        self.scans_paused = False
        """Set by who runs the check: leave out what is costly and can wait."""

    def observe(self, now_ns: int) -> Iterator[Kind | Hit]:
        """Look at the machine and yield candidate events, and sentences to be sealed; then renew the answer.

        A check notes that an event was told when the next one is asked for. So who stores each event as it comes loses
        none, whatever happens in between.

        Raises:
            CheckError: whatever went wrong inside. The answer is then unknown; ask again later.
        """
        try:
            yield from self._observe()
            answer = self._answer()
        except Exception as error:
            # Nobody foresaw it, so nobody can say what it means, but that this check does not know.
            self._note(Answer(State.UNKNOWN, f"This check ended with an error: {type(error).__name__}."), now_ns)
            raise CheckError(self.name, type(error).__name__) from error
        self._note(answer, now_ns)

    def result(self) -> CheckResult:
        """Return the answer of the last look."""
        return CheckResult(
            self.name,
            self._current.state,
            self._current.summary,
            self._current.facts,
            self._failing_since_ns if self._current.state is State.FAIL else None,
        )

    @property
    def has_more(self) -> bool:
        """Whether the last look left work over; who wants the whole answer looks again at once."""
        return False

    def finish(self) -> Iterator[Kind | Hit]:
        """End what is under way and yield what comes of it; the next call is `close`.

        Raises:
            CheckError: whatever went wrong inside.
        """
        try:
            yield from self._finish()
        except Exception as error:
            raise CheckError(self.name, type(error).__name__) from error

    def close(self) -> None:  # noqa: B027 - most checks hold nothing
        """Give back what the check holds of the system; if it is asked to look again, it takes it anew."""

    @abstractmethod
    def _observe(self) -> Iterator[Kind | Hit]:
        """Look, and yield events. Anything may be raised."""

    @abstractmethod
    def _answer(self) -> Answer:
        """Return what the last look found."""

    def _finish(self) -> Iterator[Kind | Hit]:
        """End what is under way, and yield events. Most checks have nothing under way between two looks."""
        yield from ()

    def _note(self, answer: Answer, now_ns: int) -> None:
        if answer.state is State.FAIL:
            self._failing_since_ns = self._failing_since_ns or now_ns
        elif answer.state is not State.UNKNOWN:
            # A moment of not knowing does not show that what failed was put right.
            self._failing_since_ns = None
        self._current = answer


def _to_rfc3339(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
