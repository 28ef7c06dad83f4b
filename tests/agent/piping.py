# SPDX-License-Identifier: Apache-2.0
"""A whole data path on a device for tests: real policy, recorder and queue, checks that a test writes, a fake clock."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from agent.budget import Budget
from agent.checks.interface import Answer, Check
from agent.clock import Clock
from agent.hit import Hit
from agent.pipeline import DROPPED_EVERY_S, Pipeline
from agent.policy import PolicyStore
from agent.readers import ReaderStore
from agent.recorder import Recorder
from agent.seal import Sealer
from agent.spool import Spool
from agent.throttle import Throttle
from proto.events import EventsDropped, Kind, Missing, State
from proto.wire import decode_event
from tests.agent.collector import FakeCollector, rule_files
from tests.agent.safeguarding import with_root
from tests.agent.spooled import peek_all
from tests.fakes import FakeClock, FakeSystem

COLLECTOR = FakeCollector()
IDENTITY = with_root(COLLECTOR.make_identity())


class ScriptedCheck(Check):
    """A check that does what a test says: events to yield, an answer to give, an error to end with."""

    def __init__(self, system: FakeSystem) -> None:
        super().__init__(system, lambda: None)
        self.events: list[Kind | Hit] = []
        self.last: list[Kind | Hit] = []
        """What it still has under way at the end."""
        self.error: BaseException | None = None
        self.answer = Answer(State.PASS, "All is well.")
        self.looks = 0
        self.is_closed = False
        self.on_told: Callable[[Kind | Hit], None] = lambda event: None
        """Called when the pipeline asks for the next event: by then this one is told."""

    def close(self) -> None:
        self.is_closed = True

    def _observe(self) -> Iterator[Kind | Hit]:
        self.looks += 1
        while self.events:
            event = self.events.pop(0)
            yield event
            self.on_told(event)
        if self.error is not None:
            raise self.error

    def _finish(self) -> Iterator[Kind | Hit]:
        yield from self.last
        if self.error is not None:
            raise self.error

    def _answer(self) -> Answer:
        return self.answer


def make_check(check_name: str, system: FakeSystem, *, every_s: float = 1.0) -> ScriptedCheck:
    """Return a check of that name."""
    cls = type("NamedCheck", (ScriptedCheck,), {"name": check_name, "poll_interval_s": every_s})
    check: ScriptedCheck = cls(system)
    return check


class Piping:
    """A pipeline with everything around it."""

    def __init__(
        self, folder: Path, *, names: Iterable[str] = ("one",), policy: bool = True, max_bytes: int = 10**9
    ) -> None:
        self.clock, self.system = FakeClock(), FakeSystem()
        self.set_by_ns = 0
        """How far somebody set the wall clock."""
        self.checks = [make_check(name, self.system) for name in names]
        self.policy = PolicyStore(folder / "policy" / "bundle.bin", IDENTITY, self.wall_ns)
        if policy:
            self.policy.accept(COLLECTOR.publish(7, rule_files()))
        self.spool = Spool(folder / "spool" / "spool.db", IDENTITY.spool_key, max_bytes=max_bytes)
        self.recorder = Recorder(IDENTITY, self.spool, self.system.boot_id())
        self.throttle = Throttle(self.clock)
        self.readers = ReaderStore(folder / "readers" / "readers.json", IDENTITY)
        self.budget = Budget(self.system, self.clock)
        self.pipeline = Pipeline(
            self.checks,
            self.policy,
            self.recorder,
            self.throttle,
            Sealer(IDENTITY, self.readers, "library-01"),
            self.budget,
            Clock(self.wall_ns, self.clock, lambda: int(self.clock() * 1e9)),
        )

    @property
    def check(self) -> ScriptedCheck:
        """The first check."""
        return self.checks[0]

    def wall_ns(self) -> int:
        """Return what the clock on the wall says."""
        return int(self.clock() * 1e9) + self.set_by_ns

    def step(self, *events: Kind | Hit, advance_s: float = 0.0) -> None:
        """Let the first check see events, and take what is due through the path."""
        self.check.events += events
        self.clock.advance(advance_s)
        self.pipeline.step()

    def minute(self) -> None:
        """Let so much time pass that what was dropped is told."""
        self.step(advance_s=DROPPED_EVERY_S)

    def told(self, *kinds: str) -> list[Any]:
        """Return the events that wait for the collector, of some kinds or of all, with the content they still have."""
        return [
            decode_event(event.kind, event.payload.body)
            for event in peek_all(self.spool)
            if event.payload.missing is Missing.NO and (not kinds or event.kind in kinds)
        ]

    def counts(self) -> Counter[tuple[str, str]]:
        """Return what was told as dropped, by kind and reason, over all."""
        counts: Counter[tuple[str, str]] = Counter()
        for dropped in self.told(EventsDropped.kind):
            counts[dropped.dropped_kind, dropped.reason] += dropped.count
        return counts
