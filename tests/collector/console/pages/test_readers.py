# SPDX-License-Identifier: Apache-2.0
"""Tests of the page of who reads flags: the signed set, what is not signed, and the drill."""

from dataclasses import replace

import pytest
from starlette.applications import Starlette

from collector.absences import note_absence
from collector.drills import list_drills
from collector.recipients import load_set
from collector.roles import Role
from collector.users import disable
from proto.keys import Ed25519Signer
from proto.recipients import dump_signed, fingerprint
from tests.collector.console.conftest import Enter
from tests.collector.console.pages.conftest import come_in
from tests.collector.console.visitor import SAME_ORIGIN, Answer, Visitor
from tests.collector.safeguarding import PASSWORD, Safeguarding, build_safeguarding
from tests.collector.school import MINUTE_NS, School


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """A school with four readers."""
    return build_safeguarding(school, with_identities=True)


@pytest.fixture
def dana(app: Starlette, school: School, safeguarding: Safeguarding) -> Visitor:
    """The safeguarding lead at the console, on the page."""
    visitor = come_in(app, school, safeguarding.dsl)
    visitor.get("/readers")
    return visitor


def put_in(visitor: Visitor, text: str) -> Answer:
    """Send a file as a browser does."""
    edge = "edge"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{visitor.csrf}\r\n',
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="set"\r\n\r\n{text}\r\n--{edge}--\r\n',
    ]
    headers = {**SAME_ORIGIN, "content-type": f"multipart/form-data; boundary={edge}"}
    return visitor.send("POST", "/readers", body="".join(parts).encode(), headers=headers)


def test_says_who_reads_what_now(dana: Visitor, school: School, safeguarding: Safeguarding) -> None:
    """Each kind of flag has its readers of today, and the root can be compared with the sheet."""
    words = dana.get("/readers").words
    assert "Ordinary flags dana, dev" in words
    assert "about a safeguarding lead heather" in words
    assert "about the headteacher charles" in words
    assert fingerprint(safeguarding.root.public_key).hex() in words.replace(" ", "")
    for name in ("dana", "dev"):
        now_ns = school.now_ns
        note_absence(
            school.engine,
            school.id,
            user=name,
            from_ns=now_ns,
            until_ns=now_ns + MINUTE_NS,
            actor=name,
            now_ns=now_ns,
        )
    words = dana.get("/readers").words
    assert "Ordinary flags dana, dev, heather" in words
    assert "dana Away" in words


def test_empty_position_names_who_reads_instead(dana: Visitor, safeguarding: Safeguarding) -> None:
    """Without a head the next one up is named; without anybody above, the way out of the school is."""
    dsl, deputy, _, chair = (person.recipient for person in safeguarding.people)
    safeguarding.publish(safeguarding.sign([dsl, deputy, chair]))
    words = dana.get("/readers").words
    assert "about a safeguarding lead nobody: they go to charles" in words
    safeguarding.publish(safeguarding.sign([dsl, deputy]))
    words = dana.get("/readers").words
    assert words.count("nobody at this school: the flag stays sealed, go to the LADO") == 2
    assert "next one up" not in words


def test_who_is_disabled_and_still_signed_is_named(dana: Visitor, school: School, safeguarding: Safeguarding) -> None:
    """Devices go on sealing to a user who is disabled, until a set is signed without him."""
    school.add_user("admin", Role.ADMINISTRATOR, PASSWORD)
    disable(school.engine, school.id, "heather", school.now_ns)
    disable(school.engine, school.id, "dev", school.now_ns)
    words = dana.get("/readers").words
    assert "about a safeguarding lead heather is in the signed set but disabled: sign a new set" in words
    assert "heather Headteacher Not ready is disabled: sign a new set" in words
    assert "Ordinary flags dana dev is in the signed set but disabled: sign a new set" in words


def test_says_where_the_root_is(dana: Visitor) -> None:
    """It is a sealed file; only its fingerprint and the recovery sheets are paper."""
    words = dana.get("/readers").words
    assert "a sealed file on the computer of whoever signs" in words
    assert "On paper are only its fingerprint and the recovery sheets" in words


def test_says_who_is_not_ready_and_why(dana: Visitor, enter: Enter, safeguarding: Safeguarding) -> None:
    """Not tested, another key, no key, not signed: each is a sentence."""
    enter(Role.DEPUTY_DSL, "newcomer")
    people = [
        replace(each.recipient, tested=False) if each is safeguarding.deputy else each.recipient
        for each in safeguarding.people
    ]
    safeguarding.publish(safeguarding.sign(people))
    words = dana.get("/readers").words
    assert "dev Deputy safeguarding lead Not ready has still to read the test item aloud" in words
    assert "newcomer Deputy safeguarding lead Not ready has no key yet none" in words


def test_before_the_first_set_the_steps_are_named(lead: Visitor) -> None:
    """An empty school is told what to do, and that nobody is watched."""
    words = lead.get("/readers").words
    assert "Nobody reads flags yet, so nobody is watched" in words
    assert "schoolwarden-open" in words


def test_signed_set_is_put_in_and_a_hostile_one_is_not(
    dana: Visitor, school: School, safeguarding: Safeguarding
) -> None:
    """A newer set of the same root comes into force; one of another root, or no set, does not."""
    before = safeguarding.content.version
    assert put_in(dana, dump_signed(safeguarding.sign())).location == "/readers?done=published"
    hostile = put_in(dana, dump_signed(safeguarding.sign(root=Ed25519Signer.generate())))
    assert hostile.status == 400
    assert "another safeguarding root" in hostile.words
    assert "Not a file with a signed set" in put_in(dana, "hello").words
    assert "Choose the file" in put_in(dana, "").words
    content = load_set(school.engine, school.id)
    assert content is not None
    assert content.version == before + 1


def test_drill_is_ordered_by_who_sees_the_answer(
    dana: Visitor, enter: Enter, school: School, safeguarding: Safeguarding
) -> None:
    """The order is listed until it is answered or has expired; a reader without flags cannot order one."""
    device = school.add_device("pc-1")
    assert dana.post("/readers/drill", {"device": device}).location == "/readers?done=drilled"
    assert [each.ordered_by for each in list_drills(school.engine, school.id)] == ["dana"]
    assert "Waits until" in dana.get("/readers").words
    school.pass_time(11 * MINUTE_NS)
    assert "No answer" in dana.get("/readers").words
    assert "There is no device" in dana.post("/readers/drill", {"device": "x"}).words
    unsigned = enter(Role.DSL, "unsigned")
    unsigned.get("/readers")
    assert "you would not see the answer" in unsigned.post("/readers/drill", {"device": device}).words
