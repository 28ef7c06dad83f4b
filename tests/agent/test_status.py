# SPDX-License-Identifier: Apache-2.0
"""Tests of the file that says how the agent stands."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from agent.errors import SpoolError
from agent.status import StatusFile, to_lines
from tests.agent.line import wait_for


def load(path: Path) -> dict[str, Any]:
    """Return what it says."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def test_it_is_written_at_the_start_when_it_is_due_and_at_the_end(tmp_path: Path) -> None:
    """With who wrote it and when; only its owner reads it."""
    path, said = tmp_path / "status.json", {"connected": False}
    status = StatusFile(path, 600.0, lambda: said)
    status.start()
    wait_for(lambda: load(path).get("running"), "the first")
    said["connected"] = True
    status.write_soon()
    wait_for(lambda: load(path).get("connected"), "the second")
    status.end()
    last = load(path)
    assert (last["running"], last["connected"], last["pid"]) == (False, True, os.getpid())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("error", [SpoolError("the queue cannot be read"), OSError("full")])
def test_what_cannot_be_said_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    """A queue that does not answer is logged; the next time it may."""

    def fail() -> dict[str, Any]:
        raise error

    StatusFile(tmp_path / "status.json", 600.0, fail).write(is_running=True)
    assert str(error) in caplog.text


STATUS = {
    "running": True,
    "written_at_ns": 1,
    "school": "Board School",
    "device": "d",
    "keys": "file",
    "collector": "collector.example:7443",
    "certificate_ends_at_s": 1_800_000_000,
    "clock_offset_ns": 0,
    "connected": True,
    "problem": "",
    "waiting_events": 3,
    "quarantined_events": 0,
    "quarantined_why": "",
    "happened": "",
    "policy_version": 4,
    "recipients_version": 0,
    "not_watched": [],
    "checks": [],
}
S = 10**9


def lines_of(**changes: Any) -> list[str]:
    """Return the words for an agent that is well but for this."""
    return to_lines(STATUS | changes, age_s=1.0, state=Path("S"))


def test_the_words_for_an_agent_that_is_well() -> None:
    """Who it is, how it stands, where it sends and until when it may: no more."""
    assert lines_of() == [
        "Device d of Board School; its keys live in protected files",
        "Running, connected; 3 events wait; policy 4; readers of flags none",
        "Collector: collector.example:7443; our certificate is good until 2027-01-15",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"quarantined_events": 1, "quarantined_why": "malformed, no"}, "1 event lies in quarantine: malformed, no"),
        ({"quarantined_events": 2, "quarantined_why": "malformed, no"}, "2 events lie in quarantine: malformed, no"),
        ({"clock_offset_ns": 61 * S}, "This machine's clock is 1 minute ahead of the collector's"),
        ({"clock_offset_ns": -119 * 60 * S}, "This machine's clock is 119 minutes behind the collector's"),
        ({"clock_offset_ns": 5 * 3600 * S}, "This machine's clock is 5 hours ahead of the collector's"),
        ({"clock_offset_ns": -3650 * 86400 * S}, "This machine's clock is 3650 days behind the collector's"),
        ({"happened": "a new chain begins"}, "What happened: a new chain begins"),
    ],
)
def test_what_is_out_of_the_ordinary_has_a_line(changes: dict[str, Any], line: str) -> None:
    """And only then."""
    assert set(lines_of(**changes)) - set(lines_of()) == {line}


def test_clocks_a_minute_apart_are_no_news() -> None:
    """And an end that is not known is not made up."""
    said = lines_of(clock_offset_ns=-60 * S, certificate_ends_at_s=0)
    assert said[2:] == ["Collector: collector.example:7443"]


def test_what_is_paused_is_said() -> None:
    """With its end; a status that an older agent wrote says nothing of it."""
    paused = "keywords, from 2026-11-23 09:00 to 2026-11-23 11:00"
    assert f"Paused by the policy: {paused}" in lines_of(paused=[paused])
    assert not any("Paused" in line for line in lines_of())
