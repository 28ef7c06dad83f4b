# SPDX-License-Identifier: Apache-2.0
"""Tests of the page of the school's people."""

import pytest

from collector.audit import list_entries
from collector.console.pages.people import MAX_UPLOAD_BYTES
from collector.people import find_person
from collector.store.schema import people
from tests.collector.console.visitor import SAME_ORIGIN, Answer, Visitor
from tests.collector.people.lists import take, write_list
from tests.collector.school import School

ADA = {"person_id": "p1", "name": "Ada Byron", "accounts": "directory:ada", "year_group": "7", "class": "7B"}
BAD = {"person_id": "p2", "name": "Ben \u202ecba", "kind": "<b>king</b>"}
BOUNDARY = "a-boundary-that-no-file-holds"


def upload(visitor: Visitor, content: bytes, **fields: str) -> Answer:
    """Choose a file and send the form as a browser does."""
    visitor.get("/people")
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in {"csrf": visitor.csrf, **fields}.items()
    ]
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="../../x.csv"\r\n\r\n'.encode()
    body = b"".join(parts) + file + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {**SAME_ORIGIN, "content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    return visitor.send("POST", "/people", body=body, headers=headers)


def test_list_is_looked_at_and_then_taken(administrator: Visitor, school: School) -> None:
    """The first button changes nothing and says so; the second takes the good lines and says what became of each."""
    content = write_list(ADA, BAD)
    looked = upload(administrator, content, what="check")
    assert looked.status == 200
    assert "Nothing is changed yet" in looked.words
    assert school.count(people) == 0
    taken = upload(administrator, content, what="import")
    assert "Nothing is changed yet" not in taken.words
    assert "New 1" in taken.words
    assert "Refused 1" in taken.words
    assert find_person(school.engine, school.id, "directory:ada")
    newest = list_entries(school.engine, school.id, limit=1)[0]
    assert (newest.actor, newest.action) == ("administrator", "people.imported")


def test_hostile_values_are_harmless_in_the_report(administrator: Visitor) -> None:
    """Escaped, and with every character to be seen."""
    page = upload(administrator, write_list(ADA, BAD), what="check").text
    assert "&lt;b&gt;king" in page
    assert "<b>king" not in page
    assert "\u202e" not in page


def test_long_report_is_cut(administrator: Visitor) -> None:
    """A file in which every line is wrong makes no page without end."""
    page = upload(administrator, write_list(*({"person_id": "x y"} for _ in range(250))), what="check")
    assert "Refused 250" in page.words
    assert "50 more mistakes" in page.words


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "Choose a file"), (b"name\nAda\n", "The header is wrong"), (b"\xff\xfe\x00", "not in UTF-8")],
)
def test_file_that_is_no_list_is_said(administrator: Visitor, school: School, content: bytes, reason: str) -> None:
    """On the page itself, and nothing is taken."""
    answer = upload(administrator, content, what="import")
    assert answer.status == 400
    assert reason in answer.words
    assert school.count(people) == 0


def test_file_that_is_too_large_for_the_page_is_refused(administrator: Visitor) -> None:
    """Before it is read: names of pupils are never spooled to a disk."""
    assert upload(administrator, b"x" * MAX_UPLOAD_BYTES, what="import").status == 413


def test_missing_people_leave_only_when_it_is_said(administrator: Visitor, school: School) -> None:
    """The box ends their time; without it they stay."""
    take(school, ADA, {"person_id": "p2", "accounts": "directory:ben"})
    upload(administrator, write_list(ADA), what="import")
    for fields, until in (({}, ""), ({"missing": "end"}, "2026-11-21")):
        upload(administrator, write_list(ADA), what="import", **fields)
        found = find_person(school.engine, school.id, "directory:ben")
        assert found
        assert found.until_date == until


def test_people_are_found_page_by_page(administrator: Visitor, school: School) -> None:
    """By name, id, class or year, fifty at a time; an address that makes no sense shows the first page."""
    take(school, ADA, *({"person_id": f"q{number:03}", "year_group": "8"} for number in range(120)))
    first = administrator.get("/people").words
    assert "1 to 50 of 121" in first
    assert "Pupils 121" in first
    assert "Next page" in first
    assert "101 to 121 of 121" in administrator.get("/people?page=3").words
    assert "Next page" not in administrator.get("/people?page=3").words
    assert "1 to 1 of 1" in administrator.get("/people?search=byron").words
    assert "1 to 50 of 120" in administrator.get("/people?year=8").words
    assert "Nobody fits" in administrator.get("/people?search=%25").words
    for number in ("0", "-1", "x", "9" * 30, "%D9%A3"):
        assert "1 to 50 of 121" in administrator.get(f"/people?page={number}").words


def test_search_is_shown_escaped(administrator: Visitor, school: School) -> None:
    """What was searched for stands in the form and is no part of the page."""
    take(school, ADA)
    page = administrator.get('/people?search="><script>x</script>&year="><b>').text
    assert "<script>x" not in page
    assert '"><b>' not in page


def test_search_for_what_no_text_holds_is_refused(administrator: Visitor) -> None:
    """Before a database sees it."""
    assert administrator.get("/people?search=%00").status == 400


def test_nobody_else_sees_people(technician: Visitor, lead: Visitor) -> None:
    """Neither technician nor safeguarding lead looks through the register here."""
    assert technician.get("/people").status == 403
    assert lead.get("/people").status == 403
    assert "People" not in technician.get("/account").words
