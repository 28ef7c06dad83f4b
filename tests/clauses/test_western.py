# SPDX-License-Identifier: Apache-2.0
"""Western's clauses that machines can see, each shown with what carries it and without. Those of people are in
`test_western_people`."""

from dataclasses import replace
from datetime import datetime

from agent.system.posture import Encryption, Firewall, LocalAccount, LocalAccounts, PendingUpdate, Updates
from proto.events import (
    AgentThrottled,
    CheckChanged,
    CheckCrashed,
    EventsDropped,
    FileArrived,
    PolicyRefused,
    Program,
    ProgramInstalled,
    ProgramStarted,
    RecipientsRefused,
    UsbDevice,
    UsbWritten,
)
from rules.arrangements import RuleException
from rules.keywords.lexicon import Lexicon
from tests.agent.checks.posture.secured import DAY_NS, ROOT
from tests.clauses.machine import Machine, pass_time
from tests.clauses.proof import Proofs, replaced, rule
from tests.clauses.told import AROUND_THE_FILTER, BREAKING_IN, tell_of
from tests.clauses.watched_desk import show_typed_words_reach_the_lead
from tests.clauses.world import World, to_ns

PROOFS = Proofs("western")
LESSON, LUNCH = "2026-11-23T10:30", "2026-11-23T12:30"


def started(name: str) -> ProgramStarted:
    """Return that a program is started."""
    return ProgramStarted(Program(name, path=f"/opt/{name}", source="process"))


def arrived(name: str, file_format: str, contains: str = "") -> FileArrived:
    """Return that a file that can be run came to the downloads."""
    return FileArrived(name, "downloads", file_format, contains, is_executable=True)


@PROOFS.proves("WE-02", without=rule("unlisted-software"))
def software_that_the_technician_did_not_allow_is_told(world: World) -> None:
    """A program on the school's list is nothing, another one is an incident, and a worse one the third time; so are
    a program for remote control, and who administers without being listed."""
    world.policy = replace(world.policy, approved=frozenset({"gcompris-qt"}))
    installed = ProgramInstalled(Program("cool-wallpapers", source="dpkg"))
    world.report(ProgramInstalled(Program("gcompris-qt", source="dpkg")))
    assert world.incidents() == []
    world.report(installed)
    assert [(each.severity, each.action_class) for each in world.incidents()] == [(3, "unacceptable")]
    world.report(installed, at="2026-11-24T10:30")
    world.report(installed, at="2026-11-25T10:30")
    assert [each.severity for each in world.incidents("unlisted-software")] == [4]
    tell_of(world, "remote-control", "posture-administrators", at="2026-11-25T10:40")


@PROOFS.proves("WE-03", without=rule("posture-disk-encryption"))
def a_work_device_that_is_not_secure_is_told_wherever_it_is(world: World) -> None:
    """A laptop with a plain disk, an open network and an account without a password, on a Saturday at home."""
    laptop = Machine(world, "laptop-07")
    laptop.look_at_itself(at="2026-11-21T11:00")
    assert world.incidents() == []
    laptop.posture.disks = Encryption((), ("/", "/home"))
    laptop.posture.packets = Firewall(("ipv4", "ipv6"))
    laptop.posture.until = "2026-06-30"
    laptop.posture.accounts = LocalAccounts((ROOT, LocalAccount("teacher", False, False, needs_no_password=True)))
    laptop.look_at_itself(at="2026-11-21T11:30")
    assert world.rules_that_fired() == {
        "posture-disk-encryption",
        "posture-firewall",
        "posture-os-support",
        "posture-guest-account",
    }
    tell_of(world, "posture-updates", "posture-unknown")


@PROOFS.proves("WE-04", without=rule("usb-unprotected-written"))
def school_data_on_a_plain_stick_is_told(world: World) -> None:
    """An encrypted one is nothing; a plain one is an incident, and so is an approved one that is plain."""
    world.report(UsbWritten(UsbDevice("0951", "1666", serial="A", protection="encrypted"), 10**6))
    assert world.incidents() == []
    world.report(
        UsbWritten(UsbDevice("0951", "1666", serial="B", protection="plain"), 10**6),
        UsbWritten(UsbDevice("0951", "1666", serial="C", protection="plain", is_approved=True), 10**6),
    )
    assert world.rules_that_fired() == {"usb-unprotected-written", "usb-approved-unprotected-written"}
    tell_of(world, "usb-unknown-written", "usb-possibly-encrypted-written")
    tell_of(world, "usb-unprotected-attached", "usb-phone-attached")


@PROOFS.proves("WE-05", without=rule("session-left-open"))
def a_screen_that_was_left_is_told(world: World) -> None:
    """Fourteen minutes are nothing, a quarter of an hour without a lock is an incident, and so is a late lock."""
    machine = Machine(world)
    machine.leave_open(idle_s=840.0)
    assert world.incidents() == []
    machine.leave_open(idle_s=930.0)
    assert world.incidents("session-left-open")
    facts = {"left_open": "0", "set_wrongly": "gnome is set to lock after 1800 s, the limit is 900 s"}
    world.report(CheckChanged("idle_lock", "fail", "A desktop is set wrongly.", facts))
    assert world.incidents("lock-misconfigured")


@PROOFS.proves("WE-06", without=rule("posture-antivirus"))
def protection_that_is_missing_or_old_is_told(world: World) -> None:
    """No protection, and a security update that has waited for three weeks; one of last week may still wait."""
    machine = Machine(world)
    today_ns = to_ns("2026-11-23T06:00")
    for weeks, fired in ((1, set()), (3, {"posture-updates"})):
        update = PendingUpdate("openssl", "3.0.17", released_at_ns=today_ns - weeks * 7 * DAY_NS)
        machine.posture.updates = Updates((update,), today_ns, is_automatic=True)
        machine.look_at_itself()
        assert world.rules_that_fired() == fired
    machine.posture.protections = ()
    machine.look_at_itself()
    assert world.incidents("posture-antivirus")
    tell_of(world, "posture-os-support", "posture-unknown")


@PROOFS.proves("WE-07", without=rule("archive-with-executable"))
def dangerous_downloads_are_told(world: World) -> None:
    """Programs, archives with one in them, and documents with macros; a plain archive is nothing."""
    world.report(FileArrived("photos.zip", "downloads", "zip"))
    assert world.incidents() == []
    world.report(
        arrived("game.exe", "pe"),
        arrived("homework.zip", "zip", "executable"),
        arrived("invoice.xlsm", "document", "script"),
    )
    assert world.rules_that_fired() == {
        "executable-downloaded",
        "archive-with-executable",
        "macro-document-downloaded",
    }
    tell_of(world, "executable-arrived", "script-downloaded", "file-sharing", "file-sharing-desktop")


@PROOFS.proves("WE-11", without=replaced("rules.keywords.lexicon.parse_lexicon", lambda files: Lexicon(())))
def harmful_contact_extremism_and_bullying_are_known_when_typed(world: World) -> None:
    """With the school's own file they reach the DSL, and nobody else; without, nobody is watched."""
    typed = {
        "grooming": "dont tell your parents about us",
        "radicalisation": "i want to join isis",
        "bullying": "go kill yourself nobody likes you",
        "self_harm": "i cut myself again last night",
    }
    show_typed_words_reach_the_lead(world, typed)


@PROOFS.proves("WE-12", without=rule("agent-check-crashed"))
def what_fails_in_the_safeguard_itself_is_told(world: World) -> None:
    """A check that crashes, events that were lost, a policy and a list of readers that were refused, and a pause."""
    world.report(
        CheckCrashed("software", "OSError"),
        EventsDropped("program.started", "queue_full", 12),
        PolicyRefused(7, "the bundle is not signed by this device's collector"),
        RecipientsRefused(2, "signed by another root than was pinned"),
        AgentThrottled("paused", 12.5, 61.0),
    )
    assert world.rules_that_fired() == {
        "agent-check-crashed",
        "agent-events-lost",
        "agent-policy-refused",
        "agent-recipients-refused",
        "agent-paused",
    }


@PROOFS.proves("WE-16", without=rule("cracking-passwords"))
def somebody_else_s_details_and_breaches_are_told(world: World) -> None:
    """One account in two places at once, and tools that work out passwords or go around the filter."""
    Machine(world, "library-01").sit_down("s.pupil")
    Machine(world, "library-02").sit_down("s.pupil")
    pass_time(world, "2026-11-23T10:45")
    world.report(started("hydra"), started("tor"), at="2026-11-23T10:50")
    assert world.rules_that_fired() == {"account-on-several-devices", "cracking-passwords", "bypass-tor"}
    tell_of(world, *AROUND_THE_FILTER, *BREAKING_IN, "remote-control-desktop", "network-inspection", at=LUNCH)


@PROOFS.proves("WE-17", without=rule("games-clients"))
def a_game_is_for_the_lesson_that_the_teacher_allowed_it_for(world: World) -> None:
    """It is silent in the lessons of one day; at lunch, and on the next day, it is an incident again."""
    begin, end = datetime(2026, 11, 23, 9, 0), datetime(2026, 11, 23, 15, 15)  # noqa: DTZ001 - the school's own time
    minecraft = RuleException(
        id="asked-1",
        rules=("games-clients",),
        first=begin,
        last=end,
        reason="Year 5 builds a Roman villa.",
        programs=("minecraft",),
        during=("lesson",),
    )
    world.policy = replace(world.policy, arrangements=replace(world.policy.arrangements, exceptions=(minecraft,)))
    world.report(started("minecraft-launcher"), at=LESSON)
    assert world.incidents() == []
    world.report(started("steam"), started("discord"), at=LESSON)
    assert world.rules_that_fired() == {"games-clients", "social-clients"}
    tell_of(world, "games-violent", "gambling-clients", "chat-desktop", at=LESSON)
    world.report(started("minecraft-launcher"), at=LUNCH)
    assert len(world.incidents("games-clients")) == 2


test_carried, test_taken_away = PROOFS.tests()
