# SPDX-License-Identifier: Apache-2.0
"""Whoever runs the collector, with root on it, wants to read what children write.

He has every key that lies there. He adds a key of his own to the readers, signs the set with a root of his own, and
makes the collector believe that there was never another. Devices refuse it and say so; what is typed afterwards is
sealed as before.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pyrage
import pytest
from sqlalchemy import delete, insert, select

from collector.store.engine import reading, writing
from collector.store.schema import recipient_sets
from proto.errors import SealError
from proto.keys import Ed25519Signer
from proto.recipients import Recipient, RecipientSet, open_recipients, sign_recipients
from proto.sealed import open_sealed
from proto.wire import SignedRecipients
from tests.path import RunningCollector, wait_for
from tests.watched import Watched

SENTENCE = "i am going to kill myself today."


@pytest.mark.desktop
@pytest.mark.timeout(240)
def test_an_administrator_cannot_add_himself_to_the_readers(watched: Watched) -> None:
    """The device refuses his set, an incident says so, and his key opens nothing."""
    collector, agent, readers = watched.collector, watched.agent, watched.readers
    own = pyrage.x25519.Identity.generate()
    with forged_set(collector, str(own.to_public())):
        agent.wait_until_connected()
        wait_for(
            lambda: collector.incidents("agent-recipients-refused"),
            "the device to say that it refused",
            collector,
            agent,
        )
        told = agent.run("explain", "--format", "json").json["watching"]
        people = [each.partition(":")[0] for each in (*told["readers"], *told["untested"])]
        assert people
        assert "admin" not in people
        there = len(readers.list_flags())
        watched.desk.set_layout("us")
        watched.desk.type(SENTENCE + " ")
        flag = readers.wait_for_flags(there + 1, collector, agent)[-1]
        assert readers.read(flag, "dana").sentence.strip() == SENTENCE
        with pytest.raises(SealError):
            open_sealed(readers.sealed_of(flag), str(own))
    agent.wait_until_connected()


@contextmanager
def forged_set(collector: RunningCollector, age_key: str) -> Iterator[None]:
    """Put another set in the place of the collector's only one, of the next version, with one more reader."""
    with reading(collector.engine) as connection:
        row = connection.execute(select(recipient_sets).order_by(recipient_sets.c.version.desc())).one()
    signed = SignedRecipients(body=row.body, root_public_key=row.root_public_key, signature=row.signature)
    fingerprint = bytes.fromhex(
        json.loads(collector.run("readers", "show", "--format", "json").out)["root_fingerprint"]
    )
    content = open_recipients(signed, pinned_fingerprint=fingerprint, school_id=row.school_id)
    himself = Recipient(id="admin", positions=("dsl",), age_key=age_key, tested=True)
    root = Ed25519Signer.generate()
    forged = sign_recipients(
        root,
        RecipientSet(
            school_id=row.school_id,
            version=row.version + 1,
            made_at_ns=row.published_at_ns,
            recipients=(*content.recipients, himself),
        ),
    )
    changed = {"version": row.version + 1, "body": forged.body, "root_public_key": root.public_key}
    put(collector, {**row._asdict(), **changed, "signature": forged.signature})
    yield
    put(collector, row._asdict())


def put(collector: RunningCollector, values: dict[str, object]) -> None:
    """Make this the only set that the collector knows, as if there had never been another."""
    collector.stop()
    with writing(collector.engine) as connection:
        connection.execute(delete(recipient_sets))
        connection.execute(insert(recipient_sets).values(values))
    collector.start()
