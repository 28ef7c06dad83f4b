# SPDX-License-Identifier: Apache-2.0
"""When and before whom an event happened, as far as the collector knows it: what makes a `Moment` of it.

Who has a session is followed through the events of a device in their order, so that what came late is judged by who was
there then, and not by who is there now. Whose account it is, the register of people says, through references: no name
is looked at. When it was, the device's clock says, if by its hello and what it told since that clock is right now. It
keeps nothing: sessions are kept by `presence`, offsets by `devices`, and whether a rule fits is up to `rules.evaluate`.

What cannot be known stays unknown, and excuses nothing. That is the time by a clock that is far off ours, a device that
never told of a session, an account that the register does not have.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select

from collector.people import PersonKind
from collector.presence import LONGEST_NS
from collector.store.engine import reading
from collector.store.schema import accounts, devices, people, presence
from proto.events import AccountSignedIn, AccountSignedOut, AgentStarted
from proto.sealed import make_account_ref
from proto.wire import HeaderView
from rules.moment import Moment

SESSION_KINDS = frozenset({AccountSignedIn.kind, AccountSignedOut.kind, AgentStarted.kind})
"""What tells of the beginning or the end of sessions."""
KINDS_OF_ACCOUNTS = frozenset({"personal", "shared", "guest", "administrator"})
CLOCK_IS_TRUSTED_NS = 10 * 60 * 10**9
"""A clock may be so far from ours, either way; past it, nobody knows when an event happened. A device says the same."""
BEHIND_NS = 400 * 24 * 3600 * 10**9
"""So long a device may have been away. What says that it is older comes from a clock that was never set."""
_NO_MORE_STEPS = 2**64
"""An epoch after all."""
REGISTER_KEPT_NS = 60 * 10**9
"""A new list of people counts after a minute."""


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """What a device's clock is known to be like, and with which event."""

    offset_ns: int
    """The device's clock minus ours."""
    epoch: int
    seq: int
    """Steps up to this event are in the offset already: what was queued at a hello happened before it."""

    @property
    def is_trusted(self) -> bool:
        """Whether it says when something happened."""
        return abs(self.offset_ns) <= CLOCK_IS_TRUSTED_NS


class Clocks:
    """The clocks of devices, as each said hello and has told of steps since. Asked by any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, DeviceClock] = {}
        self._lock = threading.Lock()
        """A hello must not be overwritten by a step that was before it."""

    def note_hello(self, device_id: str, clock: DeviceClock) -> None:
        """Take in what a device's hello says of its clock."""
        with self._lock:
            self._known[device_id] = clock

    def follow(self, device_id: str, header: HeaderView, stepped: Any) -> None:
        """Take in that a clock was set, unless that was before the hello or is told again."""
        with self._lock:
            clock = self._known.get(device_id)
            if clock is not None and (header.epoch, header.seq) > (clock.epoch, clock.seq):
                offset_ns = clock.offset_ns + stepped.found_ns - stepped.expected_ns
                self._known[device_id] = DeviceClock(offset_ns, header.epoch, header.seq)

    def is_trusted(self, device_id: str) -> bool:
        """Tell whether a device's clock says when something happened.

        Raises:
            StoreError: the database does not answer.
        """
        clock = self._known.get(device_id)
        if clock is None:
            # It went away before its last events were judged: which of its steps were before the hello, is forgotten.
            said = DeviceClock(load_clock_offset_ns(self._engine, device_id), _NO_MORE_STEPS, 0)
            with self._lock:
                clock = self._known.setdefault(device_id, said)
        return clock.is_trusted

    def forget(self, device_id: str) -> None:
        """Drop what is remembered of a device that went away."""
        with self._lock:
            self._known.pop(device_id, None)


def load_clock_offset_ns(engine: Engine, device_id: str) -> int:
    """Return how far a device's clock was ahead of ours when it last said hello; 0 before its first.

    Raises:
        StoreError: the database does not answer.
    """
    with reading(engine) as connection:
        return connection.scalar(_FIND_CLOCK, {"device": device_id}) or 0


_FIND_CLOCK = select(devices.c.clock_offset_ns).where(devices.c.device_id == bindparam("device"))


@dataclass(frozen=True, slots=True)
class Entry:
    """What the register says of an account, without saying whose it is."""

    role: str
    """pupil, staff, supply or guest; empty when several people share it and nobody knows who sat there."""
    year: str


@dataclass(slots=True)
class Sessions:
    """Who has a session on one device."""

    begun: dict[bytes, tuple[bytes, str, bytes]] = field(default_factory=dict)
    """By reference of the session: reference and kind of the account, and when the machine had started."""
    is_known: bool = False
    """Whether the device ever told; without that, nobody knows whether somebody is there."""

    def follow(self, header: HeaderView, content: Any) -> None:
        """Take in an event of `SESSION_KINDS`."""
        if header.kind == AccountSignedIn.kind:
            self.begun[content.session_ref] = (content.account_ref, content.account_kind, header.boot_id[:16])
            self.is_known = True
        elif header.kind == AccountSignedOut.kind:
            self.begun.pop(content.session_ref, None)
            self.is_known = True
        else:
            boot_id = header.boot_id[:16]
            self.begun = {ref: session for ref, session in self.begun.items() if session[2] == boot_id}


class Register:
    """The school's register by references of accounts. Read anew when it is asked after a minute."""

    def __init__(self, engine: Engine, school_id: str, account_key: bytes | None) -> None:
        self._engine = engine
        self._school_id = school_id
        self._account_key = account_key
        self._entries: Mapping[bytes, Entry] = {}
        self._read_at_ns: int | None = None

    def list_entries(self, now_ns: int) -> Mapping[bytes, Entry]:
        """Return all entries; none without the key that references are made with.

        Raises:
            StoreError: the database does not answer.
        """
        if self._account_key is None:
            return {}
        if self._read_at_ns is None or not 0 <= now_ns - self._read_at_ns < REGISTER_KEPT_NS:
            with reading(self._engine) as connection:
                self._entries = load_entries(connection, self._school_id, self._account_key)
            self._read_at_ns = now_ns
        return self._entries


def load_entries(connection: Connection, school_id: str, account_key: bytes) -> dict[bytes, Entry]:
    """Return what the register says of each account, by reference."""
    is_same = (people.c.school_id == accounts.c.school_id) & (people.c.person_id == accounts.c.person_id)
    query = (
        select(accounts.c.account, people.c.kind, people.c.year_group)
        .join_from(accounts, people, is_same)
        .where(accounts.c.school_id == school_id)
    )
    return {
        make_account_ref(account_key, row.account): _to_entry(row.kind, row.year_group)
        for row in connection.execute(query)
    }


def _to_entry(kind: str, year: str) -> Entry:
    if kind == PersonKind.SHARED:
        # A class that has one account is a class of pupils; of any other shared account nobody can say who sat there.
        return Entry(PersonKind.PUPIL.value if year else "", year)
    return Entry(kind, year if kind == PersonKind.PUPIL else "")


def load_sessions(engine: Engine, device_id: str) -> Sessions:
    """Return who has a session on a device, by what was committed.

    Raises:
        StoreError: the database does not answer.
    """
    with reading(engine) as connection:
        rows = connection.execute(_FIND_SESSIONS, {"device": device_id}).all()
    begun = {row.session_ref: (row.account_ref, row.account_kind, row.boot_id) for row in rows if row.until_ns is None}
    # What ended because no end was heard of for a day says nothing of who is there.
    newest = max(rows, key=lambda row: row.until_ns or 0, default=None)
    is_known = bool(begun) or (newest is not None and newest.until_ns - newest.heard_at_ns < LONGEST_NS)
    return Sessions(begun, is_known)


_FIND_SESSIONS = select(
    presence.c.session_ref,
    presence.c.account_ref,
    presence.c.account_kind,
    presence.c.boot_id,
    presence.c.heard_at_ns,
    presence.c.until_ns,
).where(presence.c.device_id == bindparam("device"))


class Circumstances:
    """Those of the events of one commit, which are shown to it in their order."""

    def __init__(
        self,
        load: Callable[[str], Sessions],
        list_entries: Callable[[int], Mapping[bytes, Entry]],
        is_clock_trusted: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._load = load
        """Asked once for each device, and only if somebody wants to know."""
        self._list_entries = list_entries
        self._is_clock_trusted = is_clock_trusted
        """Of the past nobody kept it: without it, all clocks are."""
        self._sessions: dict[str, Sessions] = {}

    def follow(self, device_id: str, header: HeaderView, content: Any) -> None:
        """Take in an event of `SESSION_KINDS`.

        Raises:
            StoreError: the database does not answer.
        """
        self._find_sessions(device_id).follow(header, content)

    def find_moment(self, device_id: str, wall_clock_ns: int, received_at_ns: int, *, needs_people: bool) -> Moment:
        """Return when and, if a rule needs it, before whom an event happened.

        Raises:
            StoreError: the database does not answer.
        """
        at_ns = find_time_ns(wall_clock_ns, received_at_ns) if self._is_clock_trusted(device_id) else 0
        sessions = self._find_sessions(device_id) if needs_people else None
        if sessions is None or not sessions.is_known:
            return Moment(at_ns=at_ns, device_id=device_id)
        refs = {account_ref for account_ref, _, _ in sessions.begun.values()}
        kinds = frozenset(kind for _, kind, _ in sessions.begun.values())
        roles, years = _find_people(refs, self._list_entries(received_at_ns) if refs else {})
        return Moment(
            at_ns=at_ns,
            device_id=device_id,
            account_kinds=kinds if kinds <= KINDS_OF_ACCOUNTS else None,
            account_refs=frozenset(ref.hex() for ref in refs),
            roles=roles,
            years=years,
        )

    def _find_sessions(self, device_id: str) -> Sessions:
        found = self._sessions.get(device_id)
        if found is None:
            found = self._sessions[device_id] = self._load(device_id)
        return found


def find_time_ns(wall_clock_ns: int, received_at_ns: int) -> int:
    """Return when an event happened by its device's clock, or 0 when that clock cannot have been right then."""
    is_possible = received_at_ns - BEHIND_NS <= wall_clock_ns <= received_at_ns + CLOCK_IS_TRUSTED_NS
    return wall_clock_ns if is_possible else 0


def _find_people(
    refs: Iterable[bytes], entries: Mapping[bytes, Entry]
) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """Return roles and years of those who have these accounts; None as soon as one of them is not known."""
    found = [entries.get(ref) for ref in refs]
    if any(entry is None for entry in found):
        return None, None
    known = [entry for entry in found if entry is not None]
    if any(not entry.role for entry in known):
        return None, None
    pupils = [entry for entry in known if entry.role == PersonKind.PUPIL]
    years = None if any(not entry.year for entry in pupils) else frozenset(entry.year for entry in pupils)
    return frozenset(entry.role for entry in known), years
