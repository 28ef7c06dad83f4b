# SPDX-License-Identifier: Apache-2.0
"""Tests of annulling a flag: what goes, what stays, and that nothing in the whole database leads to the person."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import LargeBinary, select

from collector import flags
from collector.annulment import ANNULLED, WHY, annul_flag
from collector.audit import list_entries
from collector.drills import list_pending, order_drill
from collector.errors import UsageError
from collector.flags import Verdict
from collector.incidents import list_history, list_incidents
from collector.ingest import Ingest
from collector.store.engine import reading
from collector.store.schema import flags as flag_rows
from collector.store.schema import metadata, payloads
from collector.verify import verify
from proto.events import Audience, Missing
from proto.keys import load_signer
from proto.sealed import seal
from tests.collector.evidence import HOUR_NS, Device, send, spoil
from tests.collector.safeguarding import Person, Safeguarding, build_safeguarding
from tests.collector.school import School


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """Four readers and the set that names them."""
    return build_safeguarding(school)


def annul(safeguarding: Safeguarding, flag_id: str, person: Person | None = None, why: str = "false_match") -> None:
    """Annul a flag as a person."""
    school = safeguarding.school
    annul_flag(
        school.engine,
        school.id,
        flag_id,
        reader=safeguarding.reader(person or safeguarding.dsl),
        signer=load_signer(school.config.signing_key),
        why=why,
        now_ns=school.now_ns,
    )


def search(school: School, wanted: bytes) -> list[str]:
    """Return the columns of the whole database that hold these bytes, as they are or in hexadecimal."""
    return sorted(
        {place for place, value in _read_everything(school) if wanted in value or wanted.hex().encode() in value}
    )


def _read_everything(school: School) -> Iterator[tuple[str, bytes]]:
    with reading(school.engine) as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                for column in table.columns:
                    value = row[column.name]
                    is_bytes = isinstance(column.type, LargeBinary) and value is not None
                    yield f"{table.name}.{column.name}", bytes(value) if is_bytes else json.dumps(value).encode()


def sealed_in(school: School, flag_id: str) -> bytes:
    """Return the beginning of what the device sealed, past what all sealed texts have."""
    with reading(school.engine) as connection:
        event_id = select(flag_rows.c.event_id).where(flag_rows.c.flag_id == flag_id).scalar_subquery()
        body = connection.execute(select(payloads.c.body).where(payloads.c.event_id == event_id)).scalar_one()
    return bytes(body)[-64:]


def test_nothing_in_the_database_leads_to_the_person_any_more(
    safeguarding: Safeguarding, device: Device, ingest: Ingest
) -> None:
    """Neither the account's reference nor a byte of what was sealed is anywhere; another account's flag is found."""
    school, envelope = safeguarding.school, safeguarding.say_flag(device)
    send(ingest, spoil(envelope, signature=bytes(64)))
    flag_id = safeguarding.take(envelope)
    control = safeguarding.raise_flag(device, account="directory:other")
    reader, ref = safeguarding.reader(safeguarding.dsl), safeguarding.ref()
    note = seal(b"I spoke with him", [safeguarding.dsl.age_key])
    flags.add_note(school.engine, school.id, flag_id, reader=reader, sealed=note, now_ns=school.now_ns)
    _decide(safeguarding, flag_id)
    wanted = {"ref": ref, "sealed": sealed_in(school, flag_id), "note": note[-64:]}
    assert all(search(school, each) for each in wanted.values())
    assert search(school, ref) == ["flags.subject_ref", "incidents.subject", "payloads.body", "refused.bytes"]
    annul(safeguarding, flag_id)
    assert {name: search(school, each) for name, each in wanted.items()} == {name: [] for name in wanted}
    assert search(school, safeguarding.ref("directory:other")) == [
        "flags.subject_ref",
        "incidents.subject",
        "payloads.body",
    ]
    assert search(school, sealed_in(school, control)) == ["payloads.body"]
    report = verify(school.engine, school.config)
    assert (report.problems, report.erased, report.tombstones) == ([], 1, 1)


def test_what_stays_is_a_number(safeguarding: Safeguarding, device: Device) -> None:
    """How urgent it was and on which day; neither machine, time, decision nor who read it."""
    school, flag_id = safeguarding.school, safeguarding.raise_flag(device, tier="call")
    _decide(safeguarding, flag_id)
    annul(safeguarding, flag_id)
    with reading(school.engine) as connection:
        row = connection.execute(select(flag_rows)).one()
        content = connection.execute(select(payloads)).one()
    day_ns = school.now_ns - school.now_ns % flags.DAY_NS
    assert (row.tier, row.received_at_ns, row.device_time_ns) == (4, day_ns, day_ns)
    assert (row.route, row.state) == (ANNULLED, ANNULLED)
    assert (row.device_id, row.subject_ref, row.verdict, row.category, row.action, row.decided_by) == (
        "",
        bytes(16),
        "",
        "",
        "",
        "",
    )
    assert (content.salt, content.body, content.missing) == (b"", b"", Missing.ERASED)


def test_it_is_in_the_log_without_whom_it_was_about(safeguarding: Safeguarding, device: Device) -> None:
    """Who did it, to which flag and why: somebody else can ask him."""
    flag_id = safeguarding.raise_flag(device)
    annul(safeguarding, flag_id, why="malicious")
    entry = list_entries(safeguarding.school.engine, safeguarding.school.id)[0]
    assert (entry.actor, entry.action, entry.subject) == ("dana", "flag.annulled", f"flag/{flag_id}")
    assert entry.detail == "malicious"


def test_nobody_finds_it_again(safeguarding: Safeguarding, device: Device) -> None:
    """It is in no list, no count and no incident, and to annul it again is to ask for a flag that is not there."""
    school, flag_id = safeguarding.school, safeguarding.raise_flag(device)
    annul(safeguarding, flag_id)
    for person in safeguarding.people:
        reader = safeguarding.reader(person)
        assert flags.list_flags(school.engine, school.id, reader=reader) == []
        assert flags.find_flag(school.engine, school.id, flag_id, reader=reader) is None
        assert flags.count_waiting(school.engine, school.id, reader=reader) == 0
        assert flags.list_outside(school.engine, school.id, reader=reader) == []
    assert list_incidents(school.engine, school.id, audiences=[Audience.SAFEGUARDING]) == []
    with pytest.raises(UsageError, match="there is no such flag"):
        annul(safeguarding, flag_id)


@pytest.mark.parametrize("who", ["subject", "other route"])
def test_only_a_reader_of_the_flag_annuls_it(safeguarding: Safeguarding, device: Device, who: str) -> None:
    """Least of all the person whom it is about."""
    account = "directory:dana" if who == "subject" else "directory:s.pupil"
    flag_id = safeguarding.raise_flag(device, account=account)
    person = safeguarding.dsl if who == "subject" else safeguarding.chair
    with pytest.raises(UsageError, match="there is no such flag"):
        annul(safeguarding, flag_id, person)
    assert flags.list_flags(
        safeguarding.school.engine, safeguarding.school.id, reader=safeguarding.reader(safeguarding.deputy)
    )


def test_reasons_are_ours(safeguarding: Safeguarding, device: Device) -> None:
    """Free text would name the child for ever; and a drill stands against nobody."""
    school, flag_id = safeguarding.school, safeguarding.raise_flag(device)
    for why in ("", "Sam did not mean it"):
        with pytest.raises(UsageError, match="choose why"):
            annul(safeguarding, flag_id, why=why)
    order_drill(school.engine, school.id, device_id=device.id, actor="dana", now_ns=school.now_ns)
    (order,) = list_pending(school.engine, school.id, school.now_ns)
    drill = safeguarding.raise_flag(device, drill_nonce=order.nonce.hex())
    with pytest.raises(UsageError, match="drill"):
        annul(safeguarding, drill)
    assert len(WHY) == len(set(WHY.values()))


def test_incident_forgets_one_of_several(safeguarding: Safeguarding, device: Device) -> None:
    """How urgent, how many and since when is what the flags that are left say; what opened it is the first of them."""
    school = safeguarding.school
    call = safeguarding.raise_flag(device, tier="call")
    school.pass_time(HOUR_NS)
    left = safeguarding.raise_flag(device, tier="review")
    later_ns = school.now_ns
    annul(safeguarding, call)
    (incident,) = list_incidents(school.engine, school.id, audiences=[Audience.SAFEGUARDING])
    assert (incident.severity, incident.count, incident.state) == (3, 1, "open")
    assert (incident.opened_at_ns, incident.first_event_id, incident.last_event_id) == (later_ns, 2, 2)
    history = list_history(school.engine, school.id, incident.id)
    assert [(each.action, each.at_ns, each.event_id) for each in history] == [("opened", later_ns, 2)]
    annul(safeguarding, left)
    assert list_incidents(school.engine, school.id, audiences=[Audience.SAFEGUARDING]) == []


def test_incident_is_resolved_when_the_annulled_flag_was_the_last_that_waited(
    safeguarding: Safeguarding, device: Device
) -> None:
    """What is left is decided."""
    school = safeguarding.school
    decided, waiting = safeguarding.raise_flag(device), safeguarding.raise_flag(device)
    _decide(safeguarding, decided)
    annul(safeguarding, waiting)
    (incident,) = list_incidents(school.engine, school.id, audiences=[Audience.SAFEGUARDING])
    assert (incident.state, incident.count) == ("resolved", 1)


def _decide(safeguarding: Safeguarding, flag_id: str) -> None:
    school = safeguarding.school
    flags.decide(
        school.engine,
        school.id,
        flag_id,
        reader=safeguarding.reader(safeguarding.dsl),
        verdict=Verdict.CONCERN,
        category="suicide",
        action="talked_to_child",
        now_ns=school.now_ns,
    )
