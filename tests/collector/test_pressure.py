# SPDX-License-Identifier: Apache-2.0
"""Tests of how much the collector takes: nothing is lost, nobody waits for ever or for one other alone."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.pressure import (
    BYTES,
    ENROLMENTS,
    ENROLMENTS_OF_A_PEER,
    EVENTS,
    LARGE_MESSAGE_BYTES,
    OF_A_DEVICE,
    OF_ALL,
    Buckets,
    DeviceRates,
    Door,
    InFlight,
    Load,
    Rate,
    find_peer,
    is_overfull,
)
from collector.stream import OTHER_PARTS
from proto.envelope import MAX_ENVELOPE_BYTES, MAX_EVENTS, make_envelope
from proto.events import Payload
from proto.keys import Ed25519Signer
from proto.wire import AgentMessage

# Rates


def test_burst_is_taken_at_once_and_then_the_rate_holds() -> None:
    """What was saved up goes through without a pause; after it one waits for each."""
    buckets = Buckets(Rate(per_s=2, burst=10))
    assert [buckets.take("a", 100.0) for _ in range(10)] == [0.0] * 10
    assert buckets.take("a", 100.0) == pytest.approx(0.5)
    assert buckets.take("a", 100.5) == pytest.approx(0.5)


def test_quiet_time_is_saved_up_and_no_more_than_the_burst() -> None:
    """Whoever was away for weeks has the whole burst again, and not weeks of it."""
    buckets = Buckets(Rate(per_s=1, burst=5))
    buckets.take("a", 0.0, cost=25)
    assert buckets.take("a", 1e6, cost=5) == 0.0
    assert buckets.take("a", 1e6) == pytest.approx(1.0)


def test_looking_takes_nothing_and_others_are_not_concerned() -> None:
    """Each has a bucket of his own."""
    buckets = Buckets(Rate(per_s=1, burst=2))
    buckets.take("a", 0.0, cost=3)
    assert buckets.find_wait_s("a", 0.0) == pytest.approx(2.0)
    assert buckets.find_wait_s("b", 0.0, cost=2) == 0.0
    assert len(buckets) == 1


def test_memory_of_strangers_is_bounded() -> None:
    """Those whose bucket is full again are forgotten, however many have come by."""
    buckets = Buckets(Rate(per_s=10, burst=10))
    for number in range(10_000):
        buckets.take(f"peer {number}", now_s=number * 0.01)
    assert len(buckets) <= Buckets.PRUNED_FROM


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 50)), min_size=1, max_size=50))
@settings(deadline=None)
def test_over_any_time_no_more_than_rate_and_burst_is_taken(steps: list[tuple[float, int]]) -> None:
    """By whoever waits as he is told; the last one may be on credit."""
    rate, now_s, taken = Rate(per_s=5, burst=20), 0.0, 0
    buckets = Buckets(rate)
    for pause_s, cost in steps:
        now_s += pause_s
        before, taken = taken, taken + cost
        wait_s = buckets.take("a", now_s, cost)
        assert before <= rate.burst + rate.per_s * now_s + 1e-6
        now_s += wait_s


def test_device_is_held_to_the_strictest_of_its_rates() -> None:
    """Few large envelopes, many small ones, or many events: each has its own bound."""
    rates = DeviceRates(events=Rate(10, 100), envelopes=Rate(1, 10), size=Rate(1000, 10_000))
    assert rates.take("a", 0.0, Load(100, 10_000)) == 0.0
    assert rates.take("a", 0.0, Load(1, 2_000)) == pytest.approx(2.0)
    assert rates.take("a", 0.0, Load(100, 0)) == pytest.approx(10.1)


def test_full_queue_is_taken_without_a_pause() -> None:
    """A device that was away for two weeks, or filled its queue of 64 MiB, is never made to wait for its rate."""
    rates = DeviceRates()
    envelope = Load(100, 64 * 1024)
    assert [rates.take("a", 0.0, envelope) for _ in range(1024)] == [0.0] * 1024
    assert EVENTS.burst >= 14 * 10_000
    assert BYTES.burst >= 2 * 64 * 1024 * 1024


def test_door_lets_a_whole_school_in_from_one_address() -> None:
    """Two thousand devices that are told when to ask again are through in two minutes, and others get in meanwhile."""
    door = Door()
    waiting, now_s, others = 2_000, 0.0, 0
    while waiting:
        while waiting and not door.take("school", now_s):
            waiting -= 1
        others += not door.take("somebody", now_s)
        now_s += max(door.take("school", now_s), 0.01)
    assert now_s < 120
    assert others > 100


def test_door_holds_for_all_addresses_together() -> None:
    """Many addresses do not add up to more than the collector can do."""
    door = Door()
    let_in = sum(not door.take(f"10.0.{number // 256}.{number % 256}", 0.0) for number in range(5_000))
    assert let_in == ENROLMENTS.burst
    assert ENROLMENTS_OF_A_PEER.burst < ENROLMENTS.burst


@pytest.mark.parametrize(
    ("peer", "whose"),
    [
        ("ipv4:10.0.0.7:51234", "10.0.0.7"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:51234", "2001:db8:1:2::/64"),
        ("ipv6:[2001:db8:1:2::9]:51234", "2001:db8:1:2::/64"),
        ("ipv6:%5B::ffff:10.0.0.7%5D:51234", "10.0.0.7"),
        ("ipv6:%5Bfe80::1%25eth0%5D:51234", "fe80::/64"),
        ("unix:/run/x", ""),
        ("", ""),
    ],
)
def test_peer_is_known_by_its_address_or_its_network(peer: str, whose: str) -> None:
    """Another port is the same peer, and so is another address of the same /64: whoever has one has all of them."""
    assert find_peer(peer) == whose


def test_device_is_spent_until_its_debt_is_paid() -> None:
    """So long it is not read, also on another stream, and told a rate to keep to."""
    rates = DeviceRates(events=Rate(10, 100))
    assert rates.find_wait_s("a", 0.0) == 0.0
    rates.take("a", 0.0, Load(150, 1))
    assert rates.find_wait_s("a", 4.0) == pytest.approx(1.0)
    assert rates.find_wait_s("a", 5.1) == 0.0


@pytest.mark.parametrize("tag", [b"\x52\x00", b"\x08\x00", b"\x0a\x00"])
def test_parts_are_counted_before_they_are_built(tag: bytes) -> None:
    """Two million empty contents in an envelope, or fields in a message, are noticed after the first thousand."""
    inside = tag * 100_000
    envelope = b"\x12" + bytes([len(inside) & 127 | 128, len(inside) >> 7 & 127 | 128, len(inside) >> 14]) + inside
    assert is_overfull(envelope, 1100)
    assert is_overfull(inside, 1100)
    assert not is_overfull(inside[:1000], 1100)


def test_largest_honest_envelope_is_not_overfull() -> None:
    """A thousand events with as much in them as there is room for."""
    payloads = [Payload(bytes(32), bytes(1900)) for _ in range(MAX_EVENTS)]
    headers = [bytes(100)] * MAX_EVENTS
    envelope = make_envelope(
        Ed25519Signer.generate(), school_id="s", device_id="d", epoch=1, first_seq=1, headers=headers, payloads=payloads
    )
    raw = AgentMessage(envelope=envelope).SerializeToString()
    assert len(raw) > MAX_ENVELOPE_BYTES * 0.9
    assert not is_overfull(raw, MAX_EVENTS + OTHER_PARTS)


@given(st.binary(min_size=1, max_size=200))
@settings(deadline=None, max_examples=50)
def test_counting_ends_whatever_comes(noise: bytes) -> None:
    """It reads on to the end or to the limit, and what is no message is left to the parser."""
    assert isinstance(is_overfull(noise * (LARGE_MESSAGE_BYTES // len(noise) + 1), 1100), bool)


# In flight


def test_agent_can_send_ahead() -> None:
    """While one of its envelopes is stored the next is there, and several devices fit beside each other."""
    assert OF_A_DEVICE.events >= 2 * 100
    assert OF_A_DEVICE.bytes >= 2 * MAX_ENVELOPE_BYTES
    assert OF_ALL.events >= max(4 * OF_A_DEVICE.events, MAX_EVENTS)
    assert OF_ALL.bytes >= 4 * OF_A_DEVICE.bytes


def test_no_more_is_in_flight_than_there_is_room_for() -> None:
    """The next comes in when one has left, in the order in which they came."""

    async def show() -> None:
        house, order = InFlight(of_all=Load(10, 1000), of_a_device=Load(10, 1000)), []

        async def visit(name: str, load: Load) -> None:
            await house.enter(name, load)
            order.append(name)

        visits = [asyncio.create_task(visit(name, Load(4, 100))) for name in "abcd"]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (order, house.held) == (["a", "b"], Load(8, 200))
        house.leave("a", Load(4, 100))
        house.leave("b", Load(4, 100))
        await asyncio.gather(*visits)
        assert order == ["a", "b", "c", "d"]

    asyncio.run(show())


def test_device_over_its_share_lets_others_pass() -> None:
    """A device that floods waits for its own answers only; what it sends keeps its order."""

    async def show() -> None:
        house, order = InFlight(of_all=Load(100, 1000), of_a_device=Load(10, 1000)), []

        async def visit(name: str, device: str, events: int) -> None:
            await house.enter(device, Load(events, 1))
            order.append(name)

        visits = [
            asyncio.create_task(visit(name, device, events))
            for name, device, events in (("1", "a", 8), ("2", "a", 8), ("3", "a", 1), ("4", "b", 8))
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert order == ["1", "4"]
        house.leave("a", Load(8, 1))
        await asyncio.gather(*visits)
        assert order == ["1", "4", "2", "3"]

    asyncio.run(show())


def test_one_that_is_larger_than_everything_still_gets_in_alone() -> None:
    """Nothing waits for ever."""

    async def show() -> None:
        house = InFlight(of_all=Load(10, 10), of_a_device=Load(10, 10))
        await house.enter("a", Load(1, 1))
        large = asyncio.create_task(house.enter("b", Load(99, 99)))
        small = asyncio.create_task(house.enter("c", Load(1, 1)))
        await asyncio.sleep(0)
        assert not large.done()
        assert not small.done(), "the small one passed the large one, which might then wait for ever"
        house.leave("a", Load(1, 1))
        await large
        house.leave("b", Load(99, 99))
        await small

    asyncio.run(show())


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_whoever_goes_away_while_he_waits_leaves_no_trace(seed: int) -> None:
    """Streams end at any moment; what they held and where they stood is free again."""

    async def show() -> None:
        chance = random.Random(seed)
        house = InFlight(of_all=Load(10, 100), of_a_device=Load(6, 60))

        async def visit() -> None:
            device, load = chance.choice("abc"), Load(chance.randint(1, 7), chance.randint(1, 50))
            await house.enter(device, load)
            try:
                assert house.held.events <= 10
                for _ in range(chance.randint(0, 3)):
                    await asyncio.sleep(0)
            finally:
                house.leave(device, load)

        visits = [asyncio.create_task(visit()) for _ in range(40)]
        for _ in range(20):
            chance.choice(visits).cancel()
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*visits, return_exceptions=True), 30)
        assert house.held == Load(0, 0)
        assert not house._held_by
        assert not house._waiting

    asyncio.run(show())
