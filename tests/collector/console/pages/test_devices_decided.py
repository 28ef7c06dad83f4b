# SPDX-License-Identifier: Apache-2.0
"""Tests of what is decided about devices at the console."""

from collector.audit import list_entries
from collector.devices import Device, find_device
from collector.expected_devices import import_expected_devices
from tests.collector.console.visitor import Visitor
from tests.collector.school import School

LIST = b"hostname,serial,asset,place\nlab-1,SN1,A-1,Lab\nlab-2,,A-2,Lab\n"


def find(school: School, device_id: str) -> Device:
    """Return a device that is there."""
    device = find_device(school.engine, school.id, device_id)
    assert device is not None
    return device


def take_list(school: School) -> None:
    """Import the school's list."""
    import_expected_devices(school.engine, school.id, LIST, actor="anna", now_ns=school.now_ns)


def test_nobody_waits(technician: Visitor) -> None:
    """An empty page says when a device would stand there."""
    assert "No device waits" in technician.get("/devices/pending").words


def test_what_waits_is_shown_with_what_fits(technician: Visitor, school: School) -> None:
    """A contradiction stands out, and only what fits is confirmed with the others."""
    take_list(school)
    fits = school.add_device("lab-2", state="pending", serial="SN2")
    liar = school.add_device("lab-1", state="pending", serial="OTHER", product="<b>ThinkPad</b>")
    assert "2 devices wait to be confirmed" in technician.get("/devices").words
    page = technician.get("/devices/pending")
    assert "lab-2, Lab: same name, one side gives no serial number" in page.words
    assert "lab-1, SN1, Lab: same name, another serial number" in page.words
    assert "&lt;b&gt;ThinkPad" in page.text
    answer = technician.post("/devices/pending")
    assert (answer.status, answer.location) == (303, "/devices/pending?done=devices-confirmed")
    assert (find(school, fits).state, find(school, liar).state) == ("active", "pending")
    assert find(school, fits).confirmed_by == "technician"


def test_finding_is_marked_until_its_device_is_confirmed(technician: Visitor, school: School) -> None:
    """On the list, in a group, on its own page and on the page of the device; a refused device stays unconfirmed."""
    device_id = school.add_device("lab-2", state="pending")
    incident = school.add_incident(device_id)
    pages = ("/incidents", f"/incidents/{incident}", f"/devices/{device_id}")
    for path in pages:
        assert "Unconfirmed" in technician.get(path).words, path
    assert "No device is confirmed as the school’s yet. 1 waits to be confirmed" in technician.get("/incidents").words
    school.add_incident(school.add_device("lab-3"))
    assert "2 devices, 1 unconfirmed" in technician.get("/incidents").words
    technician.get(f"/devices/{device_id}")
    assert technician.post(f"/devices/{device_id}/revoke").status == 303
    assert "Unconfirmed" in technician.get(f"/incidents/{incident}").words


def test_confirmed_device_is_marked_no_more(technician: Visitor, school: School) -> None:
    """Its page says who confirmed it."""
    device_id = school.add_device("lab-2", state="pending")
    school.add_incident(device_id)
    technician.get(f"/devices/{device_id}")
    assert technician.post(f"/devices/{device_id}/confirm").location == f"/devices/{device_id}?done=device-confirmed"
    words = technician.get(f"/devices/{device_id}?done=device-confirmed").words
    assert "Confirmed by technician" in words
    assert "Unconfirmed" not in words + technician.get("/incidents").words
    answer = technician.post(f"/devices/{device_id}/confirm")
    assert answer.status == 400
    assert "does not wait to be confirmed: it is active." in answer.words


def test_copy_and_original_stand_side_by_side(technician: Visitor, school: School) -> None:
    """With three decisions; afterwards the page of each leads to the other."""
    former = school.add_device("lab-1", serial="SN1", manufacturer="LENOVO", product="L14")
    copy = school.add_device("lab-1", state="pending", serial="SN7", former_device_id=former, succession="forked")
    page = technician.get(f"/devices/{copy}")
    assert "Serial number SN7 SN1" in page.words
    assert "Maker and product not given LENOVO L14" in page.words
    assert "It proves nothing: a copy says what its original says." in page.words
    for button in ("It is the same machine", "Admit it as a new device", "Revoke it"):
        assert button in page.words
    assert technician.post(f"/devices/{copy}/same").status == 303
    assert (find(school, copy).state, find(school, former).state) == ("active", "revoked")
    assert f'href="/devices/{copy}"' in technician.get(f"/devices/{former}").text
    assert f'href="/devices/{former}"' in technician.get(f"/devices/{copy}").text


def test_device_that_enrolled_again_goes_on_for_a_revoked_one(technician: Visitor, school: School) -> None:
    """There is no question of two machines: the page says which it was and asks only whether it is ours."""
    former = school.add_device("lab-1", state="revoked", confirmed_at_ns=1)
    again = school.add_device("lab-1", state="pending", former_device_id=former, succession="enrolled_again")
    words = technician.get(f"/devices/{again}").words
    assert "which is revoked. It was enrolled again with a token" in words
    assert "Confirm this device" in words
    assert "It is the same machine" not in words


def test_resets_are_declared_with_a_reason(technician: Visitor, school: School) -> None:
    """Shown on both pages; without a reason it is refused."""
    device_id = school.add_device("lab-1")
    technician.get(f"/devices/{device_id}")
    assert technician.post(f"/devices/{device_id}/resets", {"state": "on"}).status == 400
    assert technician.post(f"/devices/{device_id}/resets", {"state": "on", "why": "frozen"}).status == 303
    assert "declared: a fresh start from an older state is expected" in technician.get(f"/devices/{device_id}").words
    assert "set back now and then" in technician.get("/devices").words
    assert list_entries(school.engine, school.id)[0].detail == "on: frozen"
    technician.post(f"/devices/{device_id}/resets", {"state": "off", "why": "not any more"})
    assert not find(school, device_id).is_reset_often


def test_who_does_not_decide_sees_no_buttons(administrator: Visitor, school: School) -> None:
    """And is refused when he sends the form all the same."""
    device_id = school.add_device("lab-1", state="pending")
    page = administrator.get(f"/devices/{device_id}")
    assert "Is it one of the school’s?" in page.words
    assert f'action="/devices/{device_id}' not in page.text
    for name in ("confirm", "same", "revoke", "resets", "retire"):
        assert administrator.post(f"/devices/{device_id}/{name}").status == 403
    assert administrator.post("/devices/pending").status == 403
    assert find(school, device_id).state == "pending"


def test_device_that_does_not_speak_is_decided_no_more(technician: Visitor, school: School) -> None:
    """A revoked one can only be retired, a retired one not at all."""
    revoked, retired = school.add_device("pc-1", state="revoked"), school.add_device("pc-2", state="retired")
    page = technician.get(f"/devices/{revoked}")
    assert f"/devices/{revoked}/retire" in page.text
    assert f"/devices/{revoked}/revoke" not in page.text
    page = technician.get(f"/devices/{retired}")
    assert "This device is retired" in page.words
    assert f'action="/devices/{retired}' not in page.text
