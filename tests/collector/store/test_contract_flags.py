# SPDX-License-Identifier: Apache-2.0
"""What every engine must do with flags: take, list, read, decide, and keep from whoever may not see them."""

import traceback
from typing import Any

import pytest
from sqlalchemy import insert

from collector import flags
from collector.arrivals import count_notices
from collector.audit import verify_audit
from collector.drills import list_drills, list_pending, order_drill
from collector.errors import StoreError
from collector.incidents import list_incidents
from collector.recipients import find_problems
from collector.store.engine import writing
from collector.store.schema import identities
from collector.verify import verify
from proto.events import Audience, NoticeAccepted, Tier
from proto.sealed import seal
from tests.collector.evidence import Device
from tests.collector.safeguarding import SENTENCE, Safeguarding, build_safeguarding
from tests.collector.school import School
from tests.collector.test_identities import keep


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """Four readers and the set that names them, on each engine."""
    return build_safeguarding(school)


def test_flag_is_taken_read_noted_copied_and_decided(safeguarding: Safeguarding, device: Device) -> None:
    """From the device's seal to the verdict, with the audit log whole."""
    school, dsl = safeguarding.school, safeguarding.reader(safeguarding.dsl)
    where = school.engine, school.id
    flag_id = safeguarding.raise_flag(device, tier="call")
    hidden = safeguarding.raise_flag(device, tier="call", route="head")
    assert [each.id for each in flags.list_flags(*where, reader=dsl)] == [flag_id]
    (seen,) = flags.list_flags(*where, reader=dsl, before=(Tier.CALL, 2**60), wanted=flags.Wanted(drill=False))
    assert flags.list_flags(*where, reader=dsl, before=(seen.tier, seen.number)) == []
    assert flags.count_accounts(*where, reader=dsl, wanted=flags.Wanted(tier=Tier.CALL)) == {seen.subject_ref: 1}
    assert flags.find_flag(*where, hidden, reader=dsl) is None
    assert safeguarding.open(flag_id, safeguarding.dsl).sentence == SENTENCE
    sealed = seal(b"a note", [safeguarding.dsl.age_key])
    flags.add_note(*where, flag_id, reader=dsl, sealed=sealed, now_ns=school.now_ns)
    deputy = safeguarding.reader(safeguarding.deputy)
    flags.add_copy(*where, flag_id, reader=dsl, for_reader=deputy, sealed=sealed, now_ns=school.now_ns)
    given = flags.read_sealed(*where, flag_id, reader=deputy, now_ns=school.now_ns)
    assert given.copy == flags.Copy(school.now_ns, "dana", sealed)
    assert [note.sealed for note in given.notes] == [sealed]
    assert safeguarding.open(flag_id, safeguarding.deputy).sentence == SENTENCE
    flags.decide(
        *where,
        flag_id,
        reader=dsl,
        verdict=flags.Verdict.REFERRED,
        category="suicide",
        action="social_care",
        now_ns=school.now_ns,
    )
    assert flags.count_waiting(*where, reader=dsl) == 0
    incidents = list_incidents(*where, audiences=[Audience.SAFEGUARDING])
    assert sorted((each.group, each.state) for each in incidents) == [("dsl", "resolved"), ("head", "open")]
    assert verify_audit(*where) > 0
    assert verify(school.engine, school.config).problems == []


def test_strange_flags_and_notices_are_taken(safeguarding: Safeguarding, device: Device) -> None:
    """No value that a device can send is one that a column does not take."""
    school = safeguarding.school
    flag = safeguarding.seal_flag(safeguarding.make_content(device, recipients_version=2**64 - 1))
    strange: dict[str, Any] = {"audience": Audience.SAFEGUARDING, "wall_clock_ns": -(2**63)}
    safeguarding.take(device.say(flag, route="dsl\x00" * 99, tier=2**31 - 1, **strange))
    safeguarding.take(device.say(flag, route="outside", tier=1, **strange))
    for version in ("1", "1", "\x00" * 999):
        safeguarding.take(device.say(NoticeAccepted(safeguarding.ref(), version), **strange))
    assert sorted(count_notices(school.engine, school.id).values()) == [1, 1]
    reader = safeguarding.reader(safeguarding.dsl)
    assert flags.list_flags(school.engine, school.id, reader=reader) == []
    assert [each.count for each in flags.list_outside(school.engine, school.id, reader=reader)] == [1]


def test_drill_is_answered(safeguarding: Safeguarding, device: Device) -> None:
    """Once."""
    school = safeguarding.school
    order_drill(school.engine, school.id, device_id=device.id, actor="dana", now_ns=school.now_ns)
    (order,) = list_pending(school.engine, school.id, school.now_ns)
    safeguarding.raise_flag(device, drill_nonce=order.nonce.hex())
    assert [each.answered_at_ns for each in list_drills(school.engine, school.id)] == [school.now_ns]
    assert list_pending(school.engine, school.id, school.now_ns) == []


def test_sets_and_identities_are_kept(safeguarding: Safeguarding) -> None:
    """As they were signed and wrapped."""
    keep(safeguarding, "dana", safeguarding.dsl.age_key)
    safeguarding.publish(safeguarding.sign())
    assert find_problems(safeguarding.school.engine, safeguarding.school.id) == (2, [])


def test_error_of_the_database_holds_nothing_that_was_written(safeguarding: Safeguarding) -> None:
    """Errors go into logs, and what readers keep does not."""
    school, secret = safeguarding.school, b"something sealed"
    with pytest.raises(StoreError) as caught, writing(school.engine) as connection:
        connection.execute(insert(identities).values(school_id=school.id, user_name="dana", wrapped=secret))
    said = "".join(traceback.format_exception(caught.value))
    assert "identities" in said
    assert secret.decode() not in said
