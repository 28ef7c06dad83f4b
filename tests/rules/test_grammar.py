# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.grammar and of the grammars it reads the parts of a rule with. Everything that they refuse stands in
the corpus, see test_load."""

import tomllib
from pathlib import Path

from proto.events import Audience
from rules.grammar import parse_rule
from rules.model import (
    ActionClass,
    Clearing,
    Condition,
    Escalation,
    Expectation,
    Operator,
    ProgramPattern,
    Times,
    Who,
)

GOOD = Path(__file__).parent / "corpus" / "good"


def read_rule(file: str, number: int = 0):
    """Return one rule of a file of the good corpus."""
    return parse_rule(tomllib.loads((GOOD / file).read_text(encoding="utf-8"))["rule"][number], file)


def test_every_key_reaches_the_rule():
    """Nothing that a file says is lost on the way."""
    rule = read_rule("own-everything.toml")

    assert (rule.id, rule.title, rule.severity) == ("own-everything", "Everything at once", 5)
    assert rule.why == "A why may\nhave several lines."
    assert rule.action_class is ActionClass.NOMINATED_USERS
    assert rule.audience is Audience.STAFF_CONDUCT
    assert rule.kinds == ("program.started", "program.found", "program.installed")
    assert (rule.clauses, rule.attack) == (("BX-07", "WH-17"), ("T1090", "T1090.003"))
    assert rule.unless_approved is True
    assert rule.file == "own-everything.toml"
    assert rule.when[1] == Condition("program.version", Operator.GLOB, ("1.*",))
    assert rule.programs[0] == ProgramPattern(
        name="Example",
        executables=("example", "example-??", "exa*ple.exe"),
        packages=("example", "example-*"),
        flatpaks=("org.example.Example",),
        snaps=("example",),
        paths=("*/example/*", "/opt/example", "C:\\Example\\*"),
        sha256=("00000000000000000000000000000000000000000000000000000000000000FF",),
    )
    assert rule.tests[4].approved == ("Example-12.exe",)


def test_what_is_left_out_has_a_sensible_default():
    """A rule is for the technician, and looks at the allow list only when it says so."""
    rule = read_rule("own-minimal.toml")

    assert rule.audience is Audience.SECURITY
    assert rule.attack == ()
    assert rule.when == ()
    assert rule.unless_approved is False
    assert [test.expect for test in rule.tests] == [Expectation.MATCH, Expectation.SILENT]
    assert rule.tests[0].event == {"kind": "program.started", "program.name": "kteatime", "program.source": "process"}


def test_circumstances_and_counting_reach_the_rule():
    """When, before whom, how often, how long and what ends it: as the file has it, times in seconds."""
    rule = read_rule("own-circumstances.toml")

    assert (rule.response, rule.threshold, rule.least_devices) == ("firewall", 2, 5)
    assert (rule.window_s, rule.grace_s) == (7200, 900)
    assert rule.times == Times(during=("lesson", "school_hours"), except_during=("lunch",), except_profiles=("exams",))
    assert rule.who == Who(
        roles=("pupil", "guest"),
        years=("7", "Reception"),
        except_accounts=("administrator",),
        except_devices=("room-4",),
    )
    passes = (Condition("state", Operator.EQUALS, ("pass",)),)
    assert rule.cleared == Clearing(kinds=("posture.found",), when=passes)
    assert rule.escalations == (
        Escalation(after=3, within_s=30 * 86400, severity=3),
        Escalation(after=10, within_s=90 * 86400, severity=5),
    )


def test_a_test_says_when_before_whom_and_how_often():
    """An empty list is known to be empty; what is left out is not known, and is one event on one device."""
    test, nobody, plain = read_rule("own-circumstances.toml").tests

    assert test.at == "2026-11-23T10:30"
    assert test.who == {"roles": ("pupil",), "years": ("7",), "accounts": ("personal",), "devices": ()}
    assert (test.times, test.every_s, test.on_devices) == (10, 60, 5)
    assert nobody.who["years"] == ()
    assert (plain.at, plain.who, plain.times, plain.every_s, plain.on_devices) == ("", {}, 1, 0, 1)


def test_a_test_may_be_of_what_clears():
    """It says what follows when the rule fitted before: silence, if that clears it."""
    values = tomllib.loads((GOOD / "own-circumstances.toml").read_text(encoding="utf-8"))["rule"][0]
    values["cleared"] = {"kinds": ["agent.started"]}
    test = {"name": "it starts anew", "expect": "silent", "event": {"kind": "agent.started"}}

    rule = parse_rule(values | {"test": [*values["test"], test]}, "own.toml")

    assert rule.tests[-1].event == {"kind": "agent.started"}
