# SPDX-License-Identifier: Apache-2.0
"""Tests of the sentences about incidents, which are ours however hostile the device is that they are about."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.sightings import find_group, sighting_of_failure, sighting_of_match, sighting_of_refusal, to_slug
from collector.summaries import MAX_QUOTED_CHARACTERS, quote
from proto.events import (
    AccountSignedIn,
    AccountSignedOut,
    ChainRestarted,
    Kind,
    Program,
    ProgramFound,
    ProgramInstalled,
    ProgramStarted,
)
from proto.wire import decode_body, encode_body
from rules.model import ActionClass, Clearing, Match, Rule

DEVICE = "d0d0d0d0d0d0d0d0"


def match_of(kind: str, program: str = "Tor Browser", matched_by: str = "executable") -> Match:
    """Return what a rule says when it fits."""
    rule = Rule(
        id="bypass-tor",
        title="Tor",
        why="",
        action_class=ActionClass.UNACCEPTABLE,
        severity=4,
        kinds=(kind,),
        clauses=("BX-07",),
    )
    return Match(rule, program, matched_by)


def summary_of(event: Kind, **match: str) -> str:
    """Return the summary that an event gets after its way over the wire."""
    content = decode_body(event.kind, encode_body(event))
    return sighting_of_match(match_of(event.kind, **match), DEVICE, 1, content).summary


@pytest.mark.parametrize(
    ("event", "match", "summary"),
    [
        (ProgramStarted(Program("tor", path="/opt/tor")), {}, "Tor Browser was started: /opt/tor"),
        (
            ProgramStarted(Program("homework", path="/tmp/homework")),
            {"matched_by": "sha256"},
            "Tor Browser was started: /tmp/homework (known by its content)",
        ),
        (
            ProgramFound(Program("tor", source="dpkg")),
            {"matched_by": "package"},
            "Tor Browser is installed: dpkg package tor",
        ),
        (
            ProgramInstalled(Program("new-thing", source="snap")),
            {"program": ""},
            "new-thing was installed and is on no list: snap package new-thing",
        ),
        (ChainRestarted("the queue was gone", 1), {"program": ""}, "Tor: the queue was gone"),
    ],
)
def test_summary_says_what_happened(event: Kind, match: dict[str, str], summary: str) -> None:
    """One line, for each kind that has a line of its own."""
    assert summary_of(event, **match) == summary


def test_sighting_is_counted_by_device_and_program() -> None:
    """The same program on the same device is one incident, on another device another one of the same group."""
    event = ProgramStarted(Program("tor"))
    first = sighting_of_match(match_of(event.kind), DEVICE, 7, event)
    second = sighting_of_match(match_of(event.kind), "e" * 16, 8, event)
    assert (first.subject, first.group_key) == (f"device/{DEVICE}/program/tor-browser", "program/tor-browser")
    assert first.subject != second.subject
    assert first.group_key == second.group_key
    assert (first.event_id, first.severity, first.clauses) == (7, 4, ("BX-07",))


def test_rule_that_is_not_about_a_program_groups_by_itself() -> None:
    """It is counted under its own name."""
    sighting = sighting_of_match(match_of("chain.restarted", program=""), DEVICE, 1, ChainRestarted("x", 1))
    assert sighting.group_key == "bypass-tor"


def test_what_waits_for_a_session_is_ended_by_the_end_of_that_session_alone() -> None:
    """And all sessions of a device are one incident, whose subject names none of them."""
    match = match_of(AccountSignedIn.kind, program="")
    waiting = replace(match, rule=replace(match.rule, cleared=Clearing(kinds=(AccountSignedOut.kind, "agent.stopped"))))
    one, other = (AccountSignedIn(b"a" * 16, ref * 8, "personal", False, "x11") for ref in (b"1", b"2"))
    end = AccountSignedOut(one.account_ref, one.session_ref)
    assert find_group(waiting, one) == find_group(waiting, end) == f"session/{one.session_ref.hex()}"
    assert find_group(waiting, other) != find_group(waiting, end)
    subjects = {sighting_of_match(waiting, DEVICE, 1, each).subject for each in (one, other)}
    assert subjects == {f"device/{DEVICE}/bypass-tor"}


@pytest.mark.parametrize("changes", [{}, {"cleared": Clearing(kinds=(AccountSignedOut.kind,)), "least_devices": 3}])
def test_sessions_that_nothing_waits_for_are_counted_together(changes: dict[str, Any]) -> None:
    """Whoever signs in three times, or on three devices, does so in as many sessions."""
    match = match_of(AccountSignedIn.kind, program="")
    counting = replace(match, rule=replace(match.rule, **changes))
    assert find_group(counting, AccountSignedIn(b"a" * 16, b"1" * 8, "administrator", False, "x11")) == "bypass-tor"


@pytest.mark.parametrize(
    ("reason", "rule", "severity"),
    [
        ("bad_signature", "device-refused", 4),
        ("bad_chain", "device-refused", 4),
        ("malformed", "device-refused-message", 3),
        ("a reason of a later version", "device-refused-message", 3),
    ],
)
def test_refusal_has_a_rule_and_a_severity(reason: str, rule: str, severity: int) -> None:
    """What was refused is an incident about the device."""
    sighting = sighting_of_refusal(reason, "the details", DEVICE)
    assert (sighting.rule, sighting.severity, sighting.subject) == (rule, severity, f"device/{DEVICE}/{rule}")
    assert sighting.summary.endswith(": the details")


def test_failed_rule_names_the_error() -> None:
    """Its type only: the text could hold what the event held."""
    assert sighting_of_failure("RecursionError", DEVICE, 3).summary.endswith("(RecursionError)")


@given(st.text())
@example("\x00\x07\x1b[2J\n\r\u202e\u2066\u200b\ufeff\u2028\u2029\u00a0")
def test_quoted_text_is_short_and_harmless(text: str) -> None:
    """Nothing that a terminal, a log or a reader's eye obeys is left in it."""
    quoted = quote(text)
    assert len(quoted) <= MAX_QUOTED_CHARACTERS
    assert quoted.isprintable()


@given(st.text(), st.text())
@example("\u2028", "\n")
def test_device_writes_no_sentence_into_a_summary(name: str, path: str) -> None:
    """Whatever a program is called, the summary stays one line of bounded length."""
    summary = summary_of(ProgramInstalled(Program(name, path=path, source="file")), program="")
    assert summary.isprintable()
    assert len(summary) < 3 * MAX_QUOTED_CHARACTERS


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Tor Browser", "tor-browser"),
        ("  C:\\Games\\Doom.exe ", "c-games-doom-exe"),
        ("../../etc", "etc"),
        ("", "unnamed"),
        ("\x00\u202e", "unnamed"),
        ("\u0418\u0433\u0440\u0430 2", "\u0438\u0433\u0440\u0430-2"),
        ("x" * 500, "x" * 64),
    ],
)
def test_slug_is_a_short_key(text: str, slug: str) -> None:
    """Letters of any script, digits and dashes."""
    assert to_slug(text) == slug
