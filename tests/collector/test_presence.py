# SPDX-License-Identifier: Apache-2.0
"""Tests of sessions on devices: who is on several at the same time, and who is not."""

from collections.abc import Callable

import pytest
from sqlalchemy import insert

from collector.authority import Authority
from collector.coincidences import record_coincidences
from collector.devices import note_seen, revoke
from collector.incidents import Action, Incident, decide
from collector.ingest import Ingest
from collector.presence import GRACE_NS, KEPT_NS, LONGEST_NS, MARGIN, MAX_SESSIONS_A_DEVICE
from collector.store.engine import writing
from collector.store.schema import devices, presence
from proto.events import AccountSignedIn, AccountSignedOut, AgentStarted
from tests.collector.evidence import SECURITY, enrol_device, incidents_of, numbers_of, send
from tests.collector.machines import sign_in
from tests.collector.school import MINUTE_NS, SECOND_NS, School

STARTED = AgentStarted("0.1.0", "library-01", "Debian GNU/Linux", "12", "x86_64")


class Rooms:
    """Devices that say who signs in, with a clock that goes on."""

    def __init__(self, school: School, ingest: Ingest, authority: Authority) -> None:
        self.school, self._ingest = school, ingest
        self.devices = [enrol_device(school, authority, f"room-{number}") for number in range(3)]

    def say(self, number: int, *contents, **fields) -> None:
        """Let a device say something, at its own time."""
        device = self.devices[number]
        device.wall_clock_ns = self.school.now_ns
        numbers_of(send(self._ingest, device.say(*contents, **fields)))

    def wait(self, span_ns: int, *, heard: tuple[int, ...] = (0, 1, 2)) -> list[Incident]:
        """Let time pass, hear these devices, look, and return the incidents."""
        self.school.pass_time(span_ns)
        note_seen(self.school.engine, [self.devices[number].id for number in heard], self.school.now_ns)
        record_coincidences(self.school.engine, self.school.id, self.school.now_ns)
        return incidents_of(self.school)


@pytest.fixture
def rooms(school: School, ingest: Ingest, authority: Authority) -> Rooms:
    """Three rooms with a device each."""
    return Rooms(school, ingest, authority)


def test_one_account_in_two_rooms_is_one_incident(rooms: Rooms) -> None:
    """It names the devices and no account, and is counted again only when another session joins."""
    rooms.say(0, sign_in("directory:anna", 1))
    rooms.say(1, sign_in("directory:anna", 2))
    rooms.say(2, sign_in("directory:ben", 3))
    assert rooms.wait(GRACE_NS - SECOND_NS) == []
    (incident,) = rooms.wait(SECOND_NS)
    assert incident.summary == "One personal account has sessions on room-0, room-1 at the same time"
    assert (incident.rule, incident.severity) == ("account-on-several-devices", 2)
    assert incident.clauses == ("BX-19", "WH-08", "WI-08", "HZ-07")
    assert incident.subject.startswith("account/")
    assert "anna" not in repr(incident)
    (again,) = rooms.wait(MINUTE_NS)
    assert again.count == 1
    rooms.say(2, sign_in("directory:anna", 4))
    (third,) = rooms.wait(GRACE_NS)
    assert (third.id, third.count, "room-2" in third.summary) == (incident.id, 2, True)


def test_walking_from_room_to_room_is_none(rooms: Rooms) -> None:
    """Somebody who signs out of the first a few minutes later was never in two places for long."""
    rooms.say(0, sign_in("directory:anna", 1))
    rooms.wait(60 * MINUTE_NS)
    rooms.say(1, sign_in("directory:anna", 2))
    rooms.wait(5 * MINUTE_NS)
    signed_in = sign_in("directory:anna", 1)
    rooms.say(0, AccountSignedOut(signed_in.account_ref, signed_in.session_ref))
    assert rooms.wait(60 * MINUTE_NS) == []


def test_backlog_of_a_laptop_is_none(rooms: Rooms) -> None:
    """A session that began and ended hours ago while it was offline does not count between its two events."""
    rooms.say(0, sign_in("directory:anna", 1))
    rooms.wait(60 * MINUTE_NS, heard=(0,))
    hours_ago_ns = rooms.school.now_ns - 5 * 60 * MINUTE_NS
    then = sign_in("directory:anna", 2)
    rooms.say(1, then, wall_clock_ns=hours_ago_ns)
    assert rooms.wait(SECOND_NS) == []
    rooms.say(1, AccountSignedOut(then.account_ref, then.session_ref), wall_clock_ns=hours_ago_ns + MINUTE_NS)
    assert rooms.wait(60 * MINUTE_NS) == []


def test_account_with_very_many_sessions_is_one_incident(rooms: Rooms) -> None:
    """A thousand sessions of one reference are told in one look."""
    school = rooms.school
    with writing(school.engine) as connection:
        rows = [
            {
                "school_id": school.id,
                "device_id": rooms.devices[number % 3].id,
                "session_ref": number.to_bytes(8, "big"),
                "account_ref": b"x" * 16,
                "is_personal": True,
                "boot_id": bytes(16),
                "event_id": number,
                "heard_at_ns": school.now_ns,
            }
            for number in range(1500)
        ]
        connection.execute(insert(presence), rows)
    (incident,) = rooms.wait(GRACE_NS)
    assert incident.count == 1
    assert rooms.wait(MINUTE_NS)[0].count == 1


def test_laptop_left_signed_in_at_home_does_not_count(rooms: Rooms) -> None:
    """Nobody heard it: nobody knows whether somebody is there. Heard again, it counts."""
    rooms.say(0, sign_in("directory:anna", 1))
    rooms.say(1, sign_in("directory:anna", 2))
    assert rooms.wait(60 * MINUTE_NS, heard=(1, 2)) == []
    assert len(rooms.wait(MINUTE_NS)) == 1


@pytest.mark.parametrize(
    "fields",
    [{"account_kind": "shared"}, {"account_kind": "guest"}, {"is_local": True}, {"session_type": "remote"}],
)
def test_accounts_of_no_single_person_do_not_count(rooms: Rooms, fields: dict) -> None:
    """A year group's log-in, a guest, a machine's own account, a session over the network."""
    rooms.say(0, sign_in("directory:year-3", 1, **fields))
    rooms.say(1, sign_in("directory:year-3", 2))
    assert rooms.wait(60 * MINUTE_NS) == []


def test_two_sessions_on_one_device_do_not_count(rooms: Rooms) -> None:
    """A text console beside the desktop is the same machine."""
    rooms.say(0, sign_in("directory:anna", 1), sign_in("directory:anna", 2, session_type="tty"))
    assert rooms.wait(60 * MINUTE_NS) == []


def end_by_reboot(rooms: Rooms) -> None:
    """The device started anew."""
    rooms.say(0, STARTED, boot_id=b"\x01" * 16)


def end_by_revocation(rooms: Rooms) -> None:
    """The device may not speak any more."""
    with writing(rooms.school.engine) as connection:
        revoke(connection, rooms.school.id, rooms.devices[0].id)


def end_by_time(rooms: Rooms) -> None:
    """A day went by without a word of its end."""
    rooms.school.pass_time(LONGEST_NS)
    rooms.say(1, sign_in("directory:anna", 5))


@pytest.mark.parametrize("end", [end_by_reboot, end_by_revocation, end_by_time])
def test_session_ends_without_signing_out(rooms: Rooms, end: Callable[[Rooms], None]) -> None:
    """By a boot, a day, or with the right to speak."""
    rooms.say(0, sign_in("directory:anna", 1))
    rooms.say(1, sign_in("directory:anna", 2))
    end(rooms)
    assert rooms.wait(60 * MINUTE_NS) == []


def test_agent_that_starts_again_ends_no_session(rooms: Rooms) -> None:
    """The same boot: people are still there."""
    rooms.say(0, sign_in("directory:anna", 1))
    rooms.say(1, sign_in("directory:anna", 2))
    rooms.say(0, STARTED)
    assert len(rooms.wait(GRACE_NS)) == 1


def test_wrong_clocks_do_not_matter(rooms: Rooms) -> None:
    """A device whose clock is a day off is compared by the collector's time."""
    with writing(rooms.school.engine) as connection:
        connection.execute(devices.update().values(clock_offset_ns=-LONGEST_NS))
    rooms.say(1, sign_in("directory:anna", 2), wall_clock_ns=rooms.school.now_ns - LONGEST_NS)
    rooms.say(0, sign_in("directory:anna", 1), wall_clock_ns=2**63 - 1)
    assert rooms.wait(GRACE_NS - SECOND_NS) == []
    assert len(rooms.wait(SECOND_NS)) == 1


def test_resolved_incident_comes_back_with_a_new_session_only(rooms: Rooms) -> None:
    """Who decided is not told the same again every quarter of a minute."""
    rooms.say(0, sign_in("directory:anna", 1))
    rooms.say(1, sign_in("directory:anna", 2))
    (incident,) = rooms.wait(GRACE_NS)
    decide(
        rooms.school.engine,
        rooms.school.id,
        incident.id,
        audiences=SECURITY,
        actor="anna",
        action=Action.RESOLVED,
        note="a session was left open",
        now_ns=rooms.school.now_ns,
    )
    assert rooms.wait(MINUTE_NS)[0].state == "resolved"
    rooms.say(2, sign_in("directory:anna", 3))
    assert rooms.wait(GRACE_NS)[0].state == "open"


def test_sessions_are_forgotten_and_bounded(rooms: Rooms) -> None:
    """Rows that ended go after a week; a device that begins thousands keeps the newest."""
    many = MAX_SESSIONS_A_DEVICE + MARGIN
    rooms.say(0, *(sign_in("directory:anna", number) for number in range(many + 1)))
    assert rooms.school.count(presence) == MAX_SESSIONS_A_DEVICE
    rooms.say(0, *(sign_in("directory:anna", number) for number in range(many + 1, 3 * many)))
    assert rooms.school.count(presence) <= many
    rooms.wait(LONGEST_NS + SECOND_NS)
    rooms.wait(KEPT_NS + SECOND_NS)
    assert rooms.school.count(presence) == 0


@pytest.mark.parametrize("account_ref", [b"", b"short", b"x" * 500])
def test_strange_references_are_evidence_only(rooms: Rooms, account_ref: bytes) -> None:
    """By such a reference nothing can be compared."""
    rooms.say(0, AccountSignedIn(account_ref, b"12345678", "personal", False, "x11"))
    rooms.say(0, AccountSignedIn(b"x" * 16, account_ref, "personal", False, "x11"))
    rooms.say(0, AccountSignedOut(account_ref, account_ref))
    assert rooms.school.count(presence) == 0
