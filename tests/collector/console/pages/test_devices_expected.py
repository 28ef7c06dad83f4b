# SPDX-License-Identifier: Apache-2.0
"""Tests of the page of the school's own list of its machines."""

from collector.devices import find_device
from collector.expected_devices import list_expected
from tests.collector.console.visitor import SAME_ORIGIN, Answer, Visitor
from tests.collector.school import School

BOUNDARY = "xxBOUNDARYxx"
HEADER = "hostname,serial,asset,place\n"


def upload(visitor: Visitor, content: str, **fields: str) -> Answer:
    """Send a file from the page."""
    visitor.get("/devices/expected")
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {"csrf": visitor.csrf, **fields}.items()
    ]
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n{content}\r\n'
    headers = {**SAME_ORIGIN, "content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    body = "".join([*parts, file, f"--{BOUNDARY}--\r\n"]).encode()
    return visitor.send("POST", "/devices/expected", body=body, headers=headers)


def test_list_is_looked_at_and_then_taken(technician: Visitor, school: School) -> None:
    """A device that is exactly on it is confirmed by it; then the page says who has not come."""
    waiting = school.add_device("lab-1", state="pending", serial="SN1")
    assert "No list was taken yet" in technician.get("/devices/expected").words
    content = f"{HEADER}lab-1,SN1,A-1,Lab\nlab-2,,A-2,Lab\n=cmd|<b>,,,\n"
    looked = upload(technician, content, what="check")
    assert "Nothing is changed yet" in looked.words
    assert list_expected(school.engine, school.id) == []
    taken = upload(technician, content, what="import")
    assert "New 2 Changed 0 Unchanged 0 Refused 1" in taken.words
    assert "Devices confirmed by it 1" in taken.words
    assert "as a formula does" in taken.words
    device = find_device(school.engine, school.id, waiting)
    assert device is not None
    assert device.state == "active"
    words = technician.get("/devices/expected?show=free").words
    assert "All (2) Not come (1) Matched (1)" in words
    assert "lab-2" in words
    assert "lab-1" not in words


def test_file_that_is_no_list_is_said(technician: Visitor) -> None:
    """On the page with the form."""
    for content, reason in (("", "Choose a file"), ("a,b\n", "The header is wrong")):
        answer = upload(technician, content, what="import")
        assert (answer.status, reason in answer.words) == (400, True)


def test_who_does_not_decide_may_only_look(administrator: Visitor) -> None:
    """The list decides which devices are confirmed."""
    assert 'type="file"' not in administrator.get("/devices/expected").text
    assert upload(administrator, f"{HEADER}lab-1,SN1,,\n", what="import").status == 403
