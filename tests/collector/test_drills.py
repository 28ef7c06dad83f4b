# SPDX-License-Identifier: Apache-2.0
"""Tests of orders to drill; how they are answered is in `test_arrivals`, how they are sent in `test_stream_news`."""

import pytest

from collector.audit import list_entries
from collector.drills import VALID_FOR_NS, Drill, list_drills, list_pending, order_drill, order_drills
from collector.errors import UsageError
from tests.collector.school import MINUTE_NS, School


def test_order_holds_for_ten_minutes(school: School) -> None:
    """It is pending until then, and who gave it is in the audit log."""
    device_id = school.add_device("library-01")
    order_drill(school.engine, school.id, device_id=device_id, actor="dana", now_ns=school.now_ns)
    (pending,) = list_pending(school.engine, school.id, school.now_ns + VALID_FOR_NS - 1)
    assert (pending.device_id, len(pending.nonce)) == (device_id, 16)
    assert pending.expires_at_ns == school.now_ns + 10 * MINUTE_NS
    assert list_pending(school.engine, school.id, school.now_ns + VALID_FOR_NS) == []
    assert list_pending(school.engine, "0" * 16, school.now_ns) == []
    newest = list_entries(school.engine, school.id)[0]
    assert (newest.actor, newest.action, newest.subject) == ("dana", "drill.ordered", f"device/{device_id}")
    assert pending.nonce.hex() not in repr(newest)


def test_orders_are_listed_newest_first(school: School) -> None:
    """With the device's name and whether it answered."""
    first, second = school.add_device("library-01"), school.add_device("library-02")
    order_drill(school.engine, school.id, device_id=first, actor="dana", now_ns=school.now_ns)
    order_drill(school.engine, school.id, device_id=second, actor="dev", now_ns=school.now_ns + MINUTE_NS)
    newest, oldest = list_drills(school.engine, school.id)
    assert (newest.hostname, newest.ordered_by, oldest.hostname) == ("library-02", "dev", "library-01")
    assert oldest == Drill(
        device_id=first,
        hostname="library-01",
        ordered_by="dana",
        ordered_at_ns=school.now_ns,
        expires_at_ns=school.now_ns + VALID_FOR_NS,
        answered_at_ns=None,
    )
    assert list_drills(school.engine, school.id, limit=1) == [newest]


def test_every_device_that_may_speak_is_asked(school: School) -> None:
    """A revoked one is not."""
    asked = {school.add_device("library-01"), school.add_device("library-02")}
    school.add_device("old", state="revoked")
    assert order_drills(school.engine, school.id, actor="command line", now_ns=school.now_ns) == 2
    pending = list_pending(school.engine, school.id, school.now_ns)
    assert {each.device_id for each in pending} == asked
    assert len({each.nonce for each in pending}) == 2


def test_device_that_is_not_there_cannot_drill(school: School) -> None:
    """Nor one that was revoked; nothing is ordered and nothing logged."""
    for device_id in ("0" * 16, school.add_device("old", state="revoked")):
        with pytest.raises(UsageError, match="there is no device"):
            order_drill(school.engine, school.id, device_id=device_id, actor="dana", now_ns=school.now_ns)
    assert list_drills(school.engine, school.id) == []
    assert list_entries(school.engine, school.id) == []
