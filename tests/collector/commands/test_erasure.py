# SPDX-License-Identifier: Apache-2.0
"""Tests of the verb erase: it shows first and acts later, and never shows what an event says."""

from pathlib import Path

import pytest
from sqlalchemy import select

from collector.store.engine import reading
from collector.store.schema import tombstones
from proto.events import NoticeAccepted
from tests.collector.command import Run
from tests.collector.evidence import TOR_STARTED
from tests.collector.school import School

WHY = ("--reason", "request", "--note", "SAR 12")


def test_first_it_only_says_what_would_go(run: Run, folder: Path, school_at: School) -> None:
    """Number, device, kind and time; not a word of the content, and nothing changes."""
    device_id = school_at.add_device("library-01")
    event_id = str(school_at.add_event(device_id, TOR_STARTED))
    assert run("erase", "--dir", folder, "--event", event_id, *WHY) == 0
    assert f"{event_id}      {device_id}  library-01  program.started  2026-11-21T20:46:40.000Z" in run.out
    assert "Nothing was erased yet. 1 of 1 events would lose what they say" in run.err
    assert "Backups" in run.err
    assert "tor-browser" not in run.out + run.err
    assert school_at.count(tombstones) == 0


def test_then_it_does_it_once(run: Run, folder: Path, school_at: School) -> None:
    """All events of an incident; the second time there is nothing left to erase, and that is no fault."""
    incident_id = school_at.add_incident(school_at.add_device("library-01"), TOR_STARTED)
    assert run("erase", "--dir", folder, "--incident", incident_id, *WHY, "--yes", "--format", "json") == 0
    assert run.json == {"erased": 1}
    assert school_at.count(tombstones) == 1
    assert run("erase", "--dir", folder, "--incident", incident_id, *WHY, "--yes") == 0
    assert run.out == "The content of 0 events is erased\n"
    assert run("erase", "--dir", folder, "--incident", incident_id, *WHY) == 0
    assert (run.out, run.err) == ("", "none of these events has content: nothing would go\n")


@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_nothing_of_safeguarding_is_erased_here(
    run: Run, folder: Path, school_at: School, yes: tuple[str, ...]
) -> None:
    """The operator is no reader: a flag's content can go by a reader's word only, and he is told no more than that."""
    event_id = str(school_at.add_event(school_at.add_device("library-01"), NoticeAccepted(b"\x07" * 16, "7")))
    assert run("erase", "--dir", folder, "--event", event_id, *WHY, *yes) == 2
    assert f"event {event_id} is for readers of flags" in run.err
    assert (run.out, school_at.count(tombstones)) == ("", 0)


def test_call_that_says_too_little_is_refused(run: Run, folder: Path) -> None:
    """Why, and on whose word, is asked for; `annulled` is not the operator's to say."""
    for wrong in (("--event", "1"), ("--event", "1", "--reason", "annulled", "--note", "x"), WHY):
        assert run("erase", "--dir", folder, *wrong) == 2


def test_what_could_never_be_done_is_refused_before_anything_is_shown(run: Run, folder: Path) -> None:
    """A note that is too long, and numbers that no database counts to."""
    assert run("erase", "--dir", folder, "--event", "1", "--reason", "request", "--note", "x" * 501) == 2
    assert "say why" in run.err
    for number in ("9" * 23, "9" * 5000, "-1", "one"):
        assert run("erase", "--dir", folder, "--event", number, *WHY) == 2


def test_it_says_that_the_log_still_holds_what_was_erased(
    run: Run, folder: Path, school_at: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody was reading."""
    monkeypatch.setattr("collector.erasure.LOG_PAUSE_S", 0.0)
    event_id = str(school_at.add_event(school_at.add_device("library-01"), TOR_STARTED))
    with reading(school_at.engine) as reader:
        reader.execute(select(tombstones)).all()
        assert run("erase", "--dir", folder, "--event", event_id, *WHY, "--yes") == 0
    assert "The log of the database could not be emptied" in run.err
