# SPDX-License-Identifier: Apache-2.0
"""Tests of what the inventory is told: the list, and then what came, changed or went."""

from dataclasses import replace

import pytest

from agent.checks.software.differences import GONE_FOR_S, LIST_MAX_BYTES, MANY, REMOVED_AT_ONCE
from agent.checks.software.installed import FINGERPRINT_EVERY_S, SCAN_EVERY_S
from proto.envelope import MAX_BODY_BYTES
from proto.events import Program, ProgramFound, ProgramInstalled, ProgramRemoved, SoftwareListed
from proto.wire import encode_body
from rules.model import ProgramPattern
from tests.agent.checks.policies import TOR, make_rules
from tests.agent.checks.software.machine import ASKING, RULES, Machine, file, package


def test_the_list_of_software_is_told_only_on_request(machine: Machine):
    """A policy that does not ask gets nothing, at the first scan and later."""
    machine.system.install(package("vlc"))
    assert machine.look() == []
    machine.system.install(package("gimp"))
    assert machine.look() == []


def test_a_first_scan_is_one_event(machine: Machine):
    """All ordinary software together; what a rule names is told apart and is not among it."""
    ordinary = [package(f"package-{number}") for number in range(2000)]
    machine.system.install(*ordinary, package("nmap"))

    found, listed = machine.look(ASKING)
    assert found == ProgramFound(package("nmap"))
    assert listed == SoftwareListed(tuple(ordinary), first=True)
    assert machine.look(ASKING) == []


def test_the_list_holds_no_paths(machine: Machine):
    """A path can hold the name of a person; two people's copies are one program."""
    machine.system.install(file("/home/alice/bin/tool"), file("/home/bob/bin/tool"), content=b"tool")

    assert machine.look(ASKING) == [SoftwareListed((Program("tool", source="file"),), first=True)]


def test_a_few_new_programs_are_told_one_by_one(machine: Machine):
    """Those that the school approved too, for the inventory holds them all; no rule is about these."""
    machine.system.install(package("vlc"))
    machine.look(ASKING)
    machine.system.install(package("gimp"), package("inkscape"))
    rules = make_rules(TOR, ask=True, approved=frozenset(("inkscape",)))

    assert machine.look(rules) == [ProgramInstalled(package("gimp")), ProgramInstalled(package("inkscape"))]
    assert machine.look(rules) == []


def test_many_new_programs_are_one_event(machine: Machine):
    """A desktop that was installed is one decision for a person."""
    machine.system.install(package("vlc"))
    machine.look(ASKING)
    desktop = [package(f"desktop-{number}") for number in range(MANY + 1)]
    machine.system.install(*desktop)

    assert machine.look(ASKING) == [SoftwareListed(tuple(desktop), first=False)]


def test_a_new_version_is_told_as_a_list(machine: Machine):
    """Once, also over a restart; no rule is about lists, for the program itself is not new. Going back is one too."""
    machine.system.install(package("vlc", "1"))
    machine.look(ASKING)
    machine.system.remove(package("vlc", "1"))
    machine.system.install(package("vlc", "2"))

    assert machine.look(ASKING) == [SoftwareListed((package("vlc", "2"),), first=False)]
    machine.start_agent()
    assert machine.look(ASKING) == []
    machine.system.remove(package("vlc", "2"))
    machine.system.install(package("vlc", "1"))
    assert machine.look(ASKING) == [SoftwareListed((package("vlc", "1"),), first=False)]


def test_new_programs_among_new_versions_are_told_one_by_one(machine: Machine):
    """However many versions there are."""
    old = [package(f"part-{number}", "1") for number in range(MANY + 1)]
    machine.system.install(*old)
    machine.look(ASKING)
    machine.system.remove(*old)
    new = [replace(program, version="2") for program in old]
    machine.system.install(*new, package("gimp"))

    assert machine.look(ASKING) == [ProgramInstalled(package("gimp")), SoftwareListed(tuple(new), first=False)]


def test_many_new_versions_are_one_event(machine: Machine):
    """As after an evening of updates."""
    old = [package(f"part-{number}", "1") for number in range(MANY + 1)]
    new = [replace(program, version="2") for program in old]
    machine.system.install(*old)
    machine.look(ASKING)
    machine.system.remove(*old)
    machine.system.install(*new)

    assert machine.look(ASKING) == [SoftwareListed(tuple(new), first=False)]


@pytest.mark.parametrize("while_running", [True, False])
def test_a_program_that_is_gone_is_told_once(machine: Machine, while_running: bool):
    """Whether it went while the agent was running or not. If it comes back it is new."""
    machine.system.install(package("vlc"), package("gimp", "2"))
    machine.look(ASKING)
    machine.system.remove(package("gimp", "2"))
    assert machine.look(ASKING) == []
    if not while_running:
        machine.start_agent()
        assert machine.look(ASKING) == []

    assert machine.look(ASKING, after_s=GONE_FOR_S) == [ProgramRemoved(package("gimp", "2"))]
    assert machine.look(ASKING, after_s=SCAN_EVERY_S) == []
    machine.start_agent()
    assert machine.look(ASKING) == []
    machine.system.install(package("gimp", "2"))
    assert machine.look(ASKING) == [ProgramInstalled(package("gimp", "2"))]


def test_a_program_that_is_being_updated_is_not_gone(machine: Machine):
    """Its old version goes a moment before the new one comes."""
    machine.system.install(package("vlc", "1"), package("gimp"))
    machine.look(ASKING)
    machine.system.remove(package("vlc", "1"))
    assert machine.look(ASKING) == []
    machine.system.install(package("vlc", "2"))

    assert machine.look(ASKING) == [SoftwareListed((package("vlc", "2"),), first=False)]
    assert machine.look(ASKING, after_s=GONE_FOR_S) == []
    machine.system.remove(package("vlc", "2"))
    assert machine.look(ASKING) == []
    assert machine.look(ASKING, after_s=GONE_FOR_S) == [ProgramRemoved(package("vlc", "2"))]


def test_what_could_not_be_read_is_not_gone(machine: Machine):
    """A gap must not look like removals; when all is read again, it is told."""
    machine.system.install(package("vlc"), package("gimp"))
    machine.look(ASKING)
    machine.system.unread = ("Debian packages: permission denied",)
    machine.system.remove(package("gimp"))
    assert machine.look(ASKING) == []
    assert machine.look(ASKING, after_s=GONE_FOR_S) == []
    machine.system.unread = ()
    assert machine.look(ASKING, after_s=SCAN_EVERY_S) == []

    assert machine.look(ASKING, after_s=GONE_FOR_S) == [ProgramRemoved(package("gimp"))]


def test_a_home_that_is_away_takes_nothing_with_it(machine: Machine):
    """Homes come and go with their people; what is in the system's folders does not."""
    tool, gimp = file("/home/alice/bin/tool"), package("gimp")
    machine.system.homes = {"alice's": (tool,), "bob's": ()}
    machine.system.install(tool, gimp, package("vlc"))
    machine.look(ASKING)
    machine.system.homes = {"bob's": ()}
    machine.system.remove(tool, gimp)

    machine.look(ASKING)
    assert machine.look(ASKING, after_s=GONE_FOR_S) == [ProgramRemoved(gimp)]
    machine.start_agent()
    assert machine.look(ASKING) == []
    assert machine.look(ASKING, after_s=GONE_FOR_S) == []
    machine.system.homes = {"alice's": (), "bob's": ()}
    assert machine.look(ASKING, after_s=SCAN_EVERY_S) == []
    assert machine.look(ASKING, after_s=GONE_FOR_S) == [ProgramRemoved(Program("tool", source="file"))]


def test_a_removal_that_nobody_took_is_told_again(machine: Machine):
    """It counts as told when the next event is asked for, not before."""
    machine.system.install(package("vlc"), package("gimp"))
    machine.look(ASKING)
    machine.system.remove(package("gimp"))
    machine.look(ASKING)
    machine.clock.advance(GONE_FOR_S)
    assert next(machine.installed.observe(ASKING, pause=False)) == ProgramRemoved(package("gimp"))
    assert machine.look(ASKING, after_s=0) == [ProgramRemoved(package("gimp"))]
    assert machine.look(ASKING, after_s=GONE_FOR_S) == []


def test_a_policy_that_does_not_ask_hears_of_no_removal(machine: Machine):
    """One that asks again does."""
    machine.system.install(package("vlc"), package("gimp"))
    machine.look(ASKING)
    machine.system.remove(package("gimp"))
    assert machine.look(RULES) == []
    assert machine.look(RULES, after_s=GONE_FOR_S) == []
    assert machine.look(ASKING) == []

    assert machine.look(ASKING, after_s=GONE_FOR_S) == [ProgramRemoved(package("gimp"))]


def test_a_restart_does_not_list_again(machine: Machine):
    """But tells what came while the agent was not running."""
    machine.system.install(package("vlc"), package("nmap"))
    machine.look(ASKING)
    machine.system.install(package("gimp"))
    machine.start_agent()

    assert machine.look(ASKING) == [ProgramInstalled(package("gimp"))]


def test_a_list_that_nobody_took_is_told_again(machine: Machine):
    """It counts as told when the next event is asked for, not before."""
    machine.system.install(package("vlc"))
    machine.clock.advance(FINGERPRINT_EVERY_S)
    assert isinstance(next(machine.installed.observe(ASKING, pause=False)), SoftwareListed)
    machine.start_agent()

    assert machine.look(ASKING) == [SoftwareListed((package("vlc"),), first=True)]


def test_a_policy_that_asks_later_gets_the_list_then(machine: Machine):
    """Without a change on the machine."""
    machine.system.install(package("vlc"))
    machine.look(RULES)

    assert machine.look(ASKING) == [SoftwareListed((package("vlc"),), first=True)]


def test_one_of_two_copies_is_no_removal(machine: Machine):
    """The program is still there."""
    machine.system.install(file("/home/alice/bin/tool"), file("/home/bob/bin/tool"))
    machine.look(ASKING)
    machine.system.remove(file("/home/bob/bin/tool"))

    assert machine.look(ASKING) == []
    assert machine.look(ASKING, after_s=GONE_FOR_S) == []


def test_a_list_that_is_too_long_for_one_event_goes_in_parts(machine: Machine):
    """Each part is an event that can be sent, and nothing is left out."""
    machine.system.install(*(package(f"{number:05}" + "x" * 250, "9" * 128) for number in range(3000)))
    parts = machine.look(ASKING)

    assert len(parts) > 1
    assert all(part.first for part in parts)
    assert all(len(encode_body(part)) <= LIST_MAX_BYTES < MAX_BODY_BYTES for part in parts)
    assert sum(len(part.programs) for part in parts) == 3000


def test_what_was_never_listed_is_not_told_to_be_gone(machine: Machine):
    """What a rule names is in another story. A listed program that a rule names later is still there."""
    machine.system.install(package("vlc"), package("nmap"))
    machine.look(ASKING)
    machine.system.remove(package("nmap"))
    assert machine.look(ASKING) == []
    assert machine.look(ASKING, after_s=GONE_FOR_S) == []
    vlc = ProgramPattern(name="VLC", packages=("vlc",))

    assert machine.look(make_rules(vlc, ask=True)) == [ProgramFound(package("vlc"))]
    assert machine.look(make_rules(vlc, ask=True), after_s=SCAN_EVERY_S) == []


def test_a_desktop_that_is_removed_is_no_flood(machine: Machine):
    """A few removals are told every few seconds, and in the end all of them."""
    desktop = [package(f"desktop-{number:02}") for number in range(2 * REMOVED_AT_ONCE + 1)]
    machine.system.install(*desktop, package("vlc"))
    machine.look(ASKING)
    machine.system.remove(*desktop)

    machine.look(ASKING)
    machine.clock.advance(GONE_FOR_S)
    told = [machine.look(ASKING), machine.look(ASKING, after_s=1), machine.look(ASKING), machine.look(ASKING)]
    assert [len(events) for events in told] == [REMOVED_AT_ONCE, 0, REMOVED_AT_ONCE, 1]
    assert {event.program for events in told for event in events} == set(desktop)
    assert machine.look(ASKING) == []
