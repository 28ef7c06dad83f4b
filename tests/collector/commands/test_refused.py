# SPDX-License-Identifier: Apache-2.0
"""Tests of the list of refused evidence."""

import hashlib

import pytest

from collector.config import Config, write_config
from collector.ledger import keep_refused
from collector.store.engine import writing
from tests.collector.command import Run
from tests.collector.school import School

RAW = b"\x1b[2Jnot an envelope"


def test_refused_evidence_is_listed(capsys: pytest.CaptureFixture[str], config: Config, school: School) -> None:
    """Who sent it, why it was refused, how often, and the digest to compare it by; never the bytes."""
    write_config(config)
    run = Run(capsys)
    assert run("refused", "--dir", config.folder) == 0
    assert (run.out, run.err) == ("", "nothing was refused\n")
    device_id = school.add_device("library-01")
    for _ in range(2):
        with writing(school.engine) as connection:
            keep_refused(
                connection,
                school.id,
                device_id,
                raw=RAW,
                reason="malformed",
                detail="not a \x1b[2Jmessage",
                now_ns=school.now_ns,
            )
    assert run("refused", "--dir", config.folder, "--format", "json") == 0
    assert run.json == [
        {
            "device": device_id,
            "reason": "malformed",
            "detail": "not a \x1b[2Jmessage",
            "count": 2,
            "size": len(RAW),
            "first_at": "2026-11-21T20:46:40.000Z",
            "last_at": "2026-11-21T20:46:40.000Z",
            "sha256": hashlib.sha256(RAW).hexdigest(),
        }
    ]
    assert run("refused", "--dir", config.folder) == 0
    assert device_id in run.out
    assert "\x1b" not in run.out
