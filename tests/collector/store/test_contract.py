# SPDX-License-Identifier: Apache-2.0
"""What every engine must keep, whoever works on it at the same time: incidents, refused evidence, audit, ingest."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import func, insert, select

from collector import audit, ledger
from collector.authority import Authority
from collector.checkpoints import list_checkpoints, make_checkpoint
from collector.counting import Sighting, record_sightings
from collector.devices import find_device, list_devices, note_seen
from collector.enrolment import enrol
from collector.errors import EnrolmentRefusedError, StoreError, UsageError
from collector.incidents import Action, count_open, decide, list_history, list_incidents
from collector.ingest import Answer, Ingest
from collector.policies import list_publications, publish
from collector.store.engine import reading, writing
from collector.store.schema import envelopes, events, incidents, payloads, refused, schools
from collector.verify import verify
from proto.events import Audience
from proto.keys import load_signer
from tests.collector.evidence import (
    ORDINARY,
    SECURITY,
    TOR_STARTED,
    Device,
    Said,
    enrol_device,
    incidents_of,
    make_request,
    make_school_token,
    numbers_of,
    reason_of,
    send,
    submit,
)
from tests.collector.school import School
from tests.events import list_events

THREADS = 12


def at_once(work: Callable[[int], None], number: int = THREADS) -> None:
    """Do work in several threads that start at the same moment; any error is the caller's."""
    together = threading.Barrier(number, timeout=60)

    def start(which: int) -> None:
        together.wait()
        work(which)

    with ThreadPoolExecutor(number) as pool:
        list(pool.map(start, range(number)))


def sighting_of(device_id: str, event_id: int = 1, **fields) -> Sighting:
    """Return a reason for an incident."""
    values = {
        "rule": "bypass-tor",
        "rule_title": "Tor",
        "audience": Audience.SECURITY,
        "severity": 3,
        "action_class": "unacceptable",
        "device_id": device_id,
        "subject": f"device/{device_id}/program/tor",
        "group_key": "program/tor",
        "summary": "Tor was started",
        "clauses": ("BX-07",),
        "event_id": event_id,
    }
    return Sighting(**{**values, **fields})


def record_until_stored(school: School, *sightings: Sighting) -> None:
    """Record sightings as ingest does: what could not be stored is stored at the next attempt."""
    while True:
        try:
            with writing(school.engine) as connection:
                record_sightings(connection, school.id, sightings, school.now_ns)
        except StoreError:
            continue
        return


# Incidents


def test_incident_is_opened_once_by_many(school: School) -> None:
    """However many see the same thing first, it is one incident, and it counts all of them."""
    device_id = school.add_device("library-01")
    at_once(lambda number: record_until_stored(school, sighting_of(device_id, number), sighting_of(device_id, number)))
    (incident,) = list_incidents(school.engine, school.id, audiences=SECURITY)
    assert incident.count == 2 * THREADS
    assert [entry.action for entry in list_history(school.engine, school.id, incident.id)] == ["opened"]


def test_several_incidents_at_once_do_not_block_each_other(school: School) -> None:
    """Two writers that touch the same incidents in another order both come through."""
    device_id = school.add_device("library-01")
    kinds = [sighting_of(device_id, rule=f"rule-{number}") for number in range(5)]

    def record(number: int) -> None:
        for _ in range(3):
            record_until_stored(school, *(kinds if number % 2 else reversed(kinds)))

    at_once(record, 6)
    assert [each.count for each in list_incidents(school.engine, school.id, audiences=SECURITY)] == [18] * 5


def test_incident_takes_the_highest_severity(school: School) -> None:
    """What became worse stays worse."""
    device_id = school.add_device("library-01")
    for severity in (3, 5, 2):
        record_until_stored(school, sighting_of(device_id, severity=severity))
    assert [each.severity for each in list_incidents(school.engine, school.id, audiences=SECURITY)] == [5]


def test_resolved_while_it_is_counted_is_reopened(school: School) -> None:
    """Whatever is seen after an incident was resolved opens it again: none is counted into a closed one."""
    device_id = school.add_device("library-01")
    record_until_stored(school, sighting_of(device_id))
    (incident,) = list_incidents(school.engine, school.id, audiences=SECURITY)

    def work(number: int) -> None:
        for _ in range(10):
            if number:
                record_until_stored(school, sighting_of(device_id))
            else:
                decide(
                    school.engine,
                    school.id,
                    incident.id,
                    audiences=SECURITY,
                    actor="anna",
                    action=Action.RESOLVED,
                    note="removed",
                    now_ns=school.now_ns,
                )

    at_once(work, 4)
    (after,) = list_incidents(school.engine, school.id, audiences=SECURITY)
    actions = [entry.action for entry in list_history(school.engine, school.id, incident.id)]
    # By turns: each event after a decision was a reopening, and nobody decided twice on the same state.
    turns = actions[1:]
    assert turns == [("resolved", "reopened")[place % 2] for place in range(len(turns))]
    assert after.state == ("resolved" if turns[-1] == "resolved" else "open")
    assert (after.count, after.reopened) == (31, turns.count("reopened"))


def test_audience_is_part_of_every_query(school: School) -> None:
    """An incident for other readers is not listed, counted or decided on."""
    device_id = school.add_device("library-01")
    record_until_stored(school, sighting_of(device_id, audience=Audience.SAFEGUARDING))
    (hidden,) = list_incidents(school.engine, school.id, audiences=[Audience.SAFEGUARDING])
    assert list_incidents(school.engine, school.id, audiences=SECURITY) == []
    assert count_open(school.engine, school.id, audiences=SECURITY) == 0
    with pytest.raises(UsageError, match="no such incident"):
        decide(
            school.engine,
            school.id,
            hidden.id,
            audiences=SECURITY,
            actor="anna",
            action=Action.ACKNOWLEDGED,
            note="",
            now_ns=school.now_ns,
        )


# Refused evidence


def keep(school: School, device_id: str, raw: bytes, reason: str = "malformed") -> None:
    """Keep refused evidence in a transaction of its own."""
    with writing(school.engine) as connection:
        ledger.keep_refused(
            connection, school.id, device_id, raw=raw, reason=reason, detail="d\u00e9tail", now_ns=school.now_ns
        )


def test_refused_evidence_is_bounded(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that sends rubbish without end fills its own share, the newest of it; another device's stays."""
    monkeypatch.setattr(ledger, "REFUSED_KEPT_A_DEVICE", 10)
    keep(school, "b" * 16, b"theirs")
    with writing(school.engine) as connection:
        for number in range(25):
            ledger.keep_refused(
                connection, school.id, "a" * 16, raw=b"%d" % number, reason="malformed", detail="", now_ns=number
            )
    with reading(school.engine) as connection:
        kept = connection.execute(select(refused.c.device_id, refused.c.bytes).order_by(refused.c.refused_id)).all()
    assert [(row.device_id, row.bytes) for row in kept] == [
        ("b" * 16, b"theirs"),
        *[("a" * 16, b"%d" % number) for number in range(15, 25)],
    ]


def test_refused_evidence_is_cut(school: School) -> None:
    """Of one message the first 64 KiB are kept, with the size and the digest of all of it."""
    keep(school, "a" * 16, bytes(range(256)) * 1024)
    with reading(school.engine) as connection:
        row = connection.execute(select(refused)).one()
    assert (row.size, len(row.bytes), row.bytes[:3]) == (256 * 1024, 64 * 1024, b"\x00\x01\x02")


def test_same_refusal_is_counted_by_many(school: School) -> None:
    """The same bytes for the same reason are one row that counts, for another reason another row."""
    keep(school, "a" * 16, b"x")
    at_once(lambda number: keep(school, "a" * 16, b"x"))
    keep(school, "a" * 16, b"x", reason="forked")
    with reading(school.engine) as connection:
        rows = connection.execute(select(refused.c.reason, refused.c["count"]).order_by(refused.c.reason)).all()
    assert [tuple(row) for row in rows] == [("forked", 1), ("malformed", THREADS + 1)]


# Enrolment


def test_last_use_of_a_token_is_taken_once(school: School, authority: Authority) -> None:
    """Of many devices that come at the same moment with one token, as many enrol as it is good for."""
    token = make_school_token(school, authority, uses=2)
    requests = [make_request(school, token, f"library-{number}") for number in range(8)]

    def work(number: int) -> None:
        try:
            enrol(school.engine, school.config, authority, requests[number], school.now_ns)
        except EnrolmentRefusedError as error:
            assert "used up" in error.message

    at_once(work, len(requests))
    assert len(list_devices(school.engine, school.id)) == 2


# What people do


def test_audit_chain_of_many_writers_is_one(school: School) -> None:
    """Threads that write at once never fork the log, and what is rolled back leaves no hole in it."""

    def write(number: int) -> None:
        for turn in range(4):
            try:
                with writing(school.engine) as connection:
                    audit.record(
                        connection,
                        school.id,
                        actor=f"user-{number}",
                        action="test.done",
                        subject="school",
                        now_ns=school.now_ns,
                    )
                    if turn == 2:
                        raise LookupError
            except LookupError:
                pass

    before = audit.verify_audit(school.engine, school.id)
    at_once(write)
    assert audit.verify_audit(school.engine, school.id) == before + 3 * THREADS


def test_published_versions_have_no_hole(school: School) -> None:
    """Several who publish at once get a version each or an error, and the versions follow one another."""
    signer = load_signer(school.config.signing_key)

    def publish_once(number: int) -> None:
        try:
            publish(school.engine, school.id, signer, actor=f"user-{number}", reason="test", now_ns=school.now_ns)
        except StoreError as error:
            assert "at the same moment" in error.message

    at_once(publish_once, 4)
    versions = [each.version for each in list_publications(school.engine, school.id)]
    assert versions == list(range(len(versions), 0, -1))
    assert len(versions) > 1
    assert verify(school.engine, school.config).problems == []


def test_checkpoints_of_many_are_one_chain(school: School, ingest: Ingest, device: Device) -> None:
    """Whoever writes a checkpoint at the same moment, they follow one another and verify."""
    signer = load_signer(school.config.signing_key)

    def work(number: int) -> None:
        if number == 0:
            for _ in range(10):
                send(ingest, device.say(ORDINARY))
            return
        for _ in range(5):
            try:
                make_checkpoint(school.engine, school.id, signer, school.now_ns)
            except StoreError as error:
                assert "at the same moment" in error.message

    at_once(work, 3)
    make_checkpoint(school.engine, school.id, signer, school.now_ns)
    assert list_checkpoints(school.engine, school.id)
    assert verify(school.engine, school.config).problems == []


# Evidence


def test_ingest_of_real_envelopes_verifies(
    school: School, ingest: Ingest, device: Device, authority: Authority
) -> None:
    """Good, repeated, forked and unreadable evidence of two devices: what belongs in the ledger is in it, once."""
    other = enrol_device(school, authority, "library-02")
    clone = other.clone()
    first = device.say(TOR_STARTED, Said("unknown.kind", b"\xff\x00"), Said("program.started", b"\xff"))
    assert numbers_of(send(ingest, first, first, other.say(*[ORDINARY] * 500), device.say(TOR_STARTED))) == [
        3,
        3,
        500,
        4,
    ]
    (answer,) = send(ingest, clone.say(TOR_STARTED))
    assert reason_of(answer) == "forked"
    assert [(each.rule, each.count) for each in incidents_of(school)] == [("bypass-tor", 2), ("device-forked", 1)]
    report = verify(school.engine, school.config)
    assert (report.problems, report.devices, report.envelopes, report.events) == ([], 2, 3, 504)
    newest = list_events(school.engine, school.id, device.id, limit=3)
    assert [event.seq for event in newest] == [4, 3, 2]
    assert newest[0].body == {
        "already_running": False,
        "program": {
            "name": "tor",
            "path": "/opt/tor-browser/tor",
            "sha256": "ab" * 32,
            "source": "process",
            "version": "",
            "build_id": "",
            "sketch": "",
        },
    }


def test_everybody_at_once(school: School, ingest: Ingest, authority: Authority) -> None:
    """Twelve threads that send, read, decide and verify for a while: nothing is lost, doubled or wrongly accused."""
    devices = [enrol_device(school, authority, f"library-{number}") for number in range(4)]
    problems: list[str] = []
    sending = [True] * len(devices)

    def work(number: int) -> None:
        if number < len(devices):
            try:
                waiting: list[Future[Answer]] = []
                for _ in range(15):
                    waiting.append(submit(ingest, devices[number].say(TOR_STARTED, ORDINARY)))
                assert numbers_of(answer.result(60) for answer in waiting) == list(range(2, 31, 2))
            finally:
                sending[number] = False
        while any(sending):
            if number % 4 == 0:
                problems.extend(verify(school.engine, school.config).problems)
            elif number % 4 == 1:
                list_devices(school.engine, school.id)
                note_seen(school.engine, [device.id for device in devices], school.now_ns)
            elif number % 4 == 2:
                for incident in list_incidents(school.engine, school.id, audiences=SECURITY):
                    list_history(school.engine, school.id, incident.id)
            else:
                list_events(school.engine, school.id, devices[0].id)

    at_once(work)
    assert problems == []
    assert [school.count(table) for table in (envelopes, events, payloads, incidents)] == [60, 120, 120, 4]
    assert {incident.count for incident in incidents_of(school)} == {15}
    for device in devices:
        known = find_device(school.engine, school.id, device.id)
        assert known is not None
        assert (known.events, known.open_incidents) == (30, 1)


def test_reader_waits_for_no_writer(school: School) -> None:
    """While somebody writes, others read what was there before."""
    with writing(school.engine) as connection:
        connection.execute(insert(schools).values(school_id="f" * 16, name="Another", created_at_ns=1))
        with reading(school.engine) as other:
            assert other.execute(select(func.count()).select_from(schools)).scalar_one() == 1
    assert school.count(schools) == 2
