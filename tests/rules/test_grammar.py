# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.grammar. Everything that it refuses stands in the corpus, see test_load."""

import tomllib
from pathlib import Path

from proto.events import Audience
from rules.grammar import parse_rule
from rules.model import ActionClass, Condition, Expectation, Operator, ProgramPattern

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
