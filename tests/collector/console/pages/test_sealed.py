# SPDX-License-Identifier: Apache-2.0
"""Tests of what the script of the flags' page asks for and brings back: sealed, audited, and for its readers only."""

import base64
import json

from collector.audit import list_entries
from collector.roles import Role
from proto.sealed import seal
from tests.collector.console.conftest import Enter
from tests.collector.console.visitor import Visitor
from tests.collector.safeguarding import PUPIL, SENTENCE, Safeguarding
from tests.collector.school import School

SECRETS = (SENTENCE, SENTENCE.encode().hex(), PUPIL, "Sam Pupil", "suicide-nobody-miss", "diary.txt")
"""What only the readers' keys open. The category stands on the page as one of the choices, for every flag alike."""


def actions_of(school: School) -> list[str]:
    """Return what the audit log says was done to flags, in order."""
    return [each.action for each in list_entries(school.engine, school.id) if each.action.startswith("flag.")][::-1]


def test_opening_gives_the_sealed_text_and_is_audited(
    dana: Visitor, school: School, safeguarding: Safeguarding, flag: str
) -> None:
    """The answer holds ciphertext, the label and the keys that a note goes to; the log says who asked."""
    answer = dana.post(f"/flags/{flag}/open")
    given = json.loads(answer.text)
    assert answer.header("cache-control") == "no-store"
    assert given["format"] == "schoolwarden flag v1"
    assert (given["tier"], given["route"], given["drill"]) == ("alert", "dsl", False)
    assert {each["user"] for each in given["readers"]} == {"dana", "dev"}
    assert len(given["recovery"]) == 1
    assert not [secret for secret in SECRETS if secret in answer.text]
    assert actions_of(school) == ["flag.read"]
    assert "Read" in dana.get("/flags").words


def test_opening_needs_the_token_of_a_page(dana: Visitor, school: School, flag: str) -> None:
    """Another site cannot have a flag opened, and nothing is written down as read."""
    assert dana.post(f"/flags/{flag}/open", {"csrf": "x"}).status == 403
    assert dana.post(f"/flags/{flag}/open", headers={"sec-fetch-site": "cross-site"}).status == 403
    assert actions_of(school) == []


def test_note_and_copy_are_kept_only_when_sealed(
    dana: Visitor, safeguarding: Safeguarding, school: School, flag: str
) -> None:
    """What a script sends in the clear is refused: the collector never keeps a readable note."""
    sealed = base64.b64encode(seal(b"{}", [safeguarding.dsl.age_key])).decode()
    plain = base64.b64encode(b"talked to him").decode()
    assert dana.post(f"/flags/{flag}/notes", {"sealed": plain}).status == 400
    assert dana.post(f"/flags/{flag}/notes", {"sealed": "not base64!"}).status == 400
    note = json.loads(dana.post(f"/flags/{flag}/notes", {"sealed": sealed}).text)["note"]
    assert (note["made_by"], note["sealed"]) == ("dana", sealed)
    assert dana.post(f"/flags/{flag}/copy", {"sealed": sealed, "for_user": "heather"}).status == 400
    assert dana.post(f"/flags/{flag}/copy", {"sealed": sealed, "for_user": "dev"}).status == 200
    assert json.loads(dana.post(f"/flags/{flag}/open").text)["notes"] == [note]
    assert actions_of(school) == ["flag.noted", "flag.copied", "flag.read"]


def test_saved_file_is_sealed_and_audited(dana: Visitor, school: School, flag: str) -> None:
    """The file for the offline opener holds what the page gets, as a download that the log knows of."""
    answer = dana.post(f"/flags/{flag}/file")
    assert answer.header("content-disposition") == f'attachment; filename="flag-{flag}.json"'
    assert json.loads(answer.text)["school_id"] == school.id
    assert actions_of(school) == ["flag.read", "flag.saved"]


def test_whose_accounts_are_whose_is_given_whole(dana: Visitor, school: School, enter: Enter) -> None:
    """The browser gets everybody, so that the collector does not learn whom a flag is about; the log says who asked."""
    assert json.loads(dana.get("/flags/people").text) == {"accounts": []}
    newest = list_entries(school.engine, school.id)[0]
    assert (newest.actor, newest.action, newest.subject) == ("dana", "register.read", "register")
    assert enter(Role.TECHNICIAN, "tom").get("/flags/people").status == 403


def test_register_is_not_for_a_role_that_reads_no_route(
    enter: Enter, school: School, safeguarding: Safeguarding
) -> None:
    """Whoever was given the role but is in no signed set gets nobody, and the log says nothing of a read."""
    assert enter(Role.DSL, "nora").get("/flags/people").status == 403
    assert "register.read" not in [each.action for each in list_entries(school.engine, school.id)]
