# SPDX-License-Identifier: Apache-2.0
"""Tests of the pages about devices."""

from dataclasses import replace

from collector.devices import revoke
from collector.ingest import Ingest
from collector.store.engine import writing
from proto.events import CheckChanged
from tests.collector.console.visitor import Visitor
from tests.collector.evidence import Device, numbers_of, send
from tests.collector.machines import GIMP, LAPTOP, VIM, list_of
from tests.collector.school import MINUTE_NS, SECOND_NS, School


def test_empty_page_says_how_a_device_gets_there(technician: Visitor) -> None:
    """Without devices the page says what to do."""
    words = technician.get("/devices").words
    assert "No device is enrolled" in words
    assert "schoolwarden-agent enrol" in words


def test_quiet_devices_come_first_and_are_marked(technician: Visitor, school: School) -> None:
    """A device that was not heard for a while stands out; one that was revoked is expected to be quiet."""
    school.add_device("a-quiet-pc")
    school.add_device("old-pc", state="revoked")
    school.pass_time(16 * MINUTE_NS)
    school.add_device("a-loud-pc")
    words = technician.get("/devices").words
    assert "2 devices are enrolled. 1 was not heard for 15 minutes or more" in words
    assert words.index("a-quiet-pc Quiet") < words.index("a-loud-pc") < words.index("old-pc Revoked")
    assert words.count("Quiet") == 1


def test_all_heard_is_said(technician: Visitor, school: School) -> None:
    """When nothing is amiss the page says that too."""
    school.add_device("pc-1")
    assert "1 device is enrolled. All were heard in the last 15 minutes." in technician.get("/devices").words


def test_clock_that_is_off_is_shown(technician: Visitor, school: School) -> None:
    """A clock is worth a word from a minute on."""
    slow = school.add_device("slow", clock_offset_ns=-260 * SECOND_NS)
    exact = school.add_device("exact", clock_offset_ns=59 * SECOND_NS)
    assert technician.get("/devices").words.count("its clock is") == 1
    words = technician.get(f"/devices/{slow}").words
    assert "This machine’s clock is 4 min 20 s behind. Times by the device’s clock are off" in words
    assert "Right to the minute" in technician.get(f"/devices/{exact}").words


def test_device_with_an_old_policy_is_seen(technician: Visitor, school: School) -> None:
    """The policy in force on a device is compared with the newest one."""
    school.add_device("behind", bundle_version=1)
    school.add_device("new", bundle_version=0)
    school.publish()
    words = technician.get("/devices").words
    assert "version 1, newest is 2" in words
    assert "none yet" in words


def test_one_device_says_what_is_not_watched_and_why(technician: Visitor, school: School) -> None:
    """The gaps of a device are on its page, in its own words."""
    device = school.add_device("pc-1", not_watched=["USB storage: this version has no check for it"])
    words = technician.get(f"/devices/{device}").words
    assert "What is not watched there, and why USB storage: this version has no check for it" in words
    assert "Debian GNU/Linux 12 (bookworm)" in words
    assert device in words


def test_device_that_has_not_spoken_yet_says_so(technician: Visitor, school: School) -> None:
    """Enrolled but never started is not the same as everything is watched."""
    silent = school.add_device("pc-1", agent_version="")
    spoken = school.add_device("pc-2")
    assert "Its agent has not said yet." in technician.get(f"/devices/{silent}").words
    assert "names nothing that it cannot watch" in technician.get(f"/devices/{spoken}").words


def test_one_device_lists_its_own_incidents_only(technician: Visitor, school: School) -> None:
    """The page of a device shows what was found there, and counts what is kept."""
    device, other = school.add_device("pc-1"), school.add_device("pc-2")
    incident, elsewhere = school.add_incident(device), school.add_incident(other)
    page = technician.get(f"/devices/{device}")
    assert f"/incidents/{incident}" in page.text
    assert f"/incidents/{elsewhere}" not in page.text
    assert "Events kept 1" in page.words
    assert "not that nothing was there" in technician.get(f"/devices/{school.add_device('pc-3')}").words


def test_revoked_and_quiet_devices_say_so_on_their_page(technician: Visitor, school: School) -> None:
    """The state of a device is the first thing on its page."""
    quiet, revoked = school.add_device("pc-1"), school.add_device("pc-2", state="revoked")
    school.pass_time(20 * MINUTE_NS)
    assert "Not heard since 21 Nov 2026, 20:46" in technician.get(f"/devices/{quiet}").words
    assert "This device is revoked" in technician.get(f"/devices/{revoked}").words


def test_unknown_device_is_not_there(technician: Visitor) -> None:
    """An id that leads nowhere is a page that says so."""
    assert technician.get("/devices/0000000000000000").status == 404
    assert technician.get("/devices/%3Cscript%3E").status == 404


def test_device_says_what_it_is_made_of_and_how_its_checks_stand(
    technician: Visitor, school: School, ingest: Ingest, device: Device
) -> None:
    """Hardware, the size of its software and every check's answer, each with what is not known."""
    page = f"/devices/{device.id}"
    words = technician.get(page).words
    assert "It has not said. Machines say it if the policy asks." in words
    assert "It has sent no list." in words
    assert "No check has answered yet." in words
    answer = CheckChanged("idle_lock", "fail", "no session locks", {"limit_s": "900", "sessions": "2"})
    answer = replace(answer, first_failed_at_ns=school.now_ns - 60 * MINUTE_NS)
    numbers_of(send(ingest, device.say(LAPTOP, list_of(VIM, GIMP), answer)))
    numbers_of(send(ingest, device.say(replace(LAPTOP, cores=8))))
    words = technician.get(page).words
    assert "Maker and product LENOVO ThinkPad L14" in words
    assert "Memory 15.4 GiB" in words
    assert "SAMSUNG MZVLB256, 256 GB, ssd Serial number S4GDNX0R" in words
    assert "Processor cores 8" in words
    assert "Until 21 Nov 2026, 20:46" in words
    assert "2 programs , changed last 21 Nov 2026" in words
    assert "In its words First failed Heard" in words
    assert (
        "Screen lock Fail no session locks 2 facts Allowed: 900 Sessions: 2 21 Nov 2026, 19:46 21 Nov 2026, 20:46"
        in words
    )


def test_revoked_device_still_says_what_it_had(
    technician: Visitor, school: School, ingest: Ingest, device: Device
) -> None:
    """What it listed before stays, and its page does not claim that it sent nothing."""
    numbers_of(send(ingest, device.say(list_of(VIM, GIMP))))
    with writing(school.engine) as connection:
        revoke(connection, school.id, device.id)
    words = technician.get(f"/devices/{device.id}").words
    assert "2 programs , changed last 21 Nov 2026" in words
    assert "It has sent no list." not in words


def test_software_of_a_device_can_be_searched(
    technician: Visitor, school: School, ingest: Ingest, device: Device
) -> None:
    """By a part of the name; a device that sent no list says that more may be installed."""
    page = f"/devices/{device.id}/software"
    assert "It has sent no whole list" in technician.get(page).words
    numbers_of(send(ingest, device.say(list_of(VIM, GIMP))))
    assert "2 programs Name Version From Heard of vim 9.0 dpkg" in technician.get(page).words
    words = technician.get(f"{page}?search=GIMP").words
    assert "org.gimp.GIMP 2.10 flatpak" in words
    assert "vim" not in words
    assert "No program of this name" in technician.get(f"{page}?search=nothing").words
    assert technician.get("/devices/0000000000000000/software").status == 404


def test_list_is_paged_and_filtered(technician: Visitor, school: School) -> None:
    """A hundred at a time; each state says how many there are, and what was chosen stays in the links."""
    for number in range(101):
        school.add_device(f"pc-{number:03}", last_seen_at_ns=school.now_ns - number)
    page = technician.get("/devices?name=PC-")
    assert "1 to 100 of 101" in page.words
    assert 'href="/devices?state=all&amp;name=PC-&amp;page=2"' in page.text
    assert "pc-100" not in page.words
    assert "101 to 101 of 101" in technician.get("/devices?state=active&page=2").words
    assert "In use (101)" in page.words
    assert "No device fits" in technician.get("/devices?name=nothing").words
    assert "No device fits" in technician.get("/devices?state=revoked").words


def test_device_says_with_what_it_speaks(technician: Visitor, school: School) -> None:
    """The key's algorithm, and when the certificate ends, as far as it is known."""
    words = technician.get(f"/devices/{school.add_device('pc-1')}").words
    assert "Its evidence key Ed25519: made and held by software" in words
    assert "Its certificate ends not noted" in words
