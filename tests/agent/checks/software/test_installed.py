# SPDX-License-Identifier: Apache-2.0
"""Tests of the installed half of the software check, on a machine in memory: what a rule names."""

import hashlib
from collections.abc import Set
from dataclasses import replace

import pytest

from agent.checks.software.installed import FINGERPRINT_EVERY_S, JUDGE_AT_MOST_S, SCAN_EVERY_S, SCAN_SHARE
from agent.checks.software.told import FILE_NAME
from agent.system.content import Content
from agent.system.interface import InstalledSoftware
from proto.events import Program, ProgramFound, SoftwareListed
from tests.agent.checks.policies import NMAP, TOR, knows_hash, make_rules
from tests.agent.checks.software.machine import ASKING, RULES, Machine, file, package


def test_a_program_that_a_rule_names_is_told_once(machine: Machine):
    """Until it is gone; when it comes back it is told again."""
    machine.system.install(package("nmap"), package("vlc"))

    assert machine.look() == [ProgramFound(package("nmap"))]
    assert machine.look(after_s=SCAN_EVERY_S) == []
    assert machine.names == ["Nmap"]
    machine.system.remove(package("nmap"))
    assert machine.look() == []
    assert machine.names == []
    machine.system.install(package("nmap"))
    assert machine.look() == [ProgramFound(package("nmap"))]


def test_a_new_version_of_a_program_is_the_same_program(machine: Machine):
    """An update is no new find."""
    machine.system.install(package("nmap", "1"))
    machine.look()
    machine.system.remove(package("nmap", "1"))
    machine.system.install(package("nmap", "2"))

    assert machine.look() == []
    assert machine.names == ["Nmap"]


def test_software_is_scanned_when_something_changed(machine: Machine):
    """And every hour, but not at every look."""
    for _ in range(100):
        machine.look()
    assert machine.system.scans == 1
    machine.system.install(package("vlc"))
    machine.look(after_s=FINGERPRINT_EVERY_S - 1)
    assert machine.system.scans == 1
    machine.look(after_s=1)
    assert machine.system.scans == 2
    machine.look(after_s=SCAN_EVERY_S)
    assert machine.system.scans == 3


def test_a_found_file_is_told_with_its_hash(machine: Machine):
    """The name was enough for the rule; the content is evidence."""
    machine.system.install(file("/opt/tor/tor"), content=b"onion")

    (event,) = machine.look()
    assert event.program.sha256 == hashlib.sha256(b"onion").hexdigest()


def test_a_listed_hash_is_found_under_any_name(machine: Machine):
    """A renamed program is known by its content."""
    machine.system.install(file("/home/alice/bin/homework"), content=b"miner")

    assert [event.program.name for event in machine.look(make_rules(knows_hash(b"miner")))] == ["homework"]


def test_a_file_that_cannot_be_read_is_counted(machine: Machine):
    """If a rule asks for content; a package has none of its own."""
    machine.system.install(file("/home/alice/bin/homework"), package("vlc"), content=None)

    machine.look()
    assert machine.installed.unhashed == 0
    machine.look(make_rules(knows_hash(b"miner")))
    assert machine.installed.unhashed == 1


def test_a_new_policy_finds_what_is_there_already(machine: Machine):
    """At once, without a scan, and only what the one before did not name."""
    machine.system.install(package("nmap"), package("tor"))
    machine.look(make_rules(TOR))

    assert machine.look(make_rules(TOR, NMAP), after_s=0) == [ProgramFound(package("nmap"))]
    assert machine.system.scans == 1
    machine.look(make_rules(NMAP), after_s=0)
    assert machine.names == ["Nmap"]
    assert machine.look(make_rules(NMAP, TOR), after_s=0) == [ProgramFound(package("tor"))]


def test_without_a_policy_nothing_is_told(machine: Machine):
    """And all of it when there is one."""
    machine.system.install(package("nmap"))

    assert machine.look(None) == []
    assert machine.look(RULES) == [ProgramFound(package("nmap"))]


def test_judging_a_great_deal_is_spread_over_many_looks(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    """The watch on running programs never waits long; until all is judged, the half is not complete."""
    programs = [file(f"/opt/suite/program-{number}") for number in range(9)]
    machine.system.install(*programs, file("/opt/suite/tor"))
    read_at_once = machine.system.identify_installed

    def read_slowly(program: Program, wanted: Set[str]) -> Content:
        machine.clock.advance(JUDGE_AT_MOST_S / 2)
        return read_at_once(program, wanted)

    monkeypatch.setattr(machine.system, "identify_installed", read_slowly)
    rules = make_rules(TOR, knows_hash(b"miner"))

    assert machine.look(rules) == []
    assert not machine.installed.is_complete
    events = [event for _ in range(5) for event in machine.look(rules, after_s=0)]
    assert [event.program.name for event in events] == ["tor"]
    assert machine.installed.is_complete


def test_a_pause_leaves_out_scans(machine: Machine):
    """What comes meanwhile is found afterwards."""
    machine.look()
    machine.system.install(package("nmap"))

    assert machine.look(pause=True) == []
    assert machine.system.scans == 1
    assert machine.look() == [ProgramFound(package("nmap"))]


def test_a_program_that_just_lies_there_is_judged_and_not_listed(machine: Machine):
    """What a person calls a file of his own is no inventory."""
    machine.system.install(package("vlc"))
    machine.system.loose = (file("/home/alice/essay"), file("/home/alice/tor"))
    found, listed = machine.look(ASKING)

    assert found.program.path == "/home/alice/tor"
    assert listed == SoftwareListed((package("vlc"),), first=True)
    assert machine.installed.looked_at == 3


def test_a_scan_that_takes_long_is_not_made_often(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    """However much changes: scans together take a small share of the time."""
    scan_at_once = machine.system.installed_software

    def scan_slowly() -> InstalledSoftware:
        machine.clock.advance(1.0)
        return scan_at_once()

    monkeypatch.setattr(machine.system, "installed_software", scan_slowly)
    machine.look()
    machine.system.install(package("nmap"))
    assert machine.look() == [ProgramFound(package("nmap"))]
    machine.system.install(package("tor"))

    assert machine.look(after_s=1 / SCAN_SHARE - 1) == []
    assert machine.look(after_s=1) == [ProgramFound(package("tor"))]


def test_a_scan_in_parts_is_judged_when_it_is_whole(machine: Machine):
    """The next parts come at the next looks; until then nothing is listed or gone, and the half is not complete."""
    machine.system.install(package("vlc"), package("nmap"))
    machine.system.parts = 3
    assert machine.look(ASKING, after_s=1) == []
    assert not machine.installed.is_complete
    assert machine.look(ASKING, after_s=1) == []

    assert len(machine.look(ASKING, after_s=1)) == 2
    assert machine.installed.is_complete
    assert machine.system.scans == 1


def test_a_restart_tells_only_new_findings(machine: Machine):
    """What was told is still a finding; what came, or is named by one more rule, is told."""
    machine.system.install(package("nmap"))
    machine.look(make_rules(NMAP))
    machine.system.install(package("tor"))
    machine.start_agent()

    assert machine.look(make_rules(NMAP, TOR)) == [ProgramFound(package("tor"))]
    assert sorted(machine.names) == ["Nmap", "Tor"]
    machine.start_agent()
    scanner = replace(NMAP, name="Scanner")
    assert machine.look(make_rules(NMAP, TOR, scanner)) == [ProgramFound(package("nmap"))]


@pytest.mark.parametrize("while_running", [True, False])
def test_a_finding_that_comes_back_is_told_again_after_a_restart(machine: Machine, while_running: bool):
    """Whether it went away while the agent was running or not."""
    machine.system.install(package("nmap"))
    machine.look()
    machine.system.remove(package("nmap"))
    if while_running:
        assert machine.look() == []
    machine.start_agent()
    assert machine.look() == []
    machine.system.install(package("nmap"))
    machine.start_agent()

    assert machine.look() == [ProgramFound(package("nmap"))]


def test_a_finding_that_nobody_took_is_told_again(machine: Machine):
    """It counts as told when the next event is asked for, not before."""
    machine.system.install(package("nmap"))
    machine.clock.advance(FINGERPRINT_EVERY_S)
    assert next(machine.installed.observe(RULES, pause=False)) == ProgramFound(package("nmap"))
    machine.start_agent()

    assert machine.look() == [ProgramFound(package("nmap"))]


def test_without_its_memory_everything_is_told_again(machine: Machine):
    """As when a new chain of events begins, and what was told may be lost."""
    machine.system.install(package("nmap"))
    machine.look()
    (machine.folder / FILE_NAME).unlink()
    machine.start_agent()

    assert machine.look() == [ProgramFound(package("nmap"))]


def test_what_could_not_be_read_is_kept(machine: Machine):
    """Until the next scan."""
    machine.system.unread = ("snaps: permission denied",)
    machine.look()
    assert machine.installed.unread == ("snaps: permission denied",)
    machine.system.unread = ()
    machine.look(after_s=SCAN_EVERY_S)
    assert machine.installed.unread == ()
