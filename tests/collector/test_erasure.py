# SPDX-License-Identifier: Apache-2.0
"""Tests of erasing content: what goes and what stays, and that the evidence still verifies with a word for each gap."""

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update

from collector import audit, ledger
from collector.audit import list_entries
from collector.authority import Authority
from collector.erasure import MAX_EVENTS, erase_events, list_events_of, plan_erasure, truncate_log
from collector.errors import StoreError, UsageError
from collector.ingest import Ingest
from collector.store.engine import BUSY_TIMEOUT_MS, reading, writing
from collector.store.schema import envelopes, heads, incidents, payloads, refused, tombstones
from collector.tombstones import Reason
from collector.verify import verify
from proto.events import Missing, NoticeAccepted, Program, ProgramStarted
from proto.keys import load_signer
from tests.collector.evidence import ORDINARY, TOR_STARTED, Device, enrol_device, incidents_of, numbers_of, send, spoil
from tests.collector.school import School

OTHER_TOR = ProgramStarted(Program("tor", path="/home/sam.pupil/tor", sha256="cd" * 32, source="process"))


def erase(school: School, *event_ids: int, reason: Reason = Reason.REQUEST, note: str = "SAR 12") -> int:
    """Erase as the operator does."""
    signer = load_signer(school.config.signing_key)
    return erase_events(school.engine, school.id, signer, event_ids, reason=reason, note=note, now_ns=school.now_ns)


def test_content_goes_and_the_chain_verifies(school: School, ingest: Ingest, device: Device) -> None:
    """Payload and salt are gone, the header is as it was signed, and the event says why it has no content."""
    send(ingest, device.say(ORDINARY, TOR_STARTED, ORDINARY), device.say(ORDINARY))
    with reading(school.engine) as connection:
        signed = connection.execute(select(envelopes)).all()
    assert erase(school, 2) == 1
    with reading(school.engine) as connection:
        assert connection.execute(select(envelopes)).all() == signed
        row = connection.execute(select(payloads).where(payloads.c.event_id == 2)).one()
    assert (row.salt, row.body, row.missing) == (b"", b"", Missing.ERASED)
    stored = ledger.find_event(school.engine, school.id, 2)
    assert stored is not None
    assert (stored.body, stored.missing) == (None, "the content was erased, as a signed tombstone says")
    report = verify(school.engine, school.config)
    assert (report.problems, report.events, report.erased, report.without_content) == ([], 4, 1, 0)


def test_log_of_older_pages_is_emptied(school: School, ingest: Ingest, device: Device) -> None:
    """What was erased does not stand in the write-ahead log until somebody happens to overwrite it."""
    log = school.config.ledger_file.with_name("ledger.db-wal")
    send(ingest, device.say(TOR_STARTED))
    assert log.stat().st_size > 0
    erase(school, 1)
    assert truncate_log(school.engine)
    assert log.stat().st_size == 0


def test_log_is_emptied_without_holding_a_writer_up(
    school: School, ingest: Ingest, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who reads keeps it from being emptied, and others write between two attempts; it says so."""
    written: list[float] = []

    def write(pause_s: float) -> None:
        with writing(school.engine) as connection:
            connection.execute(update(heads).values(seq=heads.c.seq))
        written.append(pause_s)

    monkeypatch.setattr("collector.erasure.time", SimpleNamespace(sleep=write))
    with reading(school.engine) as reader:
        reader.execute(select(payloads)).all()
        send(ingest, device.say(TOR_STARTED))
        assert not truncate_log(school.engine)
    assert written
    assert truncate_log(school.engine)
    with school.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == BUSY_TIMEOUT_MS


def test_erasure_that_ends_half_way_says_how_far_it_came(
    school: School, ingest: Ingest, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers get their turn between its transactions; each has its row in the log, and the same again goes on."""
    send(ingest, device.say(TOR_STARTED, ORDINARY, TOR_STARTED))
    monkeypatch.setattr("collector.erasure.EVENTS_A_TRANSACTION", 2)
    record = audit.record

    def fail_later(*args: Any, **fields: Any) -> None:
        if "3 of 3" in fields["detail"]:
            raise StoreError("the disk of the database is full")
        record(*args, **fields)

    with monkeypatch.context() as patch:
        patch.setattr("collector.audit.record", fail_later)
        with pytest.raises(StoreError, match="only 2 of 3 events are erased: the disk"):
            erase(school, 1, 2, 3)
    assert school.count(tombstones) == 2
    assert list_entries(school.engine, school.id)[0].detail == "2 of 3, request: SAR 12"
    assert erase(school, 1, 2, 3) == 1
    report = verify(school.engine, school.config)
    assert (report.problems, report.erased) == ([], 3)


def test_same_again_is_acknowledged_and_brings_nothing_back(school: School, ingest: Ingest, device: Device) -> None:
    """A device that never got its answer sends again what was erased meanwhile."""
    envelope = device.say(TOR_STARTED)
    send(ingest, envelope)
    erase(school, 1)
    assert numbers_of(send(ingest, envelope)) == [1]
    with reading(school.engine) as connection:
        assert connection.execute(select(payloads.c.body)).scalar_one() == b""
    assert erase(school, 1) == 0
    assert school.count(tombstones) == 1


def test_tombstone_says_who_why_and_where(school: School, ingest: Ingest, device: Device) -> None:
    """And the audit log has the act, without a word of content."""
    send(ingest, device.say(ORDINARY, TOR_STARTED))
    erase(school, 1, 2, reason=Reason.MISTAKE, note="  a rule that was too wide ")
    with reading(school.engine) as connection:
        first, second = connection.execute(select(tombstones).order_by(tombstones.c.number)).all()
    assert (first.number, first.event_id, first.device_id, first.epoch, first.seq) == (1, 1, device.id, 1, 1)
    assert (second.reason, second.actor, second.note) == ("mistake", "command line", "a rule that was too wide")
    assert (second.previous_hash, second.event_hash) == (first.hash, device.hash)
    entry = list_entries(school.engine, school.id)[0]
    assert (entry.action, entry.subject) == ("events.erased", "events/1-2")
    assert entry.detail == "2, mistake: a rule that was too wide"


def test_refused_copy_of_the_same_bytes_goes(school: School, ingest: Ingest, device: Device) -> None:
    """What the device sent and was refused before it was taken holds the content too; that it was refused stays."""
    envelope = device.say(TOR_STARTED)
    send(ingest, spoil(envelope, signature=bytes(64)), envelope)
    with reading(school.engine) as connection:
        assert b"/opt/tor-browser" in connection.execute(select(refused.c.bytes)).scalar_one()
    erase(school, 1)
    with reading(school.engine) as connection:
        row = connection.execute(select(refused)).one()
    assert (row.bytes, row.reason) == (b"", "bad_signature")


def test_copy_that_came_over_anothers_line_goes(
    school: School, ingest: Ingest, device: Device, authority: Authority
) -> None:
    """It was refused as another device's, and is kept under the name of whoever sent it."""
    envelope = device.say(TOR_STARTED)
    send(ingest, envelope, device_id=enrol_device(school, authority, "library-02").id)
    send(ingest, envelope)
    erase(school, 1)
    with reading(school.engine) as connection:
        assert connection.execute(select(refused.c.bytes)).scalar_one() == b""


def test_incident_loses_the_words_that_were_made_of_it(school: School, ingest: Ingest, device: Device) -> None:
    """The line while another event stands behind it; what it is about as well when none does. It stays an incident."""
    send(ingest, device.say(TOR_STARTED, OTHER_TOR))
    (before,) = incidents_of(school)
    assert "sam.pupil" in before.summary
    assert list_events_of(school.engine, school.id, before.id) == [1, 2]
    erase(school, 2)
    (between,) = incidents_of(school)
    assert (between.summary, between.subject) == ("Tor: what a device said about it was erased", before.subject)
    erase(school, 1)
    (after,) = incidents_of(school)
    assert (after.id, after.count, after.subject, after.group) == (before.id, 2, f"erased/{before.id}", "erased")
    send(ingest, device.say(TOR_STARTED))
    assert len(incidents_of(school)) == 2


def test_earlier_event_leaves_the_newest_words(school: School, ingest: Ingest, device: Device) -> None:
    """The line was made of another event."""
    send(ingest, device.say(TOR_STARTED, OTHER_TOR))
    (before,) = incidents_of(school)
    erase(school, 1)
    assert incidents_of(school) == [before]


def test_plan_shows_no_content_and_changes_nothing(school: School, ingest: Ingest, device: Device) -> None:
    """What came without content, or lost it before, would lose nothing."""
    send(ingest, device.say(TOR_STARTED))
    send(ingest, device.say(TOR_STARTED, missing=Missing.DAMAGED))
    planned = plan_erasure(school.engine, school.id, [2, 1, 1])
    assert [(each.event_id, each.kind, each.has_content) for each in planned] == [
        (1, "program.started", True),
        (2, "program.started", False),
    ]
    assert "tor" not in repr(planned).replace("has_content", "")
    assert school.count(tombstones) == 0
    assert erase(school, 2) == 0
    assert verify(school.engine, school.config).problems == []


def test_what_cannot_be_erased_so(school: School, ingest: Ingest, device: Device) -> None:
    """No unknown event, nothing of safeguarding, not without a reason, not everything at once; and then nothing is."""
    send(ingest, device.say(TOR_STARTED))
    send(ingest, device.say(NoticeAccepted(bytes(16), "1")))
    for wanted, words in (
        ([1, 3], "no event 3"),
        ([1, 2], "for readers of flags"),
        (range(MAX_EVENTS + 1), "too many"),
    ):
        with pytest.raises(UsageError, match=words):
            erase(school, *wanted)
    for note in ("", " ", "x" * 501):
        with pytest.raises(UsageError, match="say why"):
            erase(school, 1, note=note)
    with pytest.raises(UsageError, match="no such incident"):
        list_events_of(school.engine, school.id, "0" * 16)
    assert school.count(tombstones) == 0


def test_erasure_is_whole_or_not_at_all(
    school: School, ingest: Ingest, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the last step fails, content, tombstone and words are as before."""
    send(ingest, device.say(TOR_STARTED))
    before = incidents_of(school)

    def fail(*args: object, **fields: object) -> None:
        raise StoreError("the disk of the database is full")

    monkeypatch.setattr("collector.audit.record", fail)
    with pytest.raises(StoreError):
        erase(school, 1)
    assert (school.count(tombstones), incidents_of(school)) == (0, before)
    with reading(school.engine) as connection:
        assert connection.execute(select(payloads.c.missing)).scalar_one() == Missing.NO
    assert verify(school.engine, school.config).problems == []


def test_what_stands_around_an_incident_stays_a_row(school: School, ingest: Ingest, device: Device) -> None:
    """Nothing is deleted: counts in reports stay what they were."""
    send(ingest, device.say(TOR_STARTED))
    erase(school, 1)
    assert [school.count(table) for table in (envelopes, payloads, incidents)] == [1, 1, 1]
