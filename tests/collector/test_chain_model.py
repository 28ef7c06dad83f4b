# SPDX-License-Identifier: Apache-2.0
"""The collector's chains against a model: whatever comes, in whatever order, the ledger holds what was signed, once.

The model knows what each device signed and what somebody did with it on the way: sent again, in another order, from a
clone, by nobody with the key, after a new beginning, erased afterwards.
"""

import atexit
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from collector.authority import load_authority, make_authority
from collector.config import Config
from collector.erasure import erase_events
from collector.ingest import Ingest
from collector.store.engine import make_ledger_key, migrate, open_engine, reading, writing
from collector.store.schema import envelopes, payloads, refused, schools
from collector.tombstones import Reason
from collector.verify import verify
from proto.events import ChainRestarted, Missing
from proto.files import write_private
from proto.keys import Ed25519Signer, load_signer
from proto.wire import Ack, Envelope, decode_header_block
from tests.collector.evidence import (
    ORDINARY,
    TOR_STARTED,
    Device,
    enrol_device,
    headers_of,
    incidents_of,
    make_evaluator,
    reason_of,
    send,
    spoil,
)
from tests.collector.school import START_NS, School

SCHOOL_ID = "5c4001000000a11e"
_template: list[Path] = []


def _copy_collector(folder: Path) -> School:
    """Return a school with two devices, made once and copied."""
    if not _template:
        _template.append(Path(tempfile.mkdtemp(prefix="collector-")))
        atexit.register(shutil.rmtree, _template[0])
        config = _at(_template[0])
        make_ledger_key(config.ledger_key)
        write_private(config.signing_key, Ed25519Signer.generate().to_pem())
        make_authority(config.authority_folder)
        engine = open_engine(config)
        migrate(engine)
        with writing(engine) as connection:
            connection.execute(schools.insert().values(school_id=SCHOOL_ID, name="A school", created_at_ns=START_NS))
        engine.dispose()
    shutil.copytree(_template[0], folder)
    return School(_at(folder), open_engine(_at(folder)))


def _at(folder: Path) -> Config:
    return Config(folder=folder, school_id=SCHOOL_ID, school_name="A school", database="")


@dataclass
class Line:
    """What the model knows of a device."""

    device: Device
    waiting: list[Envelope] = field(default_factory=list)
    """Signed and not taken yet, oldest first."""
    taken: list[Envelope] = field(default_factory=list)
    epoch: int = 1


class Chains(RuleBasedStateMachine):
    """Devices that sign, a way on which anything happens, and a collector."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="chains-"))
        self.school = _copy_collector(self.folder / "collector")
        self.ingest = Ingest(self.school.engine, self.school.id, make_evaluator(), clock_ns=lambda: START_NS)
        self.lines: list[Line] = []
        self.erased: set[int] = set()
        self.forks = 0
        self.forged = 0

    @initialize()
    def enrol(self) -> None:
        """Two devices, so that one's troubles are seen not to be the other's."""
        authority = load_authority(self.school.config.authority_folder)
        self.lines = [Line(enrol_device(self.school, authority, f"library-0{number}")) for number in (1, 2)]
        for line in self.lines:
            # So that every rule finds something to do from the first step on.
            line.waiting = [line.device.say(TOR_STARTED, ORDINARY), line.device.say(ORDINARY)]
            self._take(line, line.waiting[0])

    @rule(which=st.integers(0, 1), count=st.integers(1, 3), is_missing=st.booleans())
    def sign(self, which: int, count: int, is_missing: bool) -> None:
        """A device has something to say."""
        line = self.lines[which]
        content = [TOR_STARTED, *[ORDINARY] * (count - 1)]
        missing = Missing.QUEUE_FULL if is_missing else Missing.NO
        line.waiting.append(line.device.say(*content, missing=missing))

    @rule(which=st.integers(0, 1))
    def send_next(self, which: int) -> None:
        """What comes next is taken."""
        line = self.lines[which]
        if line.waiting:
            self._take(line, line.waiting[0])

    @rule(which=st.integers(0, 1))
    def send_in_another_order(self, which: int) -> None:
        """What comes too early is not taken, and nothing of it is kept."""
        line = self.lines[which]
        if len(line.waiting) > 1 and line.waiting[1].epoch == line.waiting[0].epoch:
            (answer,) = send(self.ingest, line.waiting[1])
            assert reason_of(answer) == "out_of_order"

    @rule(which=st.integers(0, 1), place=st.integers(0, 5))
    def send_again(self, which: int, place: int) -> None:
        """What was taken in this epoch is acknowledged again and changes nothing; of an older epoch it is a fork."""
        line = self.lines[which]
        if line.taken:
            envelope = line.taken[place % len(line.taken)]
            (answer,) = send(self.ingest, envelope)
            if envelope.epoch == line.epoch:
                assert isinstance(answer, Ack)
                assert answer.last_seq == envelope.last_seq
            else:
                assert reason_of(answer) == "forked"
                self.forks += 1

    @rule(which=st.integers(0, 1))
    def send_from_a_clone(self, which: int) -> None:
        """Another machine with the same key says something else in a place that is taken."""
        line = self.lines[which]
        if line.taken:
            clone = line.device.clone()
            clone.epoch, clone.seq = line.epoch, 0
            (answer,) = send(self.ingest, clone.say(ORDINARY, monotonic_ns=99))
            assert reason_of(answer) == "forked"
            self.forks += 1

    @rule(which=st.integers(0, 1))
    def forge(self, which: int) -> None:
        """Who has no key can neither add anything nor have the device taken for a clone."""
        line = self.lines[which]
        forger = line.device.clone()
        if line.taken:
            forger.epoch, forger.seq = line.epoch, 0
        (answer,) = send(self.ingest, spoil(forger.say(ORDINARY, monotonic_ns=98), signature=bytes(64)))
        assert reason_of(answer) in {"bad_signature", "out_of_order"}
        self.forged += 1

    @rule(which=st.integers(0, 1))
    def lose_the_queue(self, which: int) -> None:
        """A device begins anew: what waited is gone, and it says so."""
        line = self.lines[which]
        line.waiting.clear()
        line.device.start_epoch()
        line.waiting.append(line.device.say(ChainRestarted("lost", line.device.epoch - 1), ORDINARY))

    @precondition(lambda self: any(line.taken for line in self.lines))
    @rule(place=st.integers(0, 1000))
    def erase(self, place: int) -> None:
        """Somebody has the right that something goes."""
        event_id = place % self._count_taken() + 1
        with reading(self.school.engine) as connection:
            row = connection.execute(select(payloads).where(payloads.c.event_id == event_id)).one()
        signer = load_signer(self.school.config.signing_key)
        count = erase_events(
            self.school.engine,
            self.school.id,
            signer,
            [event_id],
            reason=Reason.REQUEST,
            note="model",
            now_ns=START_NS,
        )
        assert count == (row.missing == Missing.NO)
        if count:
            self.erased.add(event_id)

    @invariant()
    def ledger_holds_what_was_taken(self) -> None:
        """Every header that was taken stands there once, in order, and nothing else does."""
        for line in self.lines:
            query = select(envelopes.c.header_block).where(envelopes.c.device_id == line.device.id)
            with reading(self.school.engine) as connection:
                held = connection.execute(query.order_by(envelopes.c.epoch, envelopes.c.first_seq)).scalars().all()
            assert [header for block in held for header in decode_header_block(block)] == headers_of(*line.taken)

    def teardown(self) -> None:
        """Verify agrees with the model, to the event."""
        report = verify(self.school.engine, self.school.config)
        missing = sum(payload.missing != 0 for line in self.lines for each in line.taken for payload in each.payloads)
        assert report.problems == []
        assert (report.events, report.erased) == (self._count_taken(), len(self.erased))
        assert (report.without_content, report.tombstones) == (missing, len(self.erased))
        with reading(self.school.engine) as connection:
            kept = connection.execute(select(refused.c.reason, refused.c["count"])).all()
        assert sum(row[1] for row in kept if row[0] == "forked") == self.forks
        told = sum(each.count for each in incidents_of(self.school) if each.rule == "device-forked")
        assert told == self.forks
        self.ingest.close()
        self.school.engine.dispose()
        shutil.rmtree(self.folder)

    def _take(self, line: Line, envelope: Envelope) -> None:
        (answer,) = send(self.ingest, envelope)
        assert isinstance(answer, Ack)
        line.taken.append(envelope)
        line.waiting.remove(envelope)
        line.epoch = envelope.epoch

    def _count_taken(self) -> int:
        return sum(each.last_seq - each.first_seq + 1 for line in self.lines for each in line.taken)


TestChains = Chains.TestCase
TestChains.settings = settings(
    max_examples=10,
    stateful_step_count=20,
    deadline=None,
    # Without shrinking: a failure is told within a test's time, and an example is short as it is.
    phases=(Phase.explicit, Phase.generate),
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
