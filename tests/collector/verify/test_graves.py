# SPDX-License-Identifier: Apache-2.0
"""Tests of what verify says of erased content: it has a tombstone that verifies, and no tombstone stands alone."""

from collections.abc import Callable

import pytest

from collector.store.engine import writing
from collector.store.schema import (
    payloads,
    tombstones,
)
from collector.tombstones import Grave, Reason, add_tombstones
from collector.verify import verify
from proto.events import Missing
from proto.keys import load_signer
from tests.collector.school import School
from tests.collector.verify.tampering import (
    change,
    erase,
    first_device,
    problems_of,
    remove,
    spoil,
    without_checkpoints,
)

Change = Callable[[School], None]
GONE = "the content of event 4 is gone, and no tombstone says so"
ERASED: dict[str, tuple[Change, list[str]]] = {
    "nothing": (lambda school: None, []),
    "tombstone removed": (
        lambda school: remove(school, tombstones, tombstones.c.number == 1),
        ["tombstone 2 does not follow the one before it", f"device X: epoch 1: {GONE}"],
    ),
    "tombstone's reason": (
        lambda school: change(school, tombstones, tombstones.c.number == 1, reason="retention"),
        ["tombstone 1: it was changed", f"device X: epoch 1: {GONE}"],
    ),
    "tombstone's signature": (
        lambda school: spoil(school, tombstones.c.signature, tombstones.c.number == 1),
        ["tombstone 1: the signature does not verify", f"device X: epoch 1: {GONE}"],
    ),
    "content erased by hand": (
        lambda school: change(school, payloads, payloads.c.event_id == 9, salt=b"", body=b"", missing=Missing.ERASED),
        ["device X: epoch 1: the content of event 6 is gone, and no tombstone says so"],
    ),
    "content that the device is said not to have had": (
        lambda school: change(school, payloads, payloads.c.event_id == 9, salt=b"", body=b"", missing=Missing.DAMAGED),
        ["device X: epoch 1, events 4 to 6: the content of event 6 is missing for another reason than was signed"],
    ),
    "content that came back": (
        lambda school: change(school, payloads, payloads.c.event_id == 7, missing=Missing.NO),
        [
            "device X: epoch 1: the content of event 4 is there, and a tombstone says it is not",
            "device X: epoch 1, events 4 to 6: a salt has 0 bytes, not 32",
        ],
    ),
}


@pytest.mark.parametrize("what", ERASED)
def test_erased_content_has_a_tombstone_that_verifies(evidence: School, what: str) -> None:
    """And a tombstone has an event whose content is gone: neither stands without the other."""
    erase(evidence, 7, 8)
    tamper, expected = ERASED[what]
    tamper(evidence)
    assert without_checkpoints(problems_of(evidence)) == expected
    if not expected:
        report = verify(evidence.engine, evidence.config)
        assert (report.erased, report.tombstones, report.without_content) == (2, 2, 0)


def test_tombstone_of_another_event_covers_nothing(evidence: School) -> None:
    """One that we signed for an event with another hash, or that nobody ever sent, is no word about this one."""
    device_id, signer = first_device(evidence), load_signer(evidence.config.signing_key)
    with writing(evidence.engine) as connection:
        add_tombstones(
            connection,
            evidence.id,
            signer,
            [Grave(7, device_id, 1, 4, bytes(32)), Grave(99, device_id, 1, 50, bytes(32))],
            reason=Reason.MISTAKE,
            actor="anna",
            note="",
            now_ns=1,
        )
    change(evidence, payloads, payloads.c.event_id == 7, salt=b"", body=b"", missing=Missing.ERASED)
    assert problems_of(evidence) == [
        "device X: epoch 1: tombstone 1 is of another event than event 4",
        "device X: tombstone 2 is of event 50 of epoch 1, which does not stand in the ledger as it was",
    ]
