# SPDX-License-Identifier: Apache-2.0
"""Tests of the file that says how the agent stands."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from agent.errors import SpoolError
from agent.status import StatusFile
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
