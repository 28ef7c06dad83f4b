# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands about exceptions."""

import csv
import io
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from collector.console.clock import find_zone
from collector.exceptions import Decision, grant
from collector.policies import load_policy, publish_change
from collector.subjects import load_account_key
from proto.keys import load_signer
from tests.collector.command import Run
from tests.collector.school import School

SOON = (date.today() + timedelta(days=10)).isoformat()  # noqa: DTZ011 - the machine's own day, as the command reads it
ASK = ("exceptions", "ask", "--until", SOON, "--reason", "a lesson")


def grant_as_ben(school: School, id_: str) -> None:
    """Let somebody at the console grant it."""
    policy, key, now_ns = load_policy(school.engine, school.config), load_account_key(school.config), time.time_ns()
    publish_change(
        school.engine,
        school.id,
        load_signer(school.config.signing_key),
        lambda connection: grant(
            connection,
            school.id,
            id_,
            Decision(by="ben", at_ns=now_ns),
            policy=policy,
            account_key=key,
            zone=find_zone(),
        ),
        actor="ben",
        reason="x",
        now_ns=now_ns,
    )


def test_ask_list_and_withdraw(run: Run, folder: Path, school_at: School) -> None:
    """What is asked here waits for somebody at the console; what was granted ends with a new policy."""
    assert run(*ASK, "--rule", "bypass-tor", "--program", "tor", "--dir", folder) == 0
    id_ = run.out.strip()
    assert "Somebody decides it at the console" in run.err
    assert "for everybody" not in run.err
    assert run("exceptions", "list", "--only", "waiting", "--format", "json", "--dir", folder) == 0
    (row,) = run.json
    assert (row["id"], row["status"], row["rules"], row["asked_by"]) == (id_, "waiting", ["bypass-tor"], "command line")
    grant_as_ben(school_at, id_)
    assert run("exceptions", "list", "--only", "ending", "--dir", folder) == 0
    assert f"{id_}  in force  bypass-tor  tor  {SOON} 23:59" in run.out
    assert run("exceptions", "withdraw", id_, "--note", "done", "--dir", folder) == 0
    assert "Policy version 3 is published" in run.err
    assert load_policy(school_at.engine, school_at.config).arrangements.exceptions == ()
    assert run("exceptions", "list", "--format", "csv", "--dir", folder) == 0
    (line,) = csv.DictReader(io.StringIO(run.out))
    assert (line["status"], line["decided_by"]) == ("withdrawn", "command line")
    assert line["decision_note"] == "was granted by ben; done"


def test_request_is_taken_back_and_an_empty_list_says_so(run: Run, folder: Path) -> None:
    """Without a new policy; and what nothing narrows is said to be for everybody."""
    assert run("exceptions", "list", "--dir", folder) == 0
    assert (run.out, run.err) == ("", "nobody ever asked for an exception\n")
    assert run(*ASK, "--rule", "bypass-tor", "--dir", folder) == 0
    assert "It is for everybody, everywhere." in run.err
    id_ = run.out.strip()
    assert run("exceptions", "withdraw", id_, "--dir", folder) == 0
    assert "taken back" in run.err
    assert run("exceptions", "withdraw", id_, "--dir", folder) == 2
    assert "it is withdrawn already" in run.err
    assert run("exceptions", "list", "--only", "due", "--dir", folder) == 0
    assert "no exception is like that" in run.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "choose the rule"),
        (("--rule", "bypass-tro"), "did you mean bypass-tor?"),
        (("--rule", "agent-paused"), "it is about the agent itself"),
        (("--rule", "bypass-tor", "--person", "jo"), "nobody in the register"),
        (("--rule", "bypass-tor", "--serial", "x"), "--serial is for a USB device"),
        (("--stick", "0951:1666"), "give its serial number"),
        (("--stick", "0951:1666", "--serial", "x", "--rule", "bypass-tor"), "asked for alone"),
        (("--stick", "0951:1666", "--serial", "x", "--from", SOON), "approved from the day on which that is granted"),
        (("--rule", "zork"), "schoolwarden-collector policy rules"),
        (("--rule", "bypass-tor", "--review", "2199-01-01"), "not within the exception"),
    ],
)
def test_wrong_call_is_told(run: Run, folder: Path, arguments: tuple[str, ...], words: str) -> None:
    """With exit code 2 and nothing on stdout."""
    assert run(*ASK, *arguments, "--dir", folder) == 2
    assert (run.out, words in run.err) == ("", True)


def test_nothing_is_decided_here(run: Run, folder: Path) -> None:
    """The command line does not know who sits there: there is no such verb."""
    for verb in ("grant", "decide", "review"):
        assert run("exceptions", verb, "0" * 16, "--dir", folder) == 2
        assert "invalid choice" in run.err
