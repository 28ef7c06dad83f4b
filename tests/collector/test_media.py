# SPDX-License-Identifier: Apache-2.0
"""Tests of which USB storage was seen where."""

from dataclasses import replace
from typing import Any

import pytest

from collector import media
from collector.approved_media import MediumKey
from collector.authority import Authority
from collector.ingest import Ingest
from collector.media import find_medium, list_media
from collector.policies import approve_medium
from proto.events import UsbAttached, UsbChanged
from proto.keys import load_signer
from tests.collector.evidence import Device, enrol_device, numbers_of, send
from tests.collector.machines import STICK, WRITTEN
from tests.collector.school import MINUTE_NS, School


def test_stick_on_two_machines_is_one(school: School, ingest: Ingest, device: Device, authority: Authority) -> None:
    """With where it was, what its protection was seen as last, and when something was written to it."""
    other = enrol_device(school, authority, "library-02")
    numbers_of(send(ingest, device.say(UsbAttached(STICK), WRITTEN)))
    written_ns = school.now_ns
    school.pass_time(MINUTE_NS)
    numbers_of(send(ingest, other.say(UsbChanged(replace(STICK, protection="encrypted", serial="4c5300")))))
    (seen,) = list_media(school.engine, school.id)
    assert (str(seen.key), seen.hostnames) == ("0781:5567 4c5300", ("library-02", "library-01"))
    assert (seen.vendor, seen.product, seen.protection) == ("SanDisk", "Ultra", "encrypted")
    assert (seen.last_seen_at_ns, seen.written_at_ns, seen.approval) == (school.now_ns, written_ns, None)
    assert find_medium(school.engine, school.id, seen.key.digest) == seen
    assert find_medium(school.engine, school.id, "0" * 32) is None


def test_register_and_what_was_seen_are_one_list(school: School, ingest: Ingest, device: Device) -> None:
    """A device that is approved and was never seen is in it as well."""
    numbers_of(send(ingest, device.say(UsbAttached(STICK))))
    signer = load_signer(school.config.signing_key)
    for key in (list_media(school.engine, school.id)[0].key, MediumKey("0951", "1666", "new")):
        approve_medium(school.engine, school.id, signer, key, note="x", until="", actor="anna", now_ns=school.now_ns)
    seen, new = list_media(school.engine, school.id)
    assert (seen.approval is not None, seen.last_seen_at_ns) == (True, school.now_ns)
    assert (str(new.key), new.hostnames, new.last_seen_at_ns) == ("0951:1666 new", (), None)
    for medium in (seen, new):
        assert find_medium(school.engine, school.id, medium.key.digest) == medium


def test_no_device_fills_the_table(
    school: School, ingest: Ingest, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit the one that was not seen for longest is forgotten; evidence is not."""
    monkeypatch.setattr(media, "MAX_SEEN_A_DEVICE", 3)
    for number in range(6):
        school.pass_time(MINUTE_NS)
        numbers_of(send(ingest, device.say(UsbAttached(replace(STICK, serial=f"s{number}")))))
    assert [each.key.serial for each in list_media(school.engine, school.id)] == ["s5", "s4", "s3"]


@pytest.mark.parametrize(
    "changes",
    [
        {"vendor_id": "", "product_id": "x"},
        {"vendor_id": "ZZZZ"},
        {"serial": "\x00" * 500, "vendor": "\x00", "product": "x" * 5000, "form": "y" * 500, "protection": "z" * 500},
        {"serial": "ß" * 400},
    ],
)
def test_hostile_device_is_taken(school: School, ingest: Ingest, device: Device, changes: dict[str, Any]) -> None:
    """What is no USB id is kept as evidence only; everything else is cut."""
    numbers_of(send(ingest, device.say(UsbAttached(replace(STICK, **changes)))))
    assert len(list_media(school.engine, school.id)) == int("vendor_id" not in changes)
