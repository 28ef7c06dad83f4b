# SPDX-License-Identifier: Apache-2.0
"""Tests of the page of a reader's own key, as the server makes it."""

import base64
import json

import pytest

from collector.audit import list_entries
from collector.identities import find_identity, keep_test_items
from collector.opener.identity import Identity, parse_identity
from collector.roles import Role
from proto.sealed import seal
from tests.collector.console.conftest import Enter
from tests.collector.console.visitor import SAME_ORIGIN, Answer, Visitor
from tests.collector.safeguarding import build_safeguarding
from tests.collector.school import School
from tests.wrapped import wrap_lightly


def send_key(visitor: Visitor, age_key: str, wrapped: bytes) -> tuple[int, dict[str, str]]:
    """Send a key as the page's script does."""
    visitor.get("/identity")
    answer = visitor.post("/identity", {"age_key": age_key, "wrapped": base64.b64encode(wrapped).decode()})
    return answer.status, json.loads(answer.text)


def put_in(visitor: Visitor, content: bytes, *, is_sure: bool = False) -> Answer:
    """Send a file as a browser does."""
    visitor.get("/identity")
    fields = {"csrf": visitor.csrf} | ({"sure": "yes"} if is_sure else {})
    parts = [f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n' for name in fields]
    parts.append('--edge\r\nContent-Disposition: form-data; name="file"; filename="identity.json"\r\n\r\n')
    body = "".join(parts).encode() + content + b"\r\n--edge--\r\n"
    headers = {**SAME_ORIGIN, "content-type": "multipart/form-data; boundary=edge"}
    return visitor.send("POST", "/identity/file", body=body, headers=headers)


def test_key_is_kept_wrapped_and_given_to_its_owner_only(lead: Visitor, enter: Enter, school: School) -> None:
    """What the browser made comes back to the same reader; another has to make one of his own."""
    person = build_safeguarding(school, with_users=False, publishes=False).dsl
    assert "Make my key" in lead.get("/identity").words
    assert lead.get("/identity/key").status == 404
    assert send_key(lead, person.age_key, person.wrapped) == (200, {})
    kept = json.loads(lead.get("/identity/key").text)
    assert base64.b64decode(kept["wrapped"]) == person.wrapped
    assert enter(Role.HEADTEACHER).get("/identity/key").status == 404
    words = lead.get("/identity").words
    assert person.age_key in words
    assert "Not yet: whoever keeps the safeguarding root has to sign it" in words
    assert "This is what you lose" in words


def test_what_is_no_wrapped_key_is_refused(lead: Visitor, school: School) -> None:
    """A key in the clear, a damaged one and one that is somebody else's are not kept."""
    people = build_safeguarding(school, with_users=True, with_identities=False, publishes=False)
    status, answer = send_key(lead, people.dsl.age_key, people.dsl.secret.encode())
    assert (status, "age format" in answer["error"]) == (400, True)
    assert send_key(lead, "age1x", people.dsl.wrapped)[0] == 400
    lead.get("/identity")
    assert lead.post("/identity", {"age_key": people.dsl.age_key, "wrapped": "%"}).status == 400
    assert find_identity(school.engine, school.id, "dsl") is None


def test_test_item_is_offered_while_there_is_one(lead: Visitor, school: School) -> None:
    """Whoever signs sealed a code to the key; the page offers to open it and says to read it aloud."""
    person = build_safeguarding(school, with_users=False, publishes=False).dsl
    send_key(lead, person.age_key, person.wrapped)
    assert "test item" not in lead.get("/identity").words
    item = seal(b"4711", [person.age_key])
    keep_test_items(school.engine, school.id, {"dsl": item}, actor="command line", now_ns=school.now_ns)
    words = lead.get("/identity").words
    assert "read the code aloud, and your key" in words
    assert "compares both with what he has: a code alone does not prove whose key it is" in words
    assert base64.b64decode(json.loads(lead.get("/identity/key").text)["test_item"]) == item


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Choose the file with your key"),
        (b"\xff\x00", "not a file with a key"),
        (b"[" * 100_000, "not a file with a key"),
        (b"[]", "not a file with a key"),
        (b'{"format": "schoolwarden flag v1"}', "not a file with a key"),
        (b'{"format": "schoolwarden identity v1", "age_key": "age1x"}', "not a file with a key"),
        (b'{"format": "schoolwarden identity v1", "age_key": 1, "wrapped": ""}', "damaged"),
        (b'{"format": "schoolwarden identity v1", "age_key": "age1x", "wrapped": "%"}', "damaged"),
        (b'{"format": "schoolwarden identity v1", "age_key": "age1x", "wrapped": ""}', "not an age key"),
    ],
)
def test_file_without_a_key_is_refused(lead: Visitor, school: School, content: bytes, message: str) -> None:
    """No file, another one, half of one, no key in it: the page says so, and nothing is kept."""
    answer = put_in(lead, content)
    assert (answer.status, message in answer.words) == (400, True)
    assert find_identity(school.engine, school.id, "dsl") is None


def test_key_in_the_clear_is_refused_as_a_file(lead: Visitor, school: School) -> None:
    """A file of the right shape whose key lies under no passphrase is not taken."""
    person = build_safeguarding(school, with_users=False, publishes=False).dsl
    for inside in (person.secret.encode(), seal(person.secret.encode(), [person.age_key])):
        answer = put_in(lead, Identity(person.age_key, inside).to_document().encode())
        assert answer.status == 400
    assert "not under a passphrase" in answer.words
    assert find_identity(school.engine, school.id, "dsl") is None


def test_key_goes_to_the_opener_and_comes_from_it_as_a_file(lead: Visitor, enter: Enter, school: School) -> None:
    """What the opener exports is taken, and what is saved here is what it imports; to its owner only."""
    person = build_safeguarding(school, with_users=False, publishes=False).dsl
    made = Identity(person.age_key, person.wrapped)
    assert lead.get("/identity/file").status == 404
    answer = put_in(lead, made.to_document().encode())
    assert (answer.status, answer.location) == (303, "/identity?done=identity-kept")
    newest = list_entries(school.engine, school.id)[0]
    assert (newest.actor, newest.action, newest.detail) == ("dsl", "identity.kept", person.age_key)
    saved = lead.get("/identity/file")
    assert saved.header("content-disposition") == 'attachment; filename="identity.json"'
    assert parse_identity(saved.text, "identity.json") == made
    newest = list_entries(school.engine, school.id)[0]
    assert (newest.actor, newest.action, newest.detail) == ("dsl", "identity.saved", person.age_key)
    assert enter(Role.HEADTEACHER).get("/identity/file").status == 404


def test_other_key_replaces_mine_only_if_i_am_sure(lead: Visitor, school: School) -> None:
    """The page says what is lost, and asks; the same key under new words loses nothing and is taken at once."""
    people = build_safeguarding(school, with_users=False, publishes=False)
    first, other = people.dsl, people.deputy
    assert put_in(lead, Identity(first.age_key, first.wrapped).to_document().encode()).status == 303
    anew = wrap_lightly(first.secret, "other words")
    assert put_in(lead, Identity(first.age_key, anew).to_document().encode()).status == 303
    document = Identity(other.age_key, other.wrapped).to_document().encode()
    asked = put_in(lead, document)
    assert (asked.status, "Tick the box first" in asked.words, "This is what you lose" in asked.words) == (
        400,
        True,
        True,
    )
    kept = find_identity(school.engine, school.id, "dsl")
    assert kept is not None
    assert (kept.age_key, kept.wrapped) == (first.age_key, anew)
    assert put_in(lead, document, is_sure=True).status == 303
    kept = find_identity(school.engine, school.id, "dsl")
    assert kept is not None
    assert kept.age_key == other.age_key
