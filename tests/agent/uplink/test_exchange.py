# SPDX-License-Identifier: Apache-2.0
"""Tests of the rules of the exchange, without a network: what is sent when the collector cannot go on with ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.identity import Identity
from agent.recorder import Record, Recorder
from agent.spool import Spool
from agent.uplink.comparison import COLLECTOR_RESTORED, QUARANTINED, RESET, Break, ChainBrokenError
from agent.uplink.exchange import ENVELOPE_MAX_EVENTS, MAX_UNANSWERED, Exchange, RefusedError
from proto.enrolment import FORKED, ROLLED_BACK
from proto.events import AgentStopped, ChainRestarted, Kind
from proto.wire import Hello, Refusal, encode_body
from tests.agent.books import Books, has_more, talk
from tests.agent.collector import FakeCollector
from tests.agent.spooled import peek_all
from tests.fakes import FakeClock

BOOT_ID, EARLIER_BOOT_ID = b"b" * 16, b"a" * 16


def body(name: str) -> bytes:
    """Return the content of an event that `Speaker.record` makes."""
    return encode_body(AgentStopped(name))


@dataclass
class Speaker:
    """A device with a queue, and the collector's books."""

    identity: Identity
    spool: Spool
    books: Books
    clock: FakeClock

    def record(self, *names: str, boot_id: bytes = BOOT_ID) -> None:
        """Put events into the queue."""
        self.record_events(*[AgentStopped(name) for name in names], boot_id=boot_id)

    def record_events(self, *events: Kind, boot_id: bytes = BOOT_ID) -> None:
        """Put any events into the queue."""
        Recorder(self.identity, self.spool, boot_id).record([Record(each, 1) for each in events], bundle_version=1)

    def make_exchange(self) -> Exchange:
        """Return what a new stream begins with."""
        return Exchange(self.identity, self.spool, boot_id=BOOT_ID, clock_s=self.clock)

    def talk(self) -> list[tuple[int, int]]:
        """Speak until there is nothing to say."""
        return talk(self.make_exchange(), self.books, self.identity.device_id)

    def break_off(self) -> Break:
        """Speak until the chain breaks."""
        with pytest.raises(ChainBrokenError) as caught:
            self.talk()
        return caught.value.found

    def waiting(self) -> list[int]:
        """Return the numbers that wait."""
        return [event.seq for event in peek_all(self.spool)]


@pytest.fixture
def speaker(tmp_path: Path) -> Iterator[Speaker]:
    """A device that the collector has just admitted."""
    fake = FakeCollector()
    identity = fake.make_identity()
    speaker = Speaker(identity, Spool(tmp_path / "spool.db", identity.spool_key), Books(fake), FakeClock())
    speaker.books.admit(identity)
    yield speaker
    speaker.spool.close()


@pytest.fixture
def sibling(speaker: Speaker, tmp_path: Path) -> Iterator[Speaker]:
    """A copy of the same machine, with an empty queue."""
    copy = Speaker(
        speaker.identity, Spool(tmp_path / "copy.db", speaker.identity.spool_key), speaker.books, FakeClock()
    )
    yield copy
    copy.spool.close()


def share(speaker: Speaker, sibling: Speaker) -> None:
    """Give the copy the same queue."""
    sibling.spool.append(1, peek_all(speaker.spool))


# Two machines


def test_fork_is_found_with_one_refusal_and_only_what_is_ours_alone_waits(speaker: Speaker, sibling: Speaker) -> None:
    """What the other machine has sent already is acknowledged again and not told a second time under a new device."""
    speaker.record(*(f"both {number}" for number in range(40)))
    share(speaker, sibling)
    speaker.record("first")
    sibling.record("second", "third")
    speaker.talk()
    found = sibling.break_off()
    assert (found.reason, sibling.waiting()) == (FORKED, [41, 42])
    forks = [each for each in speaker.books.refused if each.reason == Refusal.REASON_FORKED]
    assert forks[-1].first_seq == forks[-1].last_seq == 41
    assert len(forks) <= 7
    assert set(speaker.books.count().values()) == {1}


def test_fork_in_the_middle_of_a_stream_is_found_too(speaker: Speaker, sibling: Speaker) -> None:
    """Both were welcomed at the same place; the one whose envelope comes second looks for the place where they part."""
    speaker.record("both")
    share(speaker, sibling)
    sibling.record("second", "third")
    sibling.books.welcome_changes = {"head_seq": 0, "head_hash": bytes(32)}
    speaker.record("first")
    speaker.talk()
    found = sibling.break_off()
    assert (found.reason, sibling.waiting()) == (FORKED, [2, 3])


def test_machine_that_was_set_back_says_so(speaker: Speaker, sibling: Speaker) -> None:
    """The collector holds all that the older copy has, and more."""
    speaker.record("one", "two")
    share(speaker, sibling)
    speaker.record("three")
    speaker.talk()
    found = sibling.break_off()
    assert (found.reason, sibling.waiting()) == (ROLLED_BACK, [])
    assert all(each.reason != Refusal.REASON_FORKED for each in speaker.books.refused)


def test_copy_from_before_a_new_epoch_says_so(speaker: Speaker, sibling: Speaker) -> None:
    """What it has in common with the other machine's earlier chain is not told again."""
    speaker.record("one", "two")
    share(speaker, sibling)
    sibling.record("mine")
    speaker.talk()
    device = speaker.books.devices[speaker.identity.device_id]
    device.epoch, device.chains[2] = 2, [(b"", b"h" * 32)]
    found = sibling.break_off()
    assert (found.reason, sibling.waiting()) == (FORKED, [3])


def test_declared_reset_is_no_second_machine(speaker: Speaker, sibling: Speaker) -> None:
    """A machine that is set back to its image begins a new chain with what this boot made; nothing of it is refused."""
    speaker.record("in the image", boot_id=EARLIER_BOOT_ID)
    share(speaker, sibling)
    speaker.record("first life")
    speaker.talk()
    sibling.books.welcome_changes = {"is_reset_often": True}
    sibling.record("second life", "and more")
    found = sibling.break_off()
    assert (found.reason, found.collector_epoch, sibling.waiting()) == (RESET, 1, [2, 3])
    assert speaker.books.refused == []


def test_made_up_epoch_is_not_gone_after(speaker: Speaker, sibling: Speaker) -> None:
    """A declared machine would use up its numbers and be refused for ever; as a device of its own it begins at 1."""
    speaker.record("in the image", boot_id=EARLIER_BOOT_ID)
    share(speaker, sibling)
    speaker.record("first life")
    speaker.talk()
    sibling.books.welcome_changes = {"is_reset_often": True, "head_epoch": 2**31 - 2}
    sibling.record("second life")
    assert sibling.break_off().is_succession


def test_fork_of_a_machine_that_is_often_reset_is_a_fork(speaker: Speaker, sibling: Speaker) -> None:
    """Its image holds an event that this collector has never taken: two machines speak."""
    speaker.record("of another image", boot_id=EARLIER_BOOT_ID)
    speaker.talk()
    sibling.record("of this image", boot_id=EARLIER_BOOT_ID)
    sibling.books.welcome_changes = {"is_reset_often": True}
    assert sibling.break_off().reason == FORKED


def test_fork_right_before_what_waits_puts_no_event_aside(speaker: Speaker, sibling: Speaker) -> None:
    """A restored collector took another copy's event as the last: ours after it does not link, and is no poison."""
    speaker.record("one")
    share(speaker, sibling)
    speaker.talk()
    sibling.talk()
    backup = speaker.books.back_up()
    speaker.record("mine")
    speaker.talk()
    speaker.books.restore(backup)
    sibling.record("other")
    sibling.talk()
    speaker.record("three", "four")
    found = speaker.break_off()
    assert (found.reason, speaker.waiting()) == (ROLLED_BACK, [3, 4])
    assert [each.reason for each in speaker.books.refused] == [Refusal.REASON_BAD_CHAIN]


# A collector that forgot


def test_restored_collector_is_told_from_a_second_machine(speaker: Speaker) -> None:
    """What both have forgotten is named; what waits stays for the new chain."""
    speaker.record(*"abc")
    speaker.talk()
    backup = speaker.books.back_up()
    speaker.record(*"defg")
    speaker.talk()
    speaker.record("h")
    speaker.books.restore(backup)
    found = speaker.break_off()
    assert (found.reason, found.lost_first_seq, found.lost_last_seq) == (COLLECTOR_RESTORED, 4, 7)
    assert speaker.waiting() == [8]


def test_restored_collector_that_lost_nothing_of_ours_goes_on(speaker: Speaker) -> None:
    """All that it forgot still waits here, so it is sent again and nobody needs a new chain."""
    speaker.record(*"abc")
    speaker.talk()
    backup = speaker.books.back_up()
    speaker.record(*"de")
    speaker.books.restore(backup)
    assert speaker.talk() == [(4, 5)]


# Poison


@pytest.mark.parametrize("place", [1, 2, 50, 130, 250])
def test_poisoned_event_is_found_alone(speaker: Speaker, place: int) -> None:
    """Everything before it is taken, nothing after it is lost, and what the collector said is told."""
    names = [f"event {number}" for number in range(1, 251)]
    speaker.record(*names)
    speaker.books.poison = {body(names[place - 1])}
    found = speaker.break_off()
    assert (found.reason, found.quarantined_seq) == (QUARANTINED, place)
    assert "malformed, said the books" in found.detail
    assert speaker.waiting() == list(range(place, 251))
    assert sum(speaker.books.count().values()) == place - 1


def test_an_event_that_begins_a_chain_is_never_put_aside(speaker: Speaker) -> None:
    """If even that is refused, it is not the fault of an event: nothing is thrown away for it."""
    speaker.record_events(ChainRestarted("lost", 1), AgentStopped("x"))
    speaker.books.poison = {encode_body(ChainRestarted("lost", 1))}
    with pytest.raises(RefusedError, match="refused events 1 to 1: malformed"):
        speaker.talk()
    assert speaker.waiting() == [1, 2]


def test_refusal_that_does_not_come_again_costs_nothing(speaker: Speaker) -> None:
    """Once what was refused is taken in smaller envelopes, they are large again."""
    speaker.record(*(f"event {number}" for number in range(10 + 3 * ENVELOPE_MAX_EVENTS)))
    exchange = speaker.make_exchange()
    requests = exchange.requests(Hello())
    next(requests)
    exchange.take_welcome(speaker.books.welcome(speaker.identity.device_id))
    first = next(requests).envelope
    exchange.take_refusal(Refusal(reason=Refusal.REASON_TOO_LARGE, first_seq=1, last_seq=first.last_seq))
    sizes = []
    while has_more(exchange):
        envelope = next(requests).envelope
        sizes.append(envelope.last_seq - envelope.first_seq + 1)
        exchange.take_ack(1, envelope.last_seq)
    assert sizes == [50, 50, 100, 100, 10]


# A collector with much to do


def test_busy_collector_gets_the_same_again_later(speaker: Speaker) -> None:
    """Nothing is sent for a while, nothing is lost, and nobody takes it for more than it is."""
    speaker.record(*(f"event {number}" for number in range(3 * ENVELOPE_MAX_EVENTS)))
    speaker.books.is_busy = 1
    exchange = speaker.make_exchange()
    assert talk(exchange, speaker.books, speaker.identity.device_id) == [(1, 100), (101, 200), (201, 300)]
    assert len(speaker.waiting()) == 300
    speaker.clock.advance(2.0)
    requests = exchange.requests(Hello())
    next(requests)
    assert [next(requests).envelope.first_seq for _ in range(3)] == [1, 101, 201]


def test_more_than_the_collector_takes_in_a_second_is_not_sent(speaker: Speaker) -> None:
    """After two weeks without it a device comes back with a full queue, and so do all others."""
    speaker.record(*(f"event {number}" for number in range(2 * ENVELOPE_MAX_EVENTS)))
    speaker.books.welcome_changes = {"max_events_per_s": 50}
    exchange = speaker.make_exchange()
    assert talk(exchange, speaker.books, speaker.identity.device_id) == [(1, 100)]
    speaker.clock.advance(1.9)
    assert not has_more(exchange)
    speaker.clock.advance(0.2)
    assert has_more(exchange)


def test_refusal_of_what_was_not_sent_is_no_order(speaker: Speaker) -> None:
    """A collector that names numbers of its own has nothing put aside and nothing sent again."""
    speaker.record("a", "b")
    exchange = speaker.make_exchange()
    requests = exchange.requests(Hello())
    next(requests)
    exchange.take_welcome(speaker.books.welcome(speaker.identity.device_id))
    next(requests)
    with pytest.raises(RefusedError, match="what it was not sent"):
        exchange.take_refusal(Refusal(reason=Refusal.REASON_MALFORMED, first_seq=2**63, last_seq=2**64 - 1))
    assert speaker.waiting() == [1, 2]


def test_as_much_is_under_way_as_may_be(speaker: Speaker) -> None:
    """With all well, envelopes are sent ahead up to the limit."""
    speaker.record(*(f"event {number}" for number in range((MAX_UNANSWERED + 2) * ENVELOPE_MAX_EVENTS)))
    exchange = speaker.make_exchange()
    requests = exchange.requests(Hello())
    next(requests)
    exchange.take_welcome(speaker.books.welcome(speaker.identity.device_id))
    for _ in range(MAX_UNANSWERED):
        next(requests)
    assert not has_more(exchange)


def test_nobody_makes_us_forget_what_he_never_got(speaker: Speaker) -> None:
    """An answer about events that were not sent yet is taken for those that were."""
    speaker.record(*(f"event {number}" for number in range(ENVELOPE_MAX_EVENTS + 5)))
    exchange = speaker.make_exchange()
    requests = exchange.requests(Hello())
    next(requests)
    exchange.take_welcome(speaker.books.welcome(speaker.identity.device_id))
    exchange.take_ack(1, 50)
    assert len(speaker.waiting()) == ENVELOPE_MAX_EVENTS + 5
    next(requests)
    exchange.take_ack(1, 2**63)
    assert speaker.waiting() == list(range(101, 106))
