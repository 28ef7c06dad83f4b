# SPDX-License-Identifier: Apache-2.0
"""Tests of what the collector's record says about our chain: each row of the table, and what is told of a break."""

import pytest

from agent.spool import Head
from agent.uplink.comparison import COLLECTOR_RESTORED, QUARANTINED, RESET, Break, Case, compare
from proto.chain import GENESIS
from proto.enrolment import FORKED, ROLLED_BACK

EPOCH = 3


def digest(seq: int) -> bytes:
    """Return the hash of one of our events."""
    return seq.to_bytes(32, "big") if seq else GENESIS


def ours(begin: int, newest: int, theirs: Head) -> Case:
    """Compare a chain of which the events after `begin` wait."""
    find_hash = {seq: digest(seq) for seq in range(begin + 1, newest + 1)}.get
    return compare(Head(EPOCH, begin, digest(begin)), Head(EPOCH, newest, digest(newest)), theirs, find_hash)


@pytest.mark.parametrize(
    ("begin", "newest", "theirs", "case"),
    [
        (0, 0, Head(1, 0, GENESIS), Case.GOES_ON),
        (0, 5, Head(EPOCH, 0, GENESIS), Case.GOES_ON),
        (0, 5, Head(EPOCH, 0, b""), Case.GOES_ON),
        (4, 9, Head(EPOCH, 4, digest(4)), Case.GOES_ON),
        (4, 9, Head(EPOCH, 7, digest(7)), Case.GOES_ON),
        (4, 9, Head(EPOCH, 9, digest(9)), Case.GOES_ON),
        (9, 9, Head(EPOCH, 9, digest(9)), Case.GOES_ON),
        (0, 9, Head(EPOCH - 1, 500, b"x" * 32), Case.GOES_ON),
        (4, 9, Head(EPOCH, 3, digest(3)), Case.FORGOTTEN),
        (4, 9, Head(EPOCH, 0, GENESIS), Case.FORGOTTEN),
        (9, 9, Head(EPOCH, 8, b"x" * 32), Case.FORGOTTEN),
        (4, 9, Head(EPOCH - 1, 500, b"x" * 32), Case.FORGOTTEN),
        (4, 9, Head(EPOCH, 4, b"x" * 32), Case.PARTED),
        (4, 9, Head(EPOCH, 7, b"x" * 32), Case.PARTED),
        (9, 9, Head(EPOCH, 9, b"x" * 32), Case.PARTED),
        (4, 9, Head(EPOCH, 10, b"x" * 32), Case.PARTED),
        (4, 9, Head(EPOCH + 1, 1, b"x" * 32), Case.PARTED),
        (0, 0, Head(EPOCH + 1, 0, GENESIS), Case.PARTED),
        (0, 5, Head(EPOCH, 2**63, b"x" * 32), Case.PARTED),
    ],
)
def test_every_record_is_one_case(begin: int, newest: int, theirs: Head, case: Case) -> None:
    """Whatever a collector says about us, it goes on, has forgotten, or has parted from us."""
    assert ours(begin, newest, theirs) is case


def test_every_break_has_words() -> None:
    """Whoever reads the status learns what happened, what is lost, and what the collector said."""
    texts = {
        reason: Break(reason=reason).to_text()
        for reason in (FORKED, ROLLED_BACK, RESET, COLLECTOR_RESTORED, QUARANTINED)
    }
    assert len(set(texts.values())) == 5
    lost = Break(reason=COLLECTOR_RESTORED, lost_first_seq=11, lost_last_seq=50, detail="said the collector")
    assert lost.to_text() == texts[COLLECTOR_RESTORED] + "; events 11 to 50 are lost (said the collector)"


def test_only_two_machines_need_two_devices() -> None:
    """Everything else goes on as the same device."""
    succeeding = {
        reason
        for reason in (FORKED, ROLLED_BACK, RESET, COLLECTOR_RESTORED, QUARANTINED)
        if Break(reason=reason).is_succession
    }
    assert succeeding == {FORKED, ROLLED_BACK}
