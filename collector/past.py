# SPDX-License-Identifier: Apache-2.0
"""The events that the ledger holds, read again in the order in which they came. What they mean is up to `replay`."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, bindparam, select

from collector.ledger import find_next_event_id
from collector.store.engine import reading
from collector.store.schema import envelopes, events, payloads
from proto.errors import MalformedError
from proto.events import Missing
from proto.wire import HeaderView, decode_body, decode_header, decode_header_block

_ENVELOPES_A_PAGE = 500

Progress = Callable[[int, int], None]
"""Told how many events were looked through, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEvent:
    """An event, with its place in the ledger and when we heard of it."""

    device_id: str
    event_id: int
    heard_ns: int
    header: HeaderView
    content: Any


def read_events(
    engine: Engine, school_id: str, kinds: Collection[str], since_ns: int, progress: Progress
) -> Iterator[PastEvent]:
    """Yield the events of some kinds that came since a moment and can be read.

    Raises:
        StoreError: the database does not answer.
    """
    end = find_next_event_id(engine)
    first = after = _find_first(engine, since_ns, end)
    while after < end:
        progress(after - first, end - first)
        with reading(engine) as connection:
            page = connection.execute(_FIND_ENVELOPES, {"school": school_id, "after": after}).all()
            if not page:
                break
            after = page[-1].first_event_id + page[-1].last_seq - page[-1].first_seq + 1
            asked = {"school": school_id, "from": page[0].first_event_id, "until": after, "kinds": sorted(kinds)}
            rows = connection.execute(_FIND_EVENTS, asked).all()
        yield from _decode(page, rows)
    progress(end - first, end - first)


def _decode(page: Sequence[Any], rows: Sequence[Any]) -> Iterator[PastEvent]:
    starts = [each.first_event_id for each in page]
    decoded, headers = -1, list[bytes]()
    for row in rows:
        number = bisect_right(starts, row.event_id) - 1
        if number != decoded:
            decoded, headers = number, decode_header_block(page[number].header_block)
        try:
            header = decode_header(headers[row.event_id - starts[number]])
            content = decode_body(row.kind, row.body)
        except MalformedError:
            continue  # It was stored like that, and judged by nobody then.
        if content is not None:
            yield PastEvent(
                device_id=row.device_id,
                event_id=row.event_id,
                heard_ns=page[number].received_at_ns,
                header=header,
                content=content,
            )


def _find_first(engine: Engine, since_ns: int, end: int) -> int:
    """Return the number of the first event that came since a moment. They came in the order of their numbers."""
    low, high = 1, end
    with reading(engine) as connection:
        while low < high:
            middle = (low + high) // 2
            row = connection.execute(_FIND_ENVELOPE_OF, {"event": middle}).first()
            if row is None or row.received_at_ns < since_ns:
                low = middle + 1
            else:
                high = middle
    return low


_FIND_ENVELOPE_OF = (
    select(envelopes.c.first_event_id, envelopes.c.received_at_ns)
    .where(envelopes.c.first_event_id <= bindparam("event"))
    .order_by(envelopes.c.first_event_id.desc())
    .limit(1)
)
_FIND_ENVELOPES = (
    select(
        envelopes.c.first_event_id,
        envelopes.c.first_seq,
        envelopes.c.last_seq,
        envelopes.c.header_block,
        envelopes.c.received_at_ns,
    )
    .where(envelopes.c.school_id == bindparam("school"), envelopes.c.first_event_id >= bindparam("after"))
    .order_by(envelopes.c.first_event_id)
    .limit(_ENVELOPES_A_PAGE)
)
_FIND_EVENTS = (
    select(events.c.event_id, events.c.device_id, events.c.kind, payloads.c.body)
    .join_from(events, payloads, payloads.c.event_id == events.c.event_id)
    .where(
        events.c.school_id == bindparam("school"),
        events.c.event_id >= bindparam("from"),
        events.c.event_id < bindparam("until"),
        events.c.kind.in_(bindparam("kinds", expanding=True)),
        payloads.c.missing == Missing.NO.value,
    )
    .order_by(events.c.event_id)
)
