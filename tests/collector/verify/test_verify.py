# SPDX-License-Identifier: Apache-2.0
"""Tests of verify: whatever somebody changes in the database shows, and is named; what is sound is never accused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from collector.checkpoints import make_checkpoint
from collector.ingest import Ingest
from collector.store.engine import open_engine, reading, writing
from collector.store.schema import audit as audit_rows
from collector.store.schema import (
    bundles,
    checkpoints,
    device_keys,
    devices,
    envelopes,
    events,
    heads,
    metadata,
    payloads,
)
from collector.verify import COVERED, NOT_COVERED, Report, verify
from proto.events import ChainRestarted, Missing
from proto.keys import Ed25519Signer, load_signer
from tests.collector.evidence import ORDINARY, TOR_STARTED, Device, send
from tests.collector.school import School
from tests.collector.verify.tampering import change, first_device, problems_of, read, remove, spoil, without_checkpoints


def test_sound_evidence_verifies(evidence: School) -> None:
    """Everything is counted and nothing is wrong."""
    report = verify(evidence.engine, evidence.config)
    audit_entries = evidence.count(audit_rows)
    assert report == Report(
        problems=[],
        devices=2,
        envelopes=6,
        events=18,
        without_content=0,
        checkpoints=2,
        bundles=2,
        audit_entries=audit_entries,
    )
    assert report.to_json()["problems"] == []


# Event 1 is the first of the first envelope of the first device, 7 to 9 are its second envelope.
MIDDLE = envelopes.c.first_event_id == 7
LAST = envelopes.c.first_event_id == 13
Change = Callable[[School], None]

TAMPERED: dict[str, tuple[Change, list[str]]] = {
    "header block": (
        lambda school: spoil(school, envelopes.c.header_block, MIDDLE),
        ["device X: epoch 1, events 4 to 6: the signature does not verify"],
    ),
    "signature": (
        lambda school: spoil(school, envelopes.c.signature, MIDDLE),
        ["device X: epoch 1, events 4 to 6: the signature does not verify"],
    ),
    "content": (
        lambda school: spoil(school, payloads.c.body, payloads.c.event_id == 7),
        ["device X: epoch 1, events 4 to 6: the content is not what its header commits to"],
    ),
    "salt": (
        lambda school: spoil(school, payloads.c.salt, payloads.c.event_id == 8),
        ["device X: epoch 1, events 4 to 6: the content is not what its header commits to"],
    ),
    "content removed": (
        lambda school: remove(school, payloads, payloads.c.event_id == 8),
        ["device X: epoch 1, events 4 to 6: the content of 1 events was removed"],
    ),
    "content emptied": (
        lambda school: change(school, payloads, payloads.c.event_id == 8, salt=b"", body=b""),
        ["device X: epoch 1, events 4 to 6: a salt has 0 bytes, not 32"],
    ),
    "index row": (
        lambda school: change(school, events, events.c.event_id == 7, severity=5),
        ["device X: epoch 1, events 4 to 6: the index says something else"],
    ),
    "time in the index": (
        lambda school: change(school, events, events.c.event_id == 7, device_time_ns=1),
        ["device X: epoch 1, events 4 to 6: the index says something else"],
    ),
    "index row removed": (
        lambda school: remove(school, events, events.c.event_id == 8),
        ["device X: epoch 1, events 4 to 6: the index says something else"],
    ),
    "head": (
        lambda school: change(school, heads, heads.c.device_id == first_device(school), seq=8),
        ["device X: its chain ends at epoch 1, event 9; the record says epoch 1, event 8"],
    ),
    "head removed": (
        lambda school: remove(school, heads, heads.c.device_id == first_device(school)),
        ["device X: its chain ends at epoch 1, event 9; the record says epoch 0, event 0"],
    ),
    "policy": (
        lambda school: spoil(school, bundles.c.body, bundles.c.version == 1),
        ["policy version 1: the bundle is not signed by this device's collector"],
    ),
    "policy removed": (
        lambda school: remove(school, bundles, bundles.c.version == 1),
        ["policy version 1 is missing"],
    ),
    "audit": (
        lambda school: change(school, audit_rows, audit_rows.c.action == "b.done", actor="ben"),
        ["audit log: audit row N was changed"],
    ),
    "audit removed": (
        lambda school: remove(school, audit_rows, audit_rows.c.action == "b.done"),
        ["audit log: audit row N is missing: row N follows"],
    ),
    "checkpoint's time": (
        lambda school: change(school, checkpoints, checkpoints.c.number == 2, made_at_ns=1),
        [
            "checkpoint 2: the signature does not verify",
            "checkpoint 2 does not follow the one before it",
        ],
    ),
    "checkpoint removed": (
        lambda school: remove(school, checkpoints, checkpoints.c.number == 1),
        ["checkpoint 2 does not follow the one before it"],
    ),
    "enrolment key": (
        lambda school: change(
            school,
            device_keys,
            device_keys.c.device_id == first_device(school),
            public_key=Ed25519Signer.generate().public_key,
        ),
        ["device X: its key is not proven: the signature does not verify"],
    ),
    "enrolment proof": (
        lambda school: spoil(school, device_keys.c.proof, device_keys.c.device_id == first_device(school)),
        ["device X: its key is not proven: the signature does not verify"],
    ),
    "certificate request": (
        lambda school: spoil(
            school, device_keys.c.certificate_request, device_keys.c.device_id == first_device(school)
        ),
        ["device X: its key is not proven: the signature does not verify"],
    ),
    "key removed": (
        lambda school: remove(school, device_keys, device_keys.c.device_id == first_device(school)),
        ["device X: its key is not proven: has no key"],
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_change_shows_and_is_named(evidence: School, what: str) -> None:
    """One change is one problem that says where it is; it does not hide behind a flood of others."""
    tamper, expected = TAMPERED[what]
    tamper(evidence)
    assert without_checkpoints(problems_of(evidence)) == expected


def test_swapped_contents_show(evidence: School) -> None:
    """Two contents that changed places are two changed contents, though nothing is missing."""
    with reading(evidence.engine) as connection:
        first, second = connection.execute(
            select(payloads).where(payloads.c.event_id.in_([1, 7])).order_by(payloads.c.event_id)
        ).all()
    change(evidence, payloads, payloads.c.event_id == 1, salt=second.salt, body=second.body)
    change(evidence, payloads, payloads.c.event_id == 7, salt=first.salt, body=first.body)
    assert without_checkpoints(problems_of(evidence)) == [
        f"device X: epoch 1, events {which}: the content is not what its header commits to"
        for which in ("1 to 3", "4 to 6")
    ]


def test_envelope_missing_in_the_middle_shows(evidence: School) -> None:
    """The chain names what is not there, also when its index and contents were removed with it."""
    remove(evidence, envelopes, MIDDLE)
    for table in (events, payloads):
        remove(evidence, table, table.c.event_id.between(7, 9), rows=3)
    problems = problems_of(evidence)
    assert problems[0] == "device X: epoch 1: events 4 to 6 are missing"
    assert problems[1] == "device X: epoch 1, events 7 to 9: event 7 does not follow the event before it"


def test_rows_left_behind_show(evidence: School) -> None:
    """Whoever removes an envelope only leaves contents that belong to nothing."""
    remove(evidence, envelopes, MIDDLE)
    problems = problems_of(evidence)
    assert problems[:2] == ["3 rows of events belong to no envelope", "3 rows of payloads belong to no envelope"]


def cut_off_last(school: School) -> None:
    """Remove the last envelope of the first device with all that belongs to it."""
    remove(school, envelopes, LAST)
    for table in (events, payloads):
        remove(school, table, table.c.event_id.between(13, 15), rows=3)


def test_last_envelope_that_is_missing_shows_by_the_head(evidence: School) -> None:
    """What was cut off at the end is missed by the record of where the chain ends."""
    with writing(evidence.engine) as connection:
        connection.execute(delete(checkpoints))
    cut_off_last(evidence)
    assert problems_of(evidence) == ["device X: its chain ends at epoch 1, event 6; the record says epoch 1, event 9"]


def test_last_envelope_that_is_missing_shows_by_the_checkpoint(evidence: School) -> None:
    """Who also mends the record of the chain's end is found out by the last checkpoint."""
    device_id = first_device(evidence)
    middle_end = read(evidence, checkpoints.c.heads, checkpoints.c.number == 1)
    cut_off_last(evidence)
    (digest,) = [each[3] for each in json.loads(middle_end) if each[0] == device_id]
    change(evidence, heads, heads.c.device_id == device_id, seq=6, hash=bytes.fromhex(digest))
    assert problems_of(evidence) == [
        "device X: checkpoint 2 saw event 9 of epoch 1, and the ledger does not hold it any more"
    ]


def test_device_that_was_wiped_out_shows(evidence: School) -> None:
    """Who removes a device and forgets an envelope of it, or a checkpoint that names it, is found out."""
    device_id = first_device(evidence)
    for table in (heads, device_keys, devices):
        with writing(evidence.engine) as connection:
            if table is devices:
                for other in ("certificates", "incident_history", "incident_events", "incidents"):
                    connection.exec_driver_sql(f"DELETE FROM {other}")
            connection.execute(delete(table).where(table.c.device_id == device_id))
    problems = verify(evidence.engine, evidence.config).problems
    assert problems[0] == f"device {device_id}: has sent envelopes and never enrolled"
    assert any("checkpoint 2 saw event 9" in problem for problem in problems)


def test_event_that_was_put_in_shows(evidence: School) -> None:
    """A row in the index that no device signed is found, wherever it is put."""
    with writing(evidence.engine) as connection:
        connection.execute(
            insert(events).values(
                event_id=10_000,
                school_id=evidence.id,
                device_id=first_device(evidence),
                seq=10,
                kind="program.started",
                severity=4,
                device_time_ns=1,
            )
        )
    assert problems_of(evidence) == ["1 rows of events belong to no envelope"]


def test_envelope_of_another_device_shows(evidence: School) -> None:
    """Evidence cannot be moved from one device to another."""
    device_id = first_device(evidence)
    other = read(evidence, devices.c.device_id, devices.c.device_id != device_id)
    change(evidence, envelopes, MIDDLE, device_id=other, first_seq=10, last_seq=12)
    assert "the signature does not verify" in " ".join(problems_of(evidence))


def test_every_problem_is_named(evidence: School) -> None:
    """One problem does not end the search for others."""
    for what in ("content", "policy", "audit", "checkpoint's time"):
        TAMPERED[what][0](evidence)
    found = without_checkpoints(problems_of(evidence))
    assert found == [
        *TAMPERED["content"][1],
        *TAMPERED["checkpoint's time"][1],
        *TAMPERED["policy"][1],
        *TAMPERED["audit"][1],
    ]


def test_content_that_its_device_lost_is_counted(school: School, ingest: Ingest, device: Device) -> None:
    """A gap that the device itself owned up to is no fault of the collector, and is shown as a number."""
    send(ingest, device.say(TOR_STARTED), device.say(TOR_STARTED, missing=Missing.QUEUE_FULL))
    report = verify(school.engine, school.config)
    assert (report.problems, report.events, report.without_content) == ([], 2, 1)


def test_new_chain_verifies_and_its_start_must_say_so(school: School, ingest: Ingest, device: Device) -> None:
    """Several epochs are several chains; each but the first begins with the reason."""
    send(ingest, device.say(ORDINARY))
    device.start_epoch()
    send(ingest, device.say(ChainRestarted("the queue was gone", 1), ORDINARY))
    assert problems_of(school) == []
    change(school, envelopes, envelopes.c.epoch == 2, epoch=3)
    assert len(problems_of(school)) == 2


def test_old_chain_cannot_be_removed_behind_a_new_one(school: School, ingest: Ingest, device: Device) -> None:
    """What came before the queue was lost is still evidence."""
    send(ingest, device.say(ORDINARY))
    make_checkpoint(school.engine, school.id, load_signer(school.config.signing_key), school.now_ns)
    device.start_epoch()
    send(ingest, device.say(ChainRestarted("the queue was gone", 1)))
    remove(school, envelopes, envelopes.c.epoch == 1)
    for table in (events, payloads):
        remove(school, table, table.c.event_id == 1)
    assert problems_of(school) == [
        "device X: checkpoint 1 saw event 1 of epoch 1, and the ledger does not hold it any more"
    ]


COLUMNS = {
    "envelopes": "header_block signature version algorithm",
    "payloads": "body salt missing",
    "events": "severity",
    "heads": "hash seq",
    "device_keys": "public_key algorithm proof",
    "bundles": "body signature",
    "checkpoints": "heads hash previous_hash made_at_ns",
    "audit": "at_ns hash detail",
}


@pytest.mark.parametrize("table", COLUMNS)
def test_value_of_any_type_is_a_problem_and_no_crash(evidence: School, tmp_path: Path, table: str) -> None:
    """SQLite takes anything in any column: whatever somebody writes there, verify says that something is wrong."""
    evidence.engine.dispose()
    for number, column in enumerate(COLUMNS[table].split()):
        for value in ("'text'", "x'00ff'", "7.5", "-1", "9223372036854775807"):
            copied = tmp_path / f"{number}{value}"
            shutil.copytree(evidence.config.folder, copied)
            config = replace(evidence.config, folder=copied)
            school = School(config, open_engine(config))
            with writing(school.engine) as connection:
                connection.exec_driver_sql(f"UPDATE {table} SET {column} = {value}")
            assert problems_of(school) != [], (column, value)
            school.engine.dispose()
            shutil.rmtree(copied)


def test_every_table_is_evidence_or_named_as_none() -> None:
    """Whoever adds a table decides whether verify looks at it; nobody is left to believe more than is checked."""
    assert set(metadata.tables) == COVERED | set(NOT_COVERED)
    assert not COVERED & set(NOT_COVERED)
