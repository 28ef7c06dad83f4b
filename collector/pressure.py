# SPDX-License-Identifier: Apache-2.0
"""How much the collector takes, of one device, of one address and of all together: rates, and what may be in flight.

Nothing is lost by it. Whoever is over a rate is read later, so that what he has stays where it is: in his own queue.
Whatever is in flight is bounded in bytes and in events, and devices take turns, so that one that has been away for
weeks does not make the others wait. It knows no network and no clock; `stream` and `server` wait as long as it says.

The numbers are generous on purpose. A device makes a few thousand events a day, and its queue holds 64 MiB unless the
school says otherwise: all of that is taken at the speed of the collector. What comes day after day beyond that is no
ordinary machine, and would fill the disk: 128 KiB a second are 11 GB a day.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import unquote

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second on average, and so many at once."""

    per_s: float
    burst: float


EVENTS = Rate(per_s=50, burst=200_000)
"""More than a full queue of the smallest events."""
ENVELOPES = Rate(per_s=20, burst=20_000)
"""Each is a signature and an answer, however little is in it."""
BYTES = Rate(per_s=128 * KIB, burst=128 * MIB)
"""Two full queues."""
STREAMS_OPENED = Rate(per_s=2, burst=120)
"""Each is a handshake and a line in the database; a device whose line breaks comes back after half a second or more."""
ENROLMENTS = Rate(per_s=50, burst=500)
ENROLMENTS_OF_A_PEER = Rate(per_s=20, burst=200)
"""A school's devices may all come from one address: 2,000 of them at once are through in two minutes."""


class Buckets:
    """Token buckets of one rate, by whose they are. One that is full is not remembered.

    The time comes from the caller and only ever goes forward: a clock that is set must not open or close anything.
    """

    PRUNED_FROM = 1024

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._full_at_s: dict[str, float] = {}
        self._prune_at = self.PRUNED_FROM

    def __len__(self) -> int:
        return len(self._full_at_s)

    def find_wait_s(self, key: str, now_s: float, cost: float = 1.0) -> float:
        """Return after how many seconds so much could be taken; 0 for now. Takes nothing."""
        return max(0.0, self._fill_up_s(key, now_s, cost) - now_s - self._rate.burst / self._rate.per_s)

    def take(self, key: str, now_s: float, cost: float = 1.0) -> float:
        """Take so much, on credit if it is not there, and return for how many seconds nothing more should be taken."""
        self._full_at_s[key] = self._fill_up_s(key, now_s, cost)
        if len(self._full_at_s) >= self._prune_at:
            self._full_at_s = {each: at_s for each, at_s in self._full_at_s.items() if at_s > now_s}
            self._prune_at = max(self.PRUNED_FROM, 2 * len(self._full_at_s))
        return self.find_wait_s(key, now_s, cost=0.0)

    def _fill_up_s(self, key: str, now_s: float, cost: float) -> float:
        """Return when the bucket will be full again, after taking so much."""
        return max(now_s, self._full_at_s.get(key, 0.0)) + cost / self._rate.per_s


class DeviceRates:
    """What each device may send over time, on all its streams together."""

    def __init__(self, events: Rate = EVENTS, envelopes: Rate = ENVELOPES, size: Rate = BYTES) -> None:
        self._events, self._envelopes, self._bytes = Buckets(events), Buckets(envelopes), Buckets(size)

    def find_wait_s(self, device_id: str, now_s: float) -> float:
        """Return for how many seconds a device should not be read, for what it has sent before."""
        return max(each.find_wait_s(device_id, now_s, 0.0) for each in (self._events, self._envelopes, self._bytes))

    def take(self, device_id: str, now_s: float, load: "Load") -> float:
        """Count one envelope, and return for how many seconds this device should not be read."""
        return max(
            self._envelopes.take(device_id, now_s),
            self._events.take(device_id, now_s, load.events),
            self._bytes.take(device_id, now_s, load.bytes),
        )


def find_peer(peer: str) -> str:
    """Return whose address gRPC's name of a peer holds: of IPv6 the /64, since one machine has all of it."""
    host = unquote(peer.partition(":")[2].rpartition(":")[0]).strip("[]")
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address, 64), strict=False))
    return str(address)


class Door:
    """Who may ask to be enrolled now: so many of one address, so many of all."""

    def __init__(self, of_all: Rate = ENROLMENTS, of_a_peer: Rate = ENROLMENTS_OF_A_PEER) -> None:
        self._all, self._peers = Buckets(of_all), Buckets(of_a_peer)

    def take(self, peer: str, now_s: float) -> float:
        """Let one in and return 0; or let nobody in and return after how many seconds it is worth asking again."""
        wait_s = max(self._peers.find_wait_s(peer, now_s), self._all.find_wait_s("", now_s))
        if not wait_s:
            self._peers.take(peer, now_s)
            self._all.take("", now_s)
        return wait_s


@dataclass(frozen=True, slots=True)
class Load:
    """So much in events and in bytes."""

    events: int
    bytes: int


OF_ALL = Load(2_000, 64 * MIB)
"""In flight: read and not yet stored, so also the most that one commit holds and everybody waits for. The memory that
envelopes take is a small multiple of it."""
OF_A_DEVICE = Load(300, 8 * MIB)
"""Three of an agent's envelopes, or one of the largest kind by itself: enough that ingest never waits for the device,
and little enough that the others hardly wait for it, also where each event costs a millisecond."""


LARGE_MESSAGE_BYTES = 64 * KIB
"""What is smaller cannot hold enough parts to hurt."""


def is_overfull(raw: bytes, most_parts: int) -> bool:
    """Say whether a message holds more fields, on its outer two levels, than an honest one, without building any.

    Two bytes are enough for an empty part, and a built one takes sixty: 4 MiB would become 128.
    """
    if len(raw) < LARGE_MESSAGE_BYTES:
        return False
    parts, levels = 0, [(0, len(raw), True)]
    while levels:
        at, end, is_outer = levels.pop()
        while at < end:
            parts += 1
            tag, at = _read_number(raw, at)
            kind = tag & 7
            if parts > most_parts or kind in (3, 4, 6, 7):
                return True
            if kind == 2:
                length, at = _read_number(raw, at)
                if is_outer:
                    levels.append((at, min(at + length, end), False))
                at += length
            else:
                at = _read_number(raw, at)[1] if kind == 0 else at + (8 if kind == 1 else 4)
    return False


def _read_number(raw: bytes, at: int) -> tuple[int, int]:
    """Return a number of protobuf's variable length and where it ends; what breaks off is for the parser to refuse."""
    number = 0
    for shift, byte in enumerate(raw[at : at + 10]):
        number |= (byte & 127) << 7 * shift
        if byte < 128:
            return number, at + shift + 1
    return number, at + 10


@dataclass(slots=True, eq=False)
class _Turn:
    device_id: str
    load: Load
    come: asyncio.Future[None]


class InFlight:
    """What was read and is not stored yet. Who finds no room waits for his turn, and is not read meanwhile.

    First come, first served, one envelope at a time: a device with a thousand envelopes stands behind each of the
    others with one. Who is over his own share lets others pass. One loop's tasks use it.
    """

    def __init__(self, of_all: Load = OF_ALL, of_a_device: Load = OF_A_DEVICE) -> None:
        self._of_all, self._of_a_device = of_all, of_a_device
        self.held = Load(0, 0)
        """Of all together."""
        self._held_by: dict[str, Load] = {}
        self._waiting: deque[_Turn] = deque()

    async def enter(self, device_id: str, load: Load) -> None:
        """Return when there is room for it; it counts until `leave`."""
        turn = _Turn(device_id, load, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        self._let_in()
        try:
            await turn.come
        except asyncio.CancelledError:
            if turn.come.cancelled():
                # The next to look at those who wait passes it over.
                self._let_in()
            else:
                # Its turn had just come.
                self.leave(device_id, load)
            raise

    def leave(self, device_id: str, load: Load) -> None:
        """Count it no more, and let in who waited for that."""
        self._count(device_id, load, -1)
        self._let_in()

    def _let_in(self) -> None:
        passed_by: list[_Turn] = []
        over: set[str] = set()
        while self._waiting:
            turn = self._waiting[0]
            if turn.come.cancelled():
                self._waiting.popleft()
                continue
            held = self._held_by.get(turn.device_id, Load(0, 0))
            # What one device sent later does not overtake what waits of it.
            if turn.device_id in over or not _has_room(held, turn.load, self._of_a_device):
                over.add(turn.device_id)
                passed_by.append(self._waiting.popleft())
            elif _has_room(self.held, turn.load, self._of_all):
                self._waiting.popleft()
                self._count(turn.device_id, turn.load, 1)
                turn.come.set_result(None)
            else:
                break
        self._waiting.extendleft(reversed(passed_by))

    def _count(self, device_id: str, load: Load, sign: int) -> None:
        held = self._held_by.pop(device_id, Load(0, 0))
        held = Load(held.events + sign * load.events, held.bytes + sign * load.bytes)
        if held != Load(0, 0):
            self._held_by[device_id] = held
        self.held = Load(self.held.events + sign * load.events, self.held.bytes + sign * load.bytes)


def _has_room(held: Load, load: Load, limit: Load) -> bool:
    """Say whether so much more fits; one alone always does, or it would wait for ever."""
    fits = held.events + load.events <= limit.events and held.bytes + load.bytes <= limit.bytes
    return fits or held == Load(0, 0)


class Pressure:
    """All that bounds the streams of one collector."""

    def __init__(
        self,
        *,
        rates: DeviceRates | None = None,
        streams: Rate = STREAMS_OPENED,
        in_flight: InFlight | None = None,
    ) -> None:
        self.rates = rates or DeviceRates()
        self.streams = Buckets(streams)
        self.in_flight = in_flight or InFlight()
