# SPDX-License-Identifier: Apache-2.0
"""Tests of the page of a reader's own key, as the server makes it."""

import base64
import json

from collector.identities import find_identity, keep_test_items
from collector.roles import Role
from proto.sealed import seal
from tests.collector.console.conftest import Enter
from tests.collector.console.visitor import Visitor
from tests.collector.safeguarding import build_safeguarding
from tests.collector.school import School


def send_key(visitor: Visitor, age_key: str, wrapped: bytes) -> tuple[int, dict[str, str]]:
    """Send a key as the page's script does."""
    visitor.get("/identity")
    answer = visitor.post("/identity", {"age_key": age_key, "wrapped": base64.b64encode(wrapped).decode()})
    return answer.status, json.loads(answer.text)


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
    assert "read the code aloud" in lead.get("/identity").words
    assert base64.b64decode(json.loads(lead.get("/identity/key").text)["test_item"]) == item
