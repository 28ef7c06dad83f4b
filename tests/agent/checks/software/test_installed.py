# SPDX-License-Identifier: Apache-2.0
"""Tests of the installed half of the software check, on a machine in memory."""

import hashlib
from collections.abc import Set
from dataclasses import replace
from pathlib import Path

import pytest

from agent.checks.software.installed import (
    FINGERPRINT_EVERY_S,
    GONE_FOR_S,
    JUDGE_AT_MOST_S,
    LIST_MAX_BYTES,
    MANY,
    REMOVED_AT_ONCE,
    SCAN_EVERY_S,
    SCAN_SHARE,
    InstalledPrograms,
)
from agent.checks.software.listed import ListedPrograms
from agent.checks.software.told import FILE_NAME, ToldFindings
from agent.system.content import Content
from agent.system.interface import InstalledSoftware
from proto.envelope import MAX_BODY_BYTES
from proto.events import Program, ProgramFound, ProgramInstalled, ProgramRemoved, SoftwareListed
from proto.wire import encode_body
from rules.model import ProgramPattern
from tests.agent.checks.policies import NMAP, TOR, InForce, knows_hash, make_rules
from tests.fakes import FakeClock, FakeSystem

RULES = make_rules(TOR, NMAP)
ASKING = make_rules(TOR, NMAP, ask=True)


def package(name: str, version: str = "1") -> Program:
    return Program(name, source="dpkg", version=version)


def file(path: str) -> Program:
    return Program(path.rpartition("/")[2], path=path, source="file")


class SystemWithHomes(FakeSystem):
    """A machine with people's folders, and with so much on it that a scan comes in parts."""

    def __init__(self) -> None:
        super().__init__()
        self.homes: dict[str, tuple[Program, ...]] = {}
        self.loose: tuple[Program, ...] = ()
        self.parts = 1

    def installed_software(self) -> InstalledSoftware:
        if self.parts > 1:
            self.parts -= 1
            return InstalledSoftware((), has_more=True)
        of_homes = frozenset(program for programs in self.homes.values() for program in programs)
        found = super().installed_software()
        return replace(found, loose=self.loose, of_homes=of_homes, homes=frozenset(self.homes))

    def identify_installed(self, program: Program, wanted: Set[str]) -> Content:
        return Content() if program in self.loose else super().identify_installed(program, wanted)


class Machine:
    """A machine that is looked at as often as a change is looked for."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.system = SystemWithHomes()
        self.folder = folder
        self.start_agent()

    def start_agent(self) -> None:
        self.installed = InstalledPrograms(
            self.system, ListedPrograms(self.folder), ToldFindings(self.folder), self.clock
        )

    def look(self, rules: InForce | None = RULES, *, after_s: float = FINGERPRINT_EVERY_S, pause: bool = False):
        self.clock.advance(after_s)
        return list(self.installed.observe(rules, pause=pause))

    @property
    def names(self) -> list[str]:
        return [finding.name for finding in self.installed.findings]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


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


def test_a_list_that_is_too_long_for_one_event_goes_in_parts(machine: Machine):
    """Each part is an event that can be sent, and nothing is left out."""
    machine.system.install(*(package(f"{number:05}" + "x" * 250, "9" * 128) for number in range(3000)))
    parts = machine.look(ASKING)

    assert len(parts) > 1
    assert all(part.first for part in parts)
    assert all(len(encode_body(part)) <= LIST_MAX_BYTES < MAX_BODY_BYTES for part in parts)
    assert sum(len(part.programs) for part in parts) == 3000


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


def test_one_of_two_copies_is_no_removal(machine: Machine):
    """The program is still there."""
    machine.system.install(file("/home/alice/bin/tool"), file("/home/bob/bin/tool"))
    machine.look(ASKING)
    machine.system.remove(file("/home/bob/bin/tool"))

    assert machine.look(ASKING) == []
    assert machine.look(ASKING, after_s=GONE_FOR_S) == []


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


def test_a_restart_does_not_list_again(machine: Machine):
    """But tells what came while the agent was not running."""
    machine.system.install(package("vlc"), package("nmap"))
    machine.look(ASKING)
    machine.system.install(package("gimp"))
    machine.start_agent()

    assert machine.look(ASKING) == [ProgramInstalled(package("gimp"))]


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


def test_what_could_not_be_read_is_kept(machine: Machine):
    """Until the next scan."""
    machine.system.unread = ("snaps: permission denied",)
    machine.look()
    assert machine.installed.unread == ("snaps: permission denied",)
    machine.system.unread = ()
    machine.look(after_s=SCAN_EVERY_S)
    assert machine.installed.unread == ()
