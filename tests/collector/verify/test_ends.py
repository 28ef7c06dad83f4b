# SPDX-License-Identifier: Apache-2.0
"""Tests of what verify says of checkpoints: nothing that one saw can be cut off, least of all one on paper."""

import pytest

from collector.checkpoints import list_checkpoints, make_checkpoint
from collector.errors import UsageError
from collector.store.schema import audit as audit_rows
from collector.store.schema import (
    checkpoints,
    tombstones,
)
from collector.verify import verify
from proto.keys import load_signer
from tests.collector.school import School
from tests.collector.verify.tampering import erase, problems_of, remove


def test_end_of_the_log_that_was_cut_off_shows_by_the_checkpoint(evidence: School) -> None:
    """What people did last cannot go either: neither from the audit log nor from the tombstones."""
    erase(evidence, 7, 8)
    make_checkpoint(evidence.engine, evidence.id, load_signer(evidence.config.signing_key), evidence.now_ns + 9)
    assert problems_of(evidence) == []
    remove(evidence, audit_rows, audit_rows.c.number == evidence.count(audit_rows))
    remove(evidence, tombstones, tombstones.c.number == 2)
    problems = problems_of(evidence)
    assert "audit log: checkpoint 3 saw row N, and it does not stand there any more" in problems
    assert "tombstones: checkpoint 3 saw number 2, and it does not stand there any more" in problems


def test_printed_checkpoint_shows_what_was_cut_off_with_its_checkpoint(evidence: School) -> None:
    """Who also removes the newest checkpoint is found out by the one on paper, however it was typed in."""
    made = list_checkpoints(evidence.engine, evidence.id)[-1]
    digits = made.hash.hex().upper()
    typed = " ".join(digits[start : start + 4] for start in range(0, 64, 4)).replace(" ", "-", 3) + "\n"
    assert verify(evidence.engine, evidence.config, printed=typed).problems == []
    remove(evidence, checkpoints, checkpoints.c.number == made.number)
    assert verify(evidence.engine, evidence.config).problems == []
    assert verify(evidence.engine, evidence.config, printed=typed).problems == [
        "the printed checkpoint is none that this collector has: something was cut off or changed"
    ]
    with pytest.raises(UsageError, match="64 digits"):
        verify(evidence.engine, evidence.config, printed="12ab")
