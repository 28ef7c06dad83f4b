# SPDX-License-Identifier: Apache-2.0
"""Tests of how what happened becomes events of the chain."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import SpoolError, SpoolFullError
from agent.recorder import Record, Recorder
from agent.spool import RANK_SAFEGUARDING, Spool
from proto.chain import GENESIS
from proto.envelope import MAX_BODY_BYTES
from proto.events import AgentStopped, Audience, Header, Kind, Missing, Program, SoftwareListed
from proto.wire import decode_event, decode_header
from tests.agent.collector import FakeCollector, open_as_collector
from tests.agent.spooled import failing_disk, peek_all
from tests.fakes import FakeClock
from tests.proto.samples import SAMPLES
from tests.proto.strategies import any_event

BOOT_ID = bytes(range(16))
STOPPED = AgentStopped("SIGTERM")
COLLECTOR = FakeCollector()


class Recording:
    """A recorder with what it stands on."""

    def __init__(self, folder: Path, *, max_bytes: int = 10**9) -> None:
        self.identity = COLLECTOR.enrol(folder)
        self.spool = Spool(folder / "spool" / "spool.db", self.identity.spool_key, max_bytes=max_bytes)
        self.wall, self.monotonic = FakeClock(1_788_000_000.0), FakeClock(50.0)
        self.recorder = self.make_recorder()

    def make_recorder(self) -> Recorder:
        """Return a recorder at the end of the chain, as after a restart."""
        return Recorder(
            self.identity,
            self.spool,
            BOOT_ID,
            clock_ns=lambda: int(self.wall() * 1e9),
            monotonic_ns=lambda: int(self.monotonic() * 1e9),
        )

    def record(self, *events: Kind, severity: int = 1) -> dict[str, int]:
        """Record events."""
        return self.recorder.record([Record(event, severity) for event in events], bundle_version=7)

    def headers(self) -> list[Header]:
        """Return the headers that wait."""
        return [decode_header(event.header) for event in peek_all(self.spool)]  # type: ignore[misc]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """A recorder on an empty queue."""
    return Recording(tmp_path)


@settings(deadline=None, max_examples=15)
@given(batches=st.lists(st.lists(any_event(), min_size=1, max_size=5), min_size=1, max_size=5))
def test_what_was_recorded_verifies(tmp_path_factory: pytest.TempPathFactory, batches: list[list[Kind]]) -> None:
    """Any events in any batches are one chain that the collector opens, and say there what they said here."""
    recording = Recording(tmp_path_factory.mktemp("state"))
    for batch in batches:
        recording.record(*batch)
    waiting = peek_all(recording.spool)
    opened = open_as_collector(recording.identity, waiting)
    events = [event for batch in batches for event in batch]
    assert [header.kind for header in opened.headers] == [event.kind for event in events]
    assert [decode_event(each.kind, each.payload.body) for each in waiting] == events
    assert opened.hashes[-1] == recording.spool.head(1).hash
    recording.spool.close()


def test_every_header_says_where_and_when(recording: Recording) -> None:
    """A header has school, device, epoch, number, clocks, boot, policy, severity and the chain's place."""
    recording.record(STOPPED, severity=4)
    (header,) = recording.headers()
    identity = recording.identity
    assert (header.school_id, header.device_id, header.epoch, header.seq) == (
        identity.school_id,
        identity.device_id,
        1,
        1,
    )
    assert (header.kind, header.schema_version, header.audience, header.severity) == (
        "agent.stopped",
        1,
        Audience.SECURITY,
        4,
    )
    assert header.wall_clock_ns == 1_788_000_000 * 10**9
    assert header.monotonic_ns == 50 * 10**9
    assert (header.boot_id, header.bundle_version, header.previous_hash) == (BOOT_ID, 7, GENESIS)
    assert not header.drill


def test_a_clock_that_jumps_does_not_break_the_chain(recording: Recording) -> None:
    """Set back by years or forward by centuries, the wall clock is told as it is, and numbers go on."""
    for jump in (0.0, -1_700_000_000.0, 5_000_000_000.0, -9_000_000_000.0):
        recording.wall.advance(jump)
        recording.monotonic.advance(1.0)
        recording.record(STOPPED)
    opened = open_as_collector(recording.identity, peek_all(recording.spool))
    assert [header.seq for header in opened.headers] == [1, 2, 3, 4]
    assert opened.headers[3].wall_clock_ns < 0
    assert [header.monotonic_ns for header in opened.headers] == [51 * 10**9, 52 * 10**9, 53 * 10**9, 54 * 10**9]


def test_a_restart_goes_on(recording: Recording) -> None:
    """The next recorder goes on where the chain ended, also when everything was acknowledged."""
    recording.record(STOPPED, STOPPED)
    head = recording.spool.head(1)
    recording.spool.acknowledge(2)
    recording.recorder = recording.make_recorder()
    recording.record(STOPPED)
    (waiting,) = peek_all(recording.spool)
    assert waiting.seq == 3
    open_as_collector(recording.identity, [waiting], head.hash)


def test_a_full_queue_leaves_the_chain_where_it_was(tmp_path: Path) -> None:
    """What was refused took no number: the next event has it."""
    recording = Recording(tmp_path, max_bytes=3000)
    recording.record(STOPPED, severity=5)
    with pytest.raises(SpoolFullError):
        recording.record(STOPPED, SoftwareListed((Program("n" * 5000),)), STOPPED, severity=1)
    assert [header.seq for header in recording.headers()] == [1]
    recording.record(STOPPED)
    opened = open_as_collector(recording.identity, peek_all(recording.spool))
    assert [header.seq for header in opened.headers] == [1, 2]


def test_a_queue_that_fails_leaves_the_chain_where_it_was(recording: Recording) -> None:
    """When the disk took nothing, the same events get the same numbers at the next attempt."""
    recording.record(STOPPED)
    with failing_disk(recording.spool):
        for _ in range(2):
            with pytest.raises(SpoolError, match="cannot be written"):
                recording.record(STOPPED, STOPPED)
    recording.record(STOPPED, STOPPED)
    opened = open_as_collector(recording.identity, peek_all(recording.spool))
    assert [header.seq for header in opened.headers] == [1, 2, 3]


def test_what_had_to_go_is_told(tmp_path: Path) -> None:
    """Content that other events lost is counted by kind, for the pipeline to report."""
    recording = Recording(tmp_path, max_bytes=4000)
    large = replace(STOPPED, reason="r" * 2000)
    assert recording.record(large) == {}
    assert recording.record(large) == {"agent.stopped": 1}
    assert [event.payload.missing for event in peek_all(recording.spool)] == [Missing.QUEUE_FULL, Missing.NO]


@pytest.mark.parametrize(("extra", "missing"), [(0, Missing.NO), (1, Missing.TOO_LARGE)])
def test_content_over_the_limit_stays_here(recording: Recording, extra: int, missing: Missing) -> None:
    """Content larger than an event may have does not leave, its header does, and the collector takes the chain."""
    # Three bytes of length and one of tag come before the text.
    event = AgentStopped("r" * (MAX_BODY_BYTES - 4 + extra))
    recording.record(STOPPED, event, STOPPED)
    waiting = peek_all(recording.spool)
    assert [each.payload.missing for each in waiting] == [Missing.NO, missing, Missing.NO]
    assert len(open_as_collector(recording.identity, waiting).headers) == 3


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_severity_is_the_rank_in_the_queue(recording: Recording, severity: int) -> None:
    """What is more severe keeps its content longer."""
    recording.record(SAMPLES["program.started"], severity=severity)
    assert peek_all(recording.spool)[0].rank == severity


def test_safeguarding_has_the_highest_rank(recording: Recording) -> None:
    """An event for safeguarding is above every severity."""

    class Flag(AgentStopped):
        audience = Audience.SAFEGUARDING

    recording.record(Flag("x"), severity=0)
    assert peek_all(recording.spool)[0].rank == RANK_SAFEGUARDING > 5


def test_the_same_event_twice_looks_different(recording: Recording) -> None:
    """Each payload has a salt of its own, so the same content cannot be recognised by its commitment."""
    recording.record(STOPPED, STOPPED)
    first, second = peek_all(recording.spool)
    assert first.payload.salt != second.payload.salt
    commitments = {header.payload_commitment for header in recording.headers()}
    assert len(commitments) == 2


def test_a_cloned_disk_forks_the_chain(tmp_path: Path) -> None:
    """Two machines with one identity write different events under one number, which is what the collector looks for."""
    recording = Recording(tmp_path / "machine")
    recording.record(STOPPED)
    recording.spool.close()
    shutil.copytree(tmp_path / "machine", tmp_path / "clone")
    heads = []
    for name in ("machine", "clone"):
        spool = Spool(tmp_path / name / "spool" / "spool.db", recording.identity.spool_key)
        Recorder(recording.identity, spool, BOOT_ID).record([Record(STOPPED, 1)], bundle_version=7)
        assert len(open_as_collector(recording.identity, peek_all(spool)).headers) == 2
        heads.append(spool.head(1))
        spool.close()
    assert heads[0].seq == heads[1].seq == 2
    assert heads[0].hash != heads[1].hash
