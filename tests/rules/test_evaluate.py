# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.evaluate, among them a comparison with a matcher that is slow and plain."""

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.events import (
    AgentStopped,
    CheckChanged,
    PostureFound,
    Program,
    ProgramFound,
    ProgramInstalled,
    ProgramRemoved,
    ProgramStarted,
)
from proto.wire import decode_body, encode_body
from rules.evaluate import Evaluator
from rules.model import Clearing, Condition, Match, Operator, ProgramPattern, Rule
from tests.rules.plain_matcher import make_sketch, match_naively, programs, rules
from tests.rules.sample import make_policy, make_rule

SHA256 = "0123456789abcdef" * 4
TOR = ProgramPattern(
    name="Tor",
    executables=("tor", "tor-browser-*"),
    packages=("tor", "tor-*"),
    flatpaks=("org.torproject.torbrowser-launcher",),
    snaps=("onion-snap",),
    paths=("*/tor-browser/*", "/opt/tor", "*/hidden"),
    sha256=(SHA256,),
)


def match(rule: Rule, program: Program, *, approved: tuple[str, ...] = ()) -> tuple[Match, ...]:
    """Ask one rule about one program that was started."""
    return Evaluator(make_policy(rule, approved=approved)).match("program.started", ProgramStarted(program))


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (Program("tor", "/usr/bin/tor", source="process"), "executable"),
        (Program("Tor.EXE", r"C:\Tor.EXE", source="process"), "executable"),
        (Program("tor", "/home/u/tor", source="file"), "executable"),
        (Program("tor-browser-linux64", source="process"), "executable"),
        (Program("tor (deleted)", "/usr/bin/tor (deleted)", source="process"), "executable"),
        (Program("renamed by itself", "/usr/bin/tor", source="process"), "executable"),
        (Program("firefox.real", "/home/u/Tor-Browser/Browser/firefox.real", source="process"), "path"),
        (Program("firefox.exe", r"D:\tor-browser\firefox.exe", source="process"), "path"),
        (Program("x", "/opt/tor", source="file"), "executable"),
        (Program("hidden", "/x/HIDDEN (deleted)", source="process"), "path"),
        (Program("gedit", "/usr/bin/gedit", SHA256.upper(), "process"), "sha256"),
        (Program("tor", "/usr/bin/tor", SHA256, "process"), "sha256"),
        (Program("anything", "", SHA256, "snap"), "sha256"),
        (Program("anything", "", SHA256, ""), "sha256"),
        (Program("tor", source="dpkg"), "package"),
        (Program("tor-geoipdb", source="dpkg"), "package"),
        (Program("org.torproject.torbrowser-launcher", source="flatpak"), "flatpak"),
        (Program("onion-snap", source="snap"), "snap"),
    ],
)
def test_a_program_is_recognised_by_any_of_its_names(program, expected):
    """Name, package, path and digest each are enough, and the match says which it was."""
    rule = make_rule(TOR)

    assert match(rule, program) == (Match(rule, "Tor", expected),)


@pytest.mark.parametrize(
    "program",
    [
        Program("torcs", "/usr/games/torcs", source="process"),
        Program("tor", source="snap"),
        Program("tor", source="flatpak"),
        Program("onion-snap", source="dpkg"),
        Program("onion-snap", source="process"),
        Program("org.torproject.torbrowser-launcher", source="dpkg"),
        Program("x", "/srv/tor-browser/x", source="dpkg"),
        Program("tor", source=""),
        Program("tor", source="unheard-of"),
        Program("", "", "", "process"),
        Program("x", "/opt/tor/x", source="file"),
        Program("x", "/srv/hidden/x", source="process"),
    ],
)
def test_a_name_counts_only_in_the_list_for_its_source(program):
    """A snap is not taken for a package of the same name, and a part of a name is not the name."""
    assert match(make_rule(TOR), program) == ()


HOSTILE_NAMES = {
    "cyrillic": "tоr",
    "zero-width": "tor\u200b",
    "right-to-left": "\u202eexe.rot",
    "not-unicode": "\udcff\udcfe",
    "mathematical": "𝐭𝐨𝐫",
    "zero-byte": "tor\x00",
    "newline": "tor\n",
    "long": "t" * 1_000_000,
    "slashes": "/" * 600_000,
}


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
@pytest.mark.parametrize("source", ["process", "file", "dpkg", "flatpak", "snap", "", "nonsense"])
def test_no_name_breaks_the_evaluation(name, source):
    """A device may send anything as a name; it is another name and nothing else."""
    assert match(make_rule(TOR), Program(name, f"/x/{name}", name, source)) == ()


@pytest.mark.parametrize("part", ["name", "path", "source"])
def test_no_device_fills_the_memory(part):
    """What is remembered of programs is bounded in number and in length, so long texts leave no trace."""
    evaluator = Evaluator(make_policy(make_rule(TOR)))

    tracemalloc.start()
    for number in range(50):
        program = Program("x", "/x", source="process")
        event = ProgramStarted(replace(program, **{part: f"{number}" + "x" * 100_000}))
        evaluator.match(event.kind, event)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held_bytes < 500_000


class Bare:
    """An event with nothing but what a test gives it."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


@pytest.mark.parametrize(
    "event",
    [
        None,
        Bare(),
        Bare(program=None),
        Bare(program=Bare()),
        Bare(program=Bare(source="process")),
        Bare(program=Bare(source="process", name=None, path=None, sha256=None)),
        Bare(program=Bare(source="dpkg", name=None)),
        AgentStopped("another kind"),
    ],
)
def test_an_event_that_lacks_something_does_not_match(event):
    """What is not there is not found, and nothing is raised."""
    rule = make_rule(TOR, when=[Condition("program.version", Operator.GLOB, ("1.*",))])

    assert Evaluator(make_policy(rule)).match("program.started", event) == ()


def test_what_is_there_is_enough():
    """A lacking path does not hide a name."""
    event = Bare(program=Bare(source="process", name="tor"))

    assert len(Evaluator(make_policy(make_rule(TOR))).match("program.started", event)) == 1


def test_a_kind_without_rules_matches_nothing():
    """The rules of one kind say nothing of another."""
    evaluator = Evaluator(make_policy(make_rule(TOR)))

    assert evaluator.match("program.found", ProgramFound(Program("tor", source="dpkg"))) == ()
    assert evaluator.match("never.heard.of", object()) == ()


def test_a_message_of_the_wire_matches_like_the_dataclass():
    """The collector asks about decoded messages, the device about its own events."""
    rule = make_rule(TOR, when=[Condition("program.source", Operator.EQUALS, ("process",))])
    event = ProgramStarted(Program("tor", "/usr/bin/tor", SHA256, "process"))
    evaluator = Evaluator(make_policy(rule))

    message = decode_body(event.kind, encode_body(event))

    assert evaluator.match(event.kind, message) == evaluator.match(event.kind, event) == (Match(rule, "Tor", "sha256"),)


def test_a_rule_answers_once_with_its_strongest_evidence():
    """Two programs of one rule that both fit are one match: by digest first, then by name, then by path."""
    by_path = ProgramPattern(name="by path", paths=("*/tor",))
    by_name = ProgramPattern(name="by name", executables=("tor",))
    by_digest = ProgramPattern(name="by digest", sha256=(SHA256,))
    program = Program("tor", "/usr/bin/tor", SHA256, "process")

    rules = [make_rule(by_path, by_name, by_digest), make_rule(by_path, by_name), make_rule(by_path)]

    assert [match(rule, program)[0].program for rule in rules] == ["by digest", "by name", "by path"]


def test_of_equal_evidence_the_first_in_the_file_counts():
    """The order in a rule file decides what a find is called."""
    first = ProgramPattern(name="first", executables=("to?",))
    second = ProgramPattern(name="second", executables=("tor",))

    assert match(make_rule(first, second), Program("tor", source="process"))[0].program == "first"


def test_matches_come_in_the_order_of_the_rules():
    """Several rules may name one program; each answers."""
    rules = [make_rule(TOR, id_=id_) for id_ in ("c", "a", "b")]
    evaluator = Evaluator(make_policy(*rules))

    found = evaluator.match("program.started", ProgramStarted(Program("tor", source="process")))

    assert [each.rule.id for each in found] == ["c", "a", "b"]


@pytest.mark.parametrize(
    "approved", ["tor", "TOR.exe", "tor-geoipdb", "onion-snap", "org.torproject.torbrowser-launcher"]
)
def test_a_program_is_approved_under_any_of_its_names(approved):
    """The school approves a program, not one of its many parts."""
    program = Program("x", "/srv/tor-browser/x", SHA256, "process")

    assert match(make_rule(TOR, unless_approved=True), program, approved=(approved,)) == ()


@pytest.mark.parametrize("approved", ["gedit", "firefox.real", "tor2", "torcs", ""])
def test_an_approved_name_hides_no_other_program(approved):
    """A program that was renamed to an approved name is still known by its digest and its path."""
    rule = make_rule(TOR, unless_approved=True)

    assert match(rule, Program("gedit", "/usr/bin/gedit", SHA256, "process"), approved=(approved,))
    assert match(rule, Program("firefox.real", "/x/tor-browser/firefox.real", "", "process"), approved=(approved,))


def test_a_forbidden_program_cannot_be_approved():
    """Only a rule that says so looks at the allow list."""
    assert match(make_rule(TOR), Program("tor", source="process"), approved=("tor", "Tor"))


@pytest.mark.parametrize(("name", "expected"), [("gedit", 0), ("GEDIT.EXE", 0), ("wallpapers", 1), ("", 1)])
def test_a_rule_without_programs_asks_the_allow_list_for_the_name(name, expected):
    """What is on no list is found, whatever it is."""
    rule = make_rule(kinds=["program.installed"], unless_approved=True)
    evaluator = Evaluator(make_policy(rule, approved=["Gedit"]))

    assert len(evaluator.match("program.installed", ProgramInstalled(Program(name, source="dpkg")))) == expected


def test_a_rule_without_programs_and_approval_matches_every_event_of_its_kind():
    """Such a rule is about the kind as a whole."""
    rule = make_rule(kinds=["program.installed", "agent.stopped"])
    evaluator = Evaluator(make_policy(rule))

    assert evaluator.match("program.installed", ProgramInstalled(Program("x", source="dpkg"))) == (Match(rule),)
    assert evaluator.match("agent.stopped", AgentStopped("asked to")) == (Match(rule),)


def test_an_evaluator_says_what_it_needs():
    """The agent reads no content and asks for no kind that no rule wants."""
    plain = Evaluator(make_policy(make_rule(ProgramPattern(name="x", executables=("tor",)), kinds=["program.found"])))
    hashed = Evaluator(make_policy(make_rule(TOR), make_rule(kinds=["agent.stopped"])))

    alike = Evaluator(make_policy(make_rule(ProgramPattern(name="x", build_ids=("ab",), sketches=(make_sketch(0),)))))

    assert (plain.needed_content, plain.kinds) == (frozenset(), {"program.found"})
    assert (hashed.needed_content, hashed.kinds) == ({"sha256"}, {"program.started", "agent.stopped"})
    assert alike.needed_content == {"build_id", "sketch"}


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (Program("homework", "/home/u/homework", source="process", build_id="AB" * 20), "build_id"),
        (Program("homework", "/home/u/homework", source="process", sketch=make_sketch(8)), "sketch"),
        (Program("homework", "/home/u/homework", source="process", sketch=make_sketch(20)), None),
        (Program("homework", "/home/u/homework", source="process", sketch="s1:" * 100_000), None),
        (Program("tor", "/usr/bin/tor", source="process", build_id="ab" * 20, sketch=make_sketch(0)), "build_id"),
        (Program("Onion_Share.CLI", source="pip"), "python_package"),
        (Program("@onion/share", source="npm"), "node_package"),
        (Program("Maths Helper (ABCDEFGH)", source="extension"), "extension"),
        (Program("abcdefgh", source="extension"), "extension"),
        (Program("abcdefgh (other)", source="extension"), None),
        (Program("abcdefgh", source="npm"), None),
        (Program("tor", source="rpm"), "package"),
        (Program("tor-browser-linux", "/home/u/tor.AppImage", source="appimage"), "executable"),
    ],
)
def test_a_program_is_known_by_its_content_and_in_every_list(program, expected):
    """A changed copy by its likeness, an extension by its id and never by the title that its maker chose."""
    pattern = replace(
        TOR,
        build_ids=("ab" * 20,),
        sketches=(make_sketch(0),),
        python_packages=("onion-share-cli",),
        node_packages=("@onion/share",),
        extensions=("abcdefgh",),
    )

    assert [each.matched_by for each in match(make_rule(pattern), program)] == ([expected] if expected else [])


def test_an_extension_is_approved_by_its_id_too():
    """The allow list has it as devices name it, with its title; a new title does not take the approval away."""
    rule = make_rule(ProgramPattern(name="A VPN", extensions=("abcdefgh",)), unless_approved=True)
    vpn = Program("School VPN (abcdefgh)", source="extension")

    assert match(rule, vpn)
    assert not match(rule, vpn, approved=("School VPN (abcdefgh)",))
    assert not match(rule, replace(vpn, name="Renamed (abcdefgh)"), approved=("School VPN (abcdefgh)",))
    assert match(rule, vpn, approved=("Another (ijklmnop)",))


@given(
    st.lists(rules, max_size=4),
    programs,
    st.lists(st.sampled_from(["tor", "one", "two", "gedit", "ab"]), max_size=2).map(tuple),
    st.booleans(),
)
def test_compiled_rules_match_what_plain_ones_do(rules, program, approved, decode):
    """Whatever the rules and the program are, the quick way finds what going through everything finds."""
    event = ProgramFound(program)
    seen = decode_body(event.kind, encode_body(event)) if decode else event

    found = Evaluator(make_policy(*rules, approved=approved)).match(event.kind, seen)

    expected = [match_naively(rule, program, approved) for rule in rules]
    assert [id(each.rule) for each in found] == [id(rule) for rule, e in zip(rules, expected, strict=True) if e]
    for each, possible in zip(found, (each for each in expected if each), strict=True):
        assert (each.program, each.matched_by) in possible


def test_what_ends_a_grace_is_found():
    """By its kind and conditions; the rule itself is returned, not what was made of it."""
    is_pass = Condition("state", Operator.EQUALS, ("pass",))
    rule = replace(
        make_rule(kinds=["check.changed"]), grace_s=60, cleared=Clearing(kinds=("posture.found",), when=(is_pass,))
    )
    evaluator = Evaluator(make_policy(rule))
    assert evaluator.kinds == {"check.changed", "posture.found"}
    assert evaluator.clears("posture.found", PostureFound("firewall", "pass", "")) == (Match(rule),)
    assert evaluator.clears("posture.found", PostureFound("firewall", "fail", "")) == ()
    assert evaluator.clears("check.changed", CheckChanged("firewall", "pass", "")) == ()


def test_the_grace_of_a_program_is_ended_by_that_program():
    """Also when the school approved it meanwhile: what was found before is still what is taken away."""
    tor = ProgramPattern(name="Tor", executables=("tor",))
    rule = replace(make_rule(tor, unless_approved=True), grace_s=60, cleared=Clearing(kinds=("program.removed",)))
    evaluator = Evaluator(make_policy(rule, approved=["tor"]))
    (match,) = evaluator.clears("program.removed", ProgramRemoved(Program("tor", source="file")))
    assert (match.rule, match.program) == (rule, "Tor")
    assert evaluator.clears("program.removed", ProgramRemoved(Program("bash", source="file"))) == ()
