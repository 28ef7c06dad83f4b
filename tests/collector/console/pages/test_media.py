# SPDX-License-Identifier: Apache-2.0
"""Tests of the pages about USB devices."""

from dataclasses import replace

import pytest

from collector.audit import list_entries
from collector.ingest import Ingest
from collector.media import list_media
from collector.policies import approve_medium, load_policy
from proto.events import UsbAttached, UsbDevice
from proto.keys import load_signer
from tests.collector.console.visitor import Visitor
from tests.collector.evidence import Device, numbers_of, send
from tests.collector.machines import STICK, WRITTEN
from tests.collector.school import MINUTE_NS, School


@pytest.fixture
def address(school: School, ingest: Ingest, device: Device) -> str:
    """The page of a stick that was seen on library-01 and written to."""
    numbers_of(send(ingest, device.say(UsbAttached(STICK), WRITTEN)))
    return f"/media/{list_media(school.engine, school.id)[0].key.digest}"


def test_empty_page_says_what_would_be_here(technician: Visitor) -> None:
    """Nothing approved and nothing seen are both said."""
    words = technician.get("/media").words
    assert "No device is approved" in words
    assert "No other USB device was seen" in words


def test_stick_is_approved_and_withdrawn(technician: Visitor, school: School, address: str) -> None:
    """It moves to the register, into the policy and back, and the audit log has both."""
    assert "SanDisk Ultra 4c5300 Not encrypted library-01 21 Nov 2026, 20:46" in technician.get("/media").words
    page = technician.get(address)
    assert "Nobody saw that it is encrypted" in page.words
    answer = technician.post(f"{address}/approve", {"note": "Year 4 camera", "until": "2027-07-31"})
    assert answer.location == "/media?done=medium-approved"
    assert "SanDisk Ultra 4c5300 Year 4 camera 2027-07-31" in technician.get(answer.location).words
    assert [each.serial for each in load_policy(school.engine, school.config).settings.media] == ["4c5300"]
    assert "approved by technician" in technician.get(address).words
    assert technician.post(f"{address}/withdraw", {}).location == "/media?done=medium-withdrawn"
    assert load_policy(school.engine, school.config).settings.media == ()
    actions = [each.action for each in list_entries(school.engine, school.id)]
    assert [each for each in actions if each.startswith("medium")] == ["medium.withdrawn", "medium.approved"]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"note": "", "until": ""}, "Say whose it is or what it is for"),
        ({"note": "x", "until": "2026-11-20"}, "is over already"),
        ({"note": "x", "until": "31/07/2027"}, "The last day is not a day"),
    ],
)
def test_what_is_not_right_is_said_on_the_page(
    technician: Visitor, address: str, form: dict[str, str], words: str
) -> None:
    """With what was typed still there."""
    technician.get(address)
    answer = technician.post(f"{address}/approve", form)
    assert answer.status == 400
    assert words in answer.words


def test_approval_that_ended_is_marked(technician: Visitor, school: School, address: str) -> None:
    """It stays in the register until somebody withdraws it."""
    key, signer = list_media(school.engine, school.id)[0].key, load_signer(school.config.signing_key)
    week_ago_ns = school.now_ns - 7 * 24 * 60 * MINUTE_NS
    approve_medium(
        school.engine, school.id, signer, key, note="x", until="2026-11-20", actor="anna", now_ns=week_ago_ns
    )
    assert "2026-11-20 Ended" in technician.get("/media").words
    assert "Ended" in technician.get(address).words


def test_withdrawing_twice_is_said(technician: Visitor, address: str) -> None:
    """Two people who do it at the same time do no harm."""
    technician.get(address)
    assert technician.post(f"{address}/withdraw", {}).status == 400


def test_stick_without_a_serial_cannot_be_approved(
    technician: Visitor, school: School, ingest: Ingest, device: Device
) -> None:
    """The page says why and has no form."""
    numbers_of(send(ingest, device.say(UsbAttached(replace(STICK, serial="")))))
    page = technician.get(f"/media/{list_media(school.engine, school.id)[0].key.digest}")
    assert "It cannot be approved" in page.words
    assert "/approve" not in page.text


def test_administrator_looks_and_decides_nothing(administrator: Visitor, address: str) -> None:
    """A technician's work is seen by a second person."""
    page = administrator.get(address)
    assert "SanDisk Ultra" in page.words
    assert "/approve" not in page.text
    administrator.get("/users")
    assert administrator.post(f"{address}/approve", {"note": "x"}).status == 403


def test_hostile_stick_is_text(technician: Visitor, school: School, ingest: Ingest, device: Device) -> None:
    """Whatever a stick calls itself stays inside the page's own words."""
    evil = "<script>alert(1)</script>\u202e\x1b[2J"
    stick = UsbDevice("0781", "5567", evil, evil, evil, form=evil, protection=evil, protection_by=evil)
    numbers_of(send(ingest, device.say(UsbAttached(stick))))
    for path in ("/media", f"/media/{list_media(school.engine, school.id)[0].key.digest}"):
        text = technician.get(path).text
        assert "alert(1)" in text
        assert "<script>alert" not in text
        assert "\u202e" not in text
    assert technician.get("/media/unknown").status == 404
