# SPDX-License-Identifier: Apache-2.0
"""Tests of the published sets of readers: who may sign and stand in one, and what a changed database is worth."""

from dataclasses import replace

import pytest
from sqlalchemy import insert, text, update

from collector.audit import list_entries
from collector.errors import UsageError
from collector.recipients import find_problems, find_root_fingerprint, find_signed, load_set, load_sets
from collector.roles import Role
from collector.store.engine import writing
from collector.store.schema import recipient_sets, users
from collector.verify import verify
from proto.errors import RecipientsError
from proto.keys import Ed25519Signer
from proto.recipients import Recipient, fingerprint, open_recipients, sign_recipients
from proto.wire import SignedRecipients
from tests.collector.safeguarding import Safeguarding, build_safeguarding
from tests.collector.school import School


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """Four readers; nothing is published yet."""
    return build_safeguarding(school, publishes=False)


def write(school: School, signed: SignedRecipients, version: int) -> None:
    """Write a set past the collector, as somebody does who has the database."""
    with writing(school.engine) as connection:
        connection.execute(
            insert(recipient_sets).values(
                school_id=school.id,
                version=version,
                published_at_ns=school.now_ns,
                published_by="dana",
                body=signed.body,
                root_public_key=signed.root_public_key,
                signature=signed.signature,
                former_root_public_key=signed.former_root_public_key,
                former_signature=signed.former_signature,
            )
        )


def test_before_the_first_set_there_is_nothing(school: School) -> None:
    """No set, no root: devices pin nothing and are not watched."""
    assert (find_signed(school.engine, school.id), load_set(school.engine, school.id)) == (None, None)
    assert find_root_fingerprint(school.engine, school.id) == b""
    assert find_problems(school.engine, school.id) == (0, [])


def test_first_set_pins_its_root(safeguarding: Safeguarding) -> None:
    """It is handed on exactly as it was signed, and that it was published is in the audit log."""
    school, signed = safeguarding.school, safeguarding.sign()
    assert safeguarding.publish(signed) == 1
    assert find_signed(school.engine, school.id) == signed
    assert load_set(school.engine, school.id) == safeguarding.content
    assert find_root_fingerprint(school.engine, school.id) == fingerprint(safeguarding.root.public_key)
    assert find_root_fingerprint(school.engine, "0" * 16) == b""
    newest = list_entries(school.engine, school.id)[0]
    assert (newest.action, newest.subject, newest.actor) == ("recipients.published", "recipients/1", "command line")
    assert fingerprint(safeguarding.root.public_key).hex() in newest.detail


def test_set_of_another_root_is_refused(safeguarding: Safeguarding) -> None:
    """However well it is signed: whoever runs the collector cannot add himself."""
    safeguarding.publish(safeguarding.sign())
    with pytest.raises(RecipientsError, match="another safeguarding root"):
        safeguarding.publish(safeguarding.sign(root=Ed25519Signer.generate()))
    assert len(load_sets(safeguarding.school.engine, safeguarding.school.id)) == 1


def test_changed_set_is_refused(safeguarding: Safeguarding) -> None:
    """The first one, too: the root must have signed exactly this."""
    signed = safeguarding.sign()
    signed.body = signed.body.replace(b'"dana"', b'"evan"')
    with pytest.raises(RecipientsError, match="not signed by the safeguarding root"):
        safeguarding.publish(signed)
    assert find_signed(safeguarding.school.engine, safeguarding.school.id) is None


def test_set_of_another_school_is_refused(safeguarding: Safeguarding) -> None:
    """Two schools of one trust have a root each, or at least a set each."""
    safeguarding.content = replace(safeguarding.content, school_id="0" * 16)
    with pytest.raises(RecipientsError, match="another school"):
        safeguarding.publish(safeguarding.sign())


@pytest.mark.parametrize("version", [2, 1])
def test_set_that_is_not_newer_is_refused(safeguarding: Safeguarding, version: int) -> None:
    """An old set would bring back somebody who left."""
    safeguarding.publish(safeguarding.sign(version=2))
    with pytest.raises(UsageError, match=f"version {version}, and 2 is in force"):
        safeguarding.publish(safeguarding.sign(version=version))


def test_new_root_is_taken_when_the_old_one_vouches_for_it(safeguarding: Safeguarding) -> None:
    """From then on only the new one counts; its later sets still carry the word of the old, for devices that slept."""
    school, first = safeguarding.school, safeguarding.root
    safeguarding.publish(safeguarding.sign())
    second = Ed25519Signer.generate()
    safeguarding.publish(safeguarding.sign(root=second, former_root=first))
    assert find_root_fingerprint(school.engine, school.id) == fingerprint(second.public_key)
    with pytest.raises(RecipientsError, match="another safeguarding root"):
        safeguarding.publish(safeguarding.sign(root=first))
    safeguarding.publish(safeguarding.sign(root=second))
    newest = find_signed(school.engine, school.id)
    assert newest is not None
    for pinned in (first, second):
        open_recipients(newest, pinned_fingerprint=fingerprint(pinned.public_key), school_id=school.id)
    assert find_problems(school.engine, school.id) == (3, [])


# Who may stand in it


def test_stranger_in_a_set_is_named(safeguarding: Safeguarding) -> None:
    """Everybody in it is a user of the console."""
    stranger = replace(safeguarding.chair.recipient, id="nobody-here")
    with pytest.raises(UsageError, match="nobody-here is in the set and is no user here"):
        safeguarding.publish(safeguarding.sign([safeguarding.dsl.recipient, stranger]))


def test_disabled_user_in_a_set_is_named(safeguarding: Safeguarding) -> None:
    """Somebody who left must not get new flags."""
    with writing(safeguarding.school.engine) as connection:
        connection.execute(update(users).where(users.c.name == "dev").values(disabled=True))
    with pytest.raises(UsageError, match="dev is in the set and is no user here, or is disabled"):
        safeguarding.publish(safeguarding.sign())


@pytest.mark.parametrize(
    ("roles", "positions", "words"),
    [
        ([Role.TECHNICIAN], ("dsl",), "dana is in the set and has no role that reads flags"),
        ([Role.DEPUTY_DSL], ("dsl",), "names dana as dsl, and the user does not have that role"),
        ([Role.DSL], ("dsl", "headteacher"), "names dana as headteacher"),
        ([Role.DSL], ("dsl", "chair_of_governors"), "names dana as chair_of_governors"),
    ],
)
def test_positions_are_roles_here(
    safeguarding: Safeguarding, roles: list[Role], positions: tuple[str, ...], words: str
) -> None:
    """A set in which somebody is more than at the console is not published."""
    safeguarding.give_roles(safeguarding.dsl, *roles)
    wrong: Recipient = replace(safeguarding.dsl.recipient, positions=positions)
    with pytest.raises(UsageError, match=words):
        safeguarding.publish(safeguarding.sign([wrong]))
    assert find_signed(safeguarding.school.engine, safeguarding.school.id) is None


# Whoever writes into the database


def test_set_written_into_the_database_is_not_used(safeguarding: Safeguarding) -> None:
    """Neither its readers nor its root count, and `verify` names it."""
    school = safeguarding.school
    safeguarding.publish(safeguarding.sign())
    mallory = Ed25519Signer.generate()
    own = replace(safeguarding.content, version=2, recipients=(safeguarding.chair.recipient,))
    write(school, sign_recipients(mallory, own), 2)
    for ask in (find_signed, load_set, load_sets, find_root_fingerprint):
        with pytest.raises(RecipientsError, match="another safeguarding root"):
            ask(school.engine, school.id)
    assert find_problems(school.engine, school.id)[0] == 2
    assert [each for each in verify(school.engine, school.config).problems if "readers, version 2" in each]


def test_changed_row_is_noticed(safeguarding: Safeguarding) -> None:
    """A signature covers the body; the version beside it is held against it."""
    school = safeguarding.school
    safeguarding.publish(safeguarding.sign())
    with writing(school.engine) as connection:
        connection.execute(update(recipient_sets).values(version=7))
    assert find_problems(school.engine, school.id) == (1, ["readers, version 7: it is the set of version 1"])
    with writing(school.engine) as connection:
        connection.execute(update(recipient_sets).values(body=b"{}"))
    with pytest.raises(RecipientsError, match="not signed by the safeguarding root"):
        load_set(school.engine, school.id)


def test_text_where_bytes_were_is_noticed(safeguarding: Safeguarding) -> None:
    """SQLite takes any value in any column; it must not become an error that nobody foresaw."""
    school = safeguarding.school
    safeguarding.publish(safeguarding.sign())
    with writing(school.engine) as connection:
        connection.execute(text("UPDATE recipient_sets SET signature = 'a text \N{SNOWMAN}'"))
    with pytest.raises(RecipientsError, match="a value that it cannot hold"):
        find_signed(school.engine, school.id)
    assert find_problems(school.engine, school.id)[1] == [
        "readers, version 1: the set in the database holds a value that it cannot hold"
    ]
