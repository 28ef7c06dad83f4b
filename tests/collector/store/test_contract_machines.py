# SPDX-License-Identifier: Apache-2.0
"""Tests of the tables of machines on every engine: more of each is told beside its module."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from collector.answers import list_answers
from collector.approved_media import MAX_SERIAL_CHARACTERS, MediumKey
from collector.authority import Authority
from collector.bill_of_materials import make_bill
from collector.coincidences import record_coincidences
from collector.devices import note_seen
from collector.errors import StoreError
from collector.hardware import list_hardware
from collector.ingest import Ingest
from collector.inventory import list_changes, list_installed, list_programs, list_states
from collector.media import list_media
from collector.policies import approve_medium, load_policy, withdraw_medium
from collector.presence import GRACE_NS
from collector.verify import verify
from proto.events import (
    AccountSignedOut,
    AgentStarted,
    CheckChanged,
    Program,
    ProgramInstalled,
    ProgramRemoved,
    UsbAttached,
)
from proto.keys import load_signer
from tests.collector.evidence import Device, enrol_device, incidents_of, numbers_of, send
from tests.collector.machines import GIMP, LAPTOP, NEWER_VIM, STICK, VIM, WRITTEN, list_of, names_of, sign_in
from tests.collector.school import MINUTE_NS, School

HOSTILE = "\x00'\"\\\u202e\U0010ffff" * 400


def test_everything_that_machines_say_is_kept_and_read(
    school: School, ingest: Ingest, device: Device, authority: Authority
) -> None:
    """Software, hardware, answers, USB storage: the same on each engine, with the evidence whole."""
    began_ns = school.now_ns
    many = [Program(f"package-{number}", source="dpkg", version="1") for number in range(500)]
    numbers_of(send(ingest, device.say(list_of(VIM, GIMP), list_of(*many), LAPTOP)))
    school.pass_time(MINUTE_NS)
    said = (ProgramInstalled(NEWER_VIM), ProgramRemoved(GIMP), UsbAttached(STICK), WRITTEN)
    numbers_of(send(ingest, device.say(*said, CheckChanged("software", "pass", "all is well", {"a": "b"}))))
    assert len(list_installed(school.engine, school.id, device.id)) == 501
    assert {each.what.value for each in list_changes(school.engine, school.id, since_ns=began_ns)} == {
        "updated",
        "removed",
    }
    assert len(list_programs(school.engine, school.id)) == 501
    assert [each.programs for each in list_states(school.engine, school.id)] == [501]
    assert list_hardware(school.engine, school.id)[0].cores == 12
    assert list_answers(school.engine, school.id, device.id)[0].facts == {"a": "b"}
    assert list_media(school.engine, school.id)[0].written_at_ns == school.now_ns
    assert "pkg:deb/debian/vim@9.1" in make_bill(school.engine, school.id, "St Example", version="0")
    assert verify(school.engine, school.config).problems == []


def test_hostile_machine_stops_no_engine(school: School, ingest: Ingest, device: Device) -> None:
    """No text and no number of a device is more than a column takes: its chain goes on."""
    evil = Program(HOSTILE, source=HOSTILE, version=HOSTILE)
    stick = replace(STICK, serial="ß" + HOSTILE, vendor=HOSTILE, form=HOSTILE, protection=HOSTILE, size_bytes=2**64 - 1)
    hardware = replace(LAPTOP, product=HOSTILE, cores=2**31 - 1, memory_bytes=2**64 - 1)
    check = CheckChanged(HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, first_failed_at_ns=-(2**63))
    session = sign_in("directory:anna", 1, account_kind=HOSTILE)
    said = (list_of(evil), hardware, UsbAttached(stick), check, session, ProgramRemoved(evil), ProgramInstalled(evil))
    assert numbers_of(send(ingest, device.say(*said, wall_clock_ns=2**63 - 1, boot_id=b"\xff" * 500))) == [7]
    assert len(names_of(list_installed(school.engine, school.id, device.id))) == 1


def test_account_on_several_devices(school: School, ingest: Ingest, device: Device, authority: Authority) -> None:
    """Found once, ended by signing out and by a boot."""
    other = enrol_device(school, authority, "library-02")
    first, second = sign_in("directory:anna", 1), sign_in("directory:anna", 2)
    numbers_of(send(ingest, device.say(first), other.say(second)))
    school.pass_time(GRACE_NS)
    assert record_coincidences(school.engine, school.id, school.now_ns) == 0
    numbers_of(send(ingest, device.say(AccountSignedOut(first.account_ref, first.session_ref))))
    numbers_of(send(ingest, device.say(sign_in("directory:anna", 3))))
    school.pass_time(GRACE_NS)
    note_seen(school.engine, [device.id, other.id], school.now_ns)
    assert record_coincidences(school.engine, school.id, school.now_ns) == 1
    assert record_coincidences(school.engine, school.id, school.now_ns) == 0
    assert [each.rule for each in incidents_of(school)] == ["account-on-several-devices"]
    started = AgentStarted("0.1.0", "library-02", "Debian GNU/Linux", "12", "x86_64")
    numbers_of(send(ingest, other.say(started, boot_id=b"\x02" * 16)))
    numbers_of(send(ingest, device.say(sign_in("directory:anna", 4))))
    school.pass_time(GRACE_NS)
    note_seen(school.engine, [device.id, other.id], school.now_ns)
    assert record_coincidences(school.engine, school.id, school.now_ns) == 0


def test_register_is_changed_by_several_at_once(school: School) -> None:
    """Each change is a policy of its own, and the newest holds all of them."""
    signer = load_signer(school.config.signing_key)
    keys = [MediumKey("0951", "1666", f"{number}".rjust(MAX_SERIAL_CHARACTERS, "x")) for number in range(6)]

    def approve(key: MediumKey) -> None:
        while True:
            try:
                approve_medium(
                    school.engine, school.id, signer, key, note="x", until="", actor="anna", now_ns=school.now_ns
                )
            except StoreError:
                continue
            return

    with ThreadPoolExecutor(len(keys)) as pool:
        list(pool.map(approve, keys))
    media = load_policy(school.engine, school.config).settings.media
    assert {each.serial for each in media} == {key.serial for key in keys}
    withdraw_medium(school.engine, school.id, signer, keys[0], actor="anna", now_ns=school.now_ns)
    assert len(load_policy(school.engine, school.config).settings.media) == 5


@pytest.mark.parametrize("count", [1, 250])
def test_list_of_any_length_is_replaced(school: School, ingest: Ingest, device: Device, count: int) -> None:
    """Few names are looked for one by one, many at once: the outcome is the same."""
    old = [Program(f"package-{number}", source="dpkg", version="1") for number in range(count)]
    new = [replace(program, version="2") for program in old]
    numbers_of(send(ingest, device.say(list_of(*old), list_of(*new, first=False))))
    found = list_installed(school.engine, school.id, device.id)
    assert {each.version for each in found} == {"2"}
    assert len(found) == count


def test_look_for_coincidences_and_ingest_do_not_wait_for_each_other(
    school: School, ingest: Ingest, device: Device, authority: Authority
) -> None:
    """Sessions begin and end while somebody looks: neither fails, and what lasts is found at the end."""
    other = enrol_device(school, authority, "library-02")

    def sign_in_and_out() -> None:
        for number in range(20):
            sessions = [sign_in(f"directory:{name}", number * 2 + place) for place, name in enumerate(("anna", "ben"))]
            ends = [AccountSignedOut(each.account_ref, each.session_ref) for each in reversed(sessions)]
            school.pass_time(GRACE_NS)
            numbers_of(send(ingest, device.say(*sessions), other.say(*sessions)))
            school.pass_time(GRACE_NS)
            numbers_of(send(ingest, other.say(*ends), device.say(*ends)))

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(sign_in_and_out)
        while not done.done():
            note_seen(school.engine, [device.id, other.id], school.now_ns)
            record_coincidences(school.engine, school.id, school.now_ns)
        done.result()
    last = sign_in("directory:zoe", 1000)
    numbers_of(send(ingest, device.say(last), other.say(last)))
    school.pass_time(GRACE_NS)
    note_seen(school.engine, [device.id, other.id], school.now_ns)
    assert record_coincidences(school.engine, school.id, school.now_ns) == 1
