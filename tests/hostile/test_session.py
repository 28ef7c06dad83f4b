# SPDX-License-Identifier: Apache-2.0
"""A program of the pupil's own beside his watcher: it can end the watcher, which shows, and not speak for it."""

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest

from agent.errors import ChannelError
from agent.session.messages import Found, State, decode_report
from tests.tree import ROOT


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What a real process of the same user got of two others."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.hostile.same_user"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return dict(json.loads(ended.stdout))


def test_channel_of_a_watcher_is_not_to_be_had(told: dict[str, Any]) -> None:
    """Its files cannot be listed, opened or copied, its memory cannot be read, nobody can trace it or connect to it."""
    kept = {name: worked for name, worked in told["kept"].items() if name not in ("stop it", "end it")}
    assert set(kept.values()) == {False}, kept


def test_watcher_can_be_ended_and_the_service_hears_of_it(told: dict[str, Any]) -> None:
    """It is his process: he can stop and kill it. The channel ends, and the service starts another and says so."""
    assert told["kept"]["stop it"]
    assert told["kept"]["end it"]
    assert not told["kept"]["go on unnoticed"]


def test_attack_works_where_nothing_stops_it(told: dict[str, Any]) -> None:
    """The same attempts on a process that does not keep itself: without this the others would show nothing."""
    assert told["not kept"]["list its files"]
    assert told["not kept"]["read its environment"]
    assert not told["not kept"]["connect to it"], "the channel has a name"


def test_message_has_no_place_for_an_account() -> None:
    """Whoever did take a watcher over speaks for its user alone: no report says who somebody is."""
    names = {field.name for report in (Found, State) for field in dataclasses.fields(report)}
    assert not {name for name in names if "account" in name or "user" in name or "uid" in name}


@pytest.mark.parametrize(
    "lie",
    [
        {"kind": "found"},
        {"kind": "found", "account": "headteacher"},
        {"kind": "setup"},
        {"kind": "exec", "command": "id"},
        {"kind": "state", "state": "root", "reason": ""},
        [],
        "state",
    ],
)
def test_what_a_watcher_may_not_say_ends_its_channel(lie: Any) -> None:
    """Fields that are missing or more than there are, orders instead of reports, and states that are none."""
    with pytest.raises(ChannelError):
        decode_report(json.dumps(lie).encode())
