# SPDX-License-Identifier: Apache-2.0
"""The queue against a list that does the same in the simplest way: whatever the order of calls, both agree."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.errors import SpoolFullError
from agent.spool import ROW_OVERHEAD_BYTES, Spool, SpooledEvent
from proto.events import Missing
from tests.agent.spooled import KEY, Chain, peek_all

SEALED_BYTES = 12 + 16 + 32
"""Nonce, tag and salt."""


@dataclass
class Waiting:
    """One event of the list."""

    event: SpooledEvent
    has_content: bool = True

    @property
    def content_bytes(self) -> int:
        return SEALED_BYTES + len(self.event.payload.body) if self.has_content else 0

    @property
    def bytes(self) -> int:
        return len(self.event.header) + ROW_OVERHEAD_BYTES + self.content_bytes


class SpoolAgainstList(RuleBasedStateMachine):
    """Appends, acknowledges and restarts in any order."""

    @initialize(max_bytes=st.integers(2_000, 8_000))
    def start(self, max_bytes: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.max_bytes = max_bytes
        self.spool = Spool(self.folder / "spool.db", KEY, max_bytes=max_bytes)
        self.list: list[Waiting] = []
        self.newest = 0

    @rule(batch=st.lists(st.tuples(st.integers(0, 900), st.sampled_from([1, 2, 3, 5, 100])), min_size=1, max_size=4))
    def append(self, batch: list[tuple[int, int]]) -> None:
        chain = Chain(self.spool)
        new = [Waiting(chain.make(bytes(size), rank=rank, kind=f"kind.r{rank}")) for size, rank in batch]
        expected = self.trim(new)
        try:
            trimmed = self.spool.append(1, [each.event for each in new])
        except SpoolFullError:
            assert expected is None
            return
        assert expected is not None
        for each in expected:
            each.has_content = False
        assert sum(trimmed.values()) == len(expected)
        assert set(trimmed) == {each.event.kind for each in expected}
        self.list += new
        self.newest = new[-1].event.seq

    def trim(self, new: list[Waiting]) -> list[Waiting] | None:
        """Return what has to lose its content for the new ones, or None if even that is not enough."""
        excess = sum(each.bytes for each in [*self.list, *new]) - self.max_bytes
        highest = max(each.event.rank for each in new)
        candidates = [each for each in self.list if each.has_content and each.event.rank <= highest]
        losing = []
        for each in sorted(candidates, key=lambda each: (each.event.rank, each.event.seq)):
            if excess <= 0:
                break
            losing.append(each)
            excess -= each.content_bytes
        return losing if excess <= 0 else None

    @precondition(lambda self: self.newest > 0)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        seq = data.draw(st.integers(0, self.newest))
        self.spool.acknowledge(seq)
        self.list = [each for each in self.list if each.event.seq > seq]

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = Spool(self.folder / "spool.db", KEY, max_bytes=self.max_bytes)

    @invariant()
    def both_agree(self) -> None:
        found = peek_all(self.spool)
        assert [each.seq for each in found] == [each.event.seq for each in self.list]
        assert [each.header for each in found] == [each.event.header for each in self.list]
        for each, waiting in zip(found, self.list, strict=True):
            if waiting.has_content:
                assert each.payload == waiting.event.payload
            else:
                assert each.payload.missing is Missing.QUEUE_FULL
        assert self.spool.count() == len(self.list)
        assert self.spool.head(1).seq == self.newest

    @invariant()
    def the_limit_holds(self) -> None:
        size = sum(each.bytes for each in self.list)
        assert self.spool._bytes == size
        assert size <= self.max_bytes

    def teardown(self) -> None:
        self.spool.close()
        shutil.rmtree(self.folder)


TestSpoolAgainstList = SpoolAgainstList.TestCase
TestSpoolAgainstList.settings = settings(deadline=None, max_examples=25, stateful_step_count=25)
