# SPDX-License-Identifier: Apache-2.0
"""Bexton's clauses that machines can see, each shown with what carries it and without. Those of people are in
`test_bexton_people`."""

from dataclasses import replace
from datetime import datetime

from agent.system.posture import Encryption, LocalAccount, LocalAccounts
from collector.incidents import Action, decide
from proto.events import (
    Audience,
    FileArrived,
    PostureFound,
    Program,
    ProgramFound,
    ProgramInstalled,
    ProgramStarted,
    TrafficSustained,
    UsbDevice,
    UsbWritten,
)
from rules.arrangements import RuleException
from rules.keywords.lexicon import Lexicon
from tests.agent.checks.posture.secured import DAY_NS, ROOT
from tests.clauses.machine import Machine, pass_time
from tests.clauses.proof import Proofs, replaced, rule, setting
from tests.clauses.removals import without_escalations, without_timetable
from tests.clauses.told import show_escalations, tell_of
from tests.clauses.watched_desk import show_typed_words_reach_the_lead
from tests.clauses.world import World, to_ns

PROOFS = Proofs("bexton")
LESSON, BREAK, EVENING = "2026-11-23T10:30", "2026-11-23T10:50", "2026-11-23T21:30"


def started(name: str) -> ProgramStarted:
    """Return that a program is started."""
    return ProgramStarted(Program(name, path=f"/opt/{name}", source="process"))


def found(name: str, source: str = "dpkg") -> ProgramFound:
    """Return that a program is installed."""
    return ProgramFound(Program(name, source=source))


def arrived(name: str, file_format: str, **fields: object) -> FileArrived:
    """Return that a file that can be run came to the downloads."""
    return FileArrived(name, "downloads", file_format, is_executable=True, **fields)  # type: ignore[arg-type]


@PROOFS.proves("BX-01", without=without_timetable)
def each_action_has_a_class_with_its_times_and_its_nominated_users(world: World) -> None:
    """An educational game and video are told at break and not in a lesson, a scanner unless it has an exception."""
    scanner, game, video = started("nmap"), started("minetest"), started("freetube")
    excepted = world.device("office-01").id
    begin, end = datetime(2026, 11, 23, 9, 0), datetime(2026, 11, 23, 16, 0)  # noqa: DTZ001 - the school's own time
    exception = RuleException(
        id="asked-1", rules=("network-inspection",), first=begin, last=end, reason="audit", devices=(excepted,)
    )
    world.policy = replace(world.policy, arrangements=replace(world.policy.arrangements, exceptions=(exception,)))
    world.report(game, video, scanner, at=LESSON, device="office-01")
    assert world.incidents() == []
    world.report(game, video, at=BREAK, device="library-01")
    world.report(scanner, at=EVENING, device="office-01")
    classes = {incident.rule: incident.action_class for incident in world.incidents()}
    times = {"educational-gaming": "certain_times", "video-broadcasting": "certain_times"}
    assert classes == times | {"network-inspection": "nominated_users"}
    assert {each.action_class.value for each in world.policy.rules} == {
        *("acceptable", "certain_times", "nominated_users", "unacceptable", "illegal")
    }


@PROOFS.proves("BX-04", without=rule("usb-unprotected-written"))
def what_is_written_to_a_plain_stick_or_disk_is_told(world: World) -> None:
    """A plain stick is an incident, an encrypted one is not, and a laptop whose disk is plain is one."""
    world.report(UsbWritten(UsbDevice("0951", "1666", serial="A", protection="encrypted"), 10**6))
    assert world.incidents() == []
    world.report(UsbWritten(UsbDevice("0951", "1666", serial="B", protection="plain"), 10**6))
    assert [each.severity for each in world.incidents("usb-unprotected-written")] == [4]
    laptop = Machine(world, "laptop-07")
    laptop.posture.disks = Encryption((), ("/home",))
    laptop.look_at_itself()
    assert world.incidents("posture-disk-encryption")
    tell_of(world, "usb-approved-unprotected-written", "usb-unknown-written", "usb-possibly-encrypted-written")
    tell_of(world, "usb-unprotected-attached", "usb-phone-attached")


@PROOFS.proves("BX-05", without=rule("posture-antivirus"))
def a_machine_without_checking_for_malware_is_told(world: World) -> None:
    """A laptop that offers no checking at all is an incident."""
    laptop = Machine(world, "laptop-07")
    laptop.posture.protections = ()
    laptop.look_at_itself()
    assert world.incidents("posture-antivirus")


@PROOFS.proves("BX-06", without=rule("posture-antivirus"))
def old_signatures_are_told(world: World) -> None:
    """A protection that runs and is a month old is an incident, a new one is not; what nobody knows is one too."""
    machine = Machine(world)
    machine.look_at_itself()
    assert world.incidents() == []
    (protection,) = machine.posture.protections  # type: ignore[misc]
    machine.posture.protections = (replace(protection, signatures_at_ns=to_ns(LESSON) - 31 * DAY_NS),)
    machine.look_at_itself()
    assert world.incidents("posture-antivirus")
    world.report(PostureFound("antivirus", "unknown", "Nobody can tell."))
    assert world.incidents("posture-unknown")


@PROOFS.proves("BX-07", without=rule("bypass-vpn-service"))
def ways_around_the_safeguards_are_told_and_the_school_s_own_vpn_is_not(world: World) -> None:
    """Tor, VPN services, proxies, tunnels and remote control, though somebody put Tor on the allow list."""
    names = {
        "bypass-tor": "tor",
        "bypass-vpn-service": "nordvpn",
        "bypass-vpn-client": "tailscaled",
        "bypass-proxy": "psiphon",
        "bypass-tunnel": "iodine",
        "remote-control": "anydesk",
        "remote-control-desktop": "krfb",
        "hacking-wireless": "airodump-ng",
        "hacking-interception": "ettercap",
    }
    world.policy = replace(world.policy, approved=frozenset({"tor", "nordvpn", "openvpn", "openvpn-connect"}))
    world.report(*(started(name) for name in names.values()), found("openvpn-connect"))
    assert world.rules_that_fired() == set(names)


@PROOFS.proves("BX-08", without=rule("social-clients"))
def games_gambling_sharing_chat_video_and_shopping_are_told(world: World) -> None:
    """One of each at break is an incident; what is educational is not, in a lesson."""
    world.report(started("gcompris-qt"), started("freetube"), started("minetest"), at=LESSON)
    assert world.incidents() == []
    things = {
        "games-clients": started("steam"),
        "games-violent": started("openarena"),
        "gambling-clients": started("pokerstars"),
        "file-sharing": found("qbittorrent"),
        "file-sharing-desktop": started("transmission-gtk"),
        "social-clients": started("discord"),
        "chat-desktop": started("pidgin"),
        "educational-gaming": started("luanti"),
        "video-broadcasting": started("minitube"),
        "shopping-helpers": found("bmnlcjabgnpnenekpadlanbbkooimhnj", "extension"),
    }
    world.report(*things.values(), at=BREAK)
    assert world.rules_that_fired() == set(things)


@PROOFS.proves("BX-09", without=rule("traffic-sustained"))
def a_high_volume_that_hinders_others_is_told(world: World) -> None:
    """Five minutes of it in a lesson are an incident; at night they hinder nobody. A sudden one is told at any time."""
    stream = TrafficSustained("firefox-esr", received_bytes=10**9, duration_s=300, mean_mbit_s=26.7)
    world.report(stream, at=EVENING)
    assert world.incidents() == []
    world.report(stream, at="2026-11-24T10:30")
    assert [each.action_class for each in world.incidents("traffic-sustained")] == ["unacceptable"]
    world.report(
        TrafficSustained("python3", sent_bytes=3 * 10**9, duration_s=60, mean_mbit_s=400.0), at="2026-11-24T21:30"
    )
    assert world.incidents("traffic-sudden")


@PROOFS.proves("BX-10", without=rule("hacking-attack"))
def tools_for_harmful_files_and_what_could_be_one_are_told(world: World) -> None:
    """A kit for viruses, a program from the web, one in an archive, and software that nobody approved."""
    world.report(
        found("metasploit-framework", "snap"),
        started("mimikatz.exe"),
        FileArrived("miner", "temporary", "elf", is_executable=True),
        arrived("game.exe", "pe"),
        arrived("setup.ps1", "script"),
        arrived("homework.zip", "zip", contains="executable"),
        arrived("invoice.xlsm", "document", contains="script"),
        ProgramInstalled(Program("cool-wallpapers", source="dpkg")),
    )
    assert world.rules_that_fired() == {
        "hacking-attack",
        "cracking-credentials",
        "executable-downloaded",
        "executable-arrived",
        "script-downloaded",
        "archive-with-executable",
        "macro-document-downloaded",
        "unlisted-software",
    }


@PROOFS.proves("BX-14", without=setting("accounts"))
def guests_are_told_apart_and_do_not_administer(world: World) -> None:
    """The guest log-on is told as a guest's and no other is; a guest that administers the machine is an incident."""
    machine = Machine(world)
    kinds = [each.account_kind for each in machine.sit_down("visitor-2", "s.pupil")]
    assert kinds == ["guest", "personal"]
    machine.posture.accounts = LocalAccounts(
        (ROOT, LocalAccount("visitor-2", False, has_password=False, needs_no_password=True))
    )
    machine.look_at_itself()
    assert world.incidents() == []
    guest = LocalAccount("visitor-2", True, has_password=False, needs_no_password=True)
    machine.posture.accounts = LocalAccounts((ROOT, guest))
    machine.look_at_itself()
    assert world.incidents("posture-guest-account")


@PROOFS.proves("BX-16", without=without_escalations)
def what_continues_after_warnings_gets_worse(world: World) -> None:
    """The same game a third time within a month rises from severity 2 to 4, though it was resolved with a warning; what
    is of each other rule that escalates rises on the last of five days."""
    game = started("steam")
    world.report(game, at="2026-11-23T10:30")
    world.report(game, at="2026-11-24T10:30")
    told = world.incidents("games-clients")
    assert [each.severity for each in told] == [2]
    (incident,) = told
    decide(
        world.school.engine,
        world.school.id,
        incident.id,
        audiences=[Audience.SECURITY],
        actor="tina",
        action=Action.RESOLVED,
        note="A warning.",
        now_ns=world.school.now_ns,
    )
    world.report(game, at="2026-11-25T10:30")
    again = [(each.id, each.state, each.severity, each.escalated) for each in world.incidents("games-clients")]
    assert again == [(incident.id, "open", 4, 1)]
    show_escalations(world, "BX-16", at="10:50")


@PROOFS.proves("BX-18", without=rule("session-not-ended"))
def who_does_not_log_off_is_told(world: World) -> None:
    """A session that was logged off in the afternoon is nothing; one that goes on in the evening is an incident, though
    a visitor logged off at the same machine meanwhile."""
    tidy, left = Machine(world, "office-01"), Machine(world, "office-02")
    tidy.sit_down("t.teacher", at="2026-11-23T08:50")
    left.sit_down("a.assistant", at="2026-11-23T08:50")
    left.sit_down("a.assistant", "visitor-2", at="2026-11-23T10:50")
    left.sit_down("a.assistant", at="2026-11-23T11:50")
    tidy.sit_down(at="2026-11-23T15:40")
    left.leave_open(idle_s=930.0, at="2026-11-23T15:45")
    assert [each.hostname for each in world.incidents("session-left-open")] == ["office-02"]
    pass_time(world, "2026-11-23T20:40")
    assert world.incidents("session-not-ended") == []
    pass_time(world, "2026-11-23T21:00")
    assert [each.hostname for each in world.incidents("session-not-ended")] == ["office-02"]
    tell_of(world, "lock-misconfigured", at="2026-11-23T21:10")


@PROOFS.proves("BX-19", without=setting("accounts"))
def one_account_in_two_places_is_told(world: World) -> None:
    """Who signs in twice at the same time has lent the account, or lost it."""
    Machine(world, "library-01").sit_down("s.pupil")
    assert world.incidents() == []
    Machine(world, "library-02").sit_down("s.pupil", at="2026-11-23T10:31")
    pass_time(world, "2026-11-23T10:45")
    assert [each.rule for each in world.incidents()] == ["account-on-several-devices"]
    world.report(started("john"), at="2026-11-23T10:46")
    assert world.incidents("cracking-passwords")


@PROOFS.proves("BX-20", without=setting("posture"))
def passwords_older_than_a_term_are_told(world: World) -> None:
    """One of last September is an incident in March, one of this January is not."""
    machine = Machine(world)
    kept = LocalAccount("office", False, has_password=True, password_changed_at_ns=to_ns("2027-01-05T09:00"))
    machine.posture.accounts = LocalAccounts((ROOT, kept))
    machine.look_at_itself(at="2027-03-15T10:00")
    assert world.incidents("posture-password-age") == []
    machine.posture.accounts = LocalAccounts((ROOT, replace(kept, password_changed_at_ns=to_ns("2026-09-02T09:00"))))
    machine.look_at_itself(at="2027-03-15T10:30")
    assert world.incidents("posture-password-age")


@PROOFS.proves("BX-21", without=replaced("rules.keywords.lexicon.parse_lexicon", lambda files: Lexicon(())))
def threats_hatred_extremism_and_pornography_are_known_when_typed(world: World) -> None:
    """With the school's own file they reach the safeguarding lead, and nobody else; without, nobody is watched."""
    typed = {
        "self_harm": "i cut myself again last night",
        "suicide": "i want to kill myself",
        "bullying": "go kill yourself nobody likes you",
        "violence": "im going to bring a knife to school and stab him",
        "hate": "all muslims should be killed",
        "radicalisation": "i want to join isis",
        "sexual": "watch free porn",
    }
    show_typed_words_reach_the_lead(world, typed)


@PROOFS.proves("BX-23", without=rule("posture-administrators"))
def who_administers_without_being_listed_is_told(world: World) -> None:
    """Root may; a pupil's account in the group of administrators is an incident that names it."""
    machine = Machine(world)
    machine.look_at_itself()
    assert world.incidents() == []
    machine.posture.accounts = LocalAccounts((ROOT, LocalAccount("s.pupil", True, has_password=True)))
    machine.look_at_itself()
    assert world.incidents("posture-administrators")


test_carried, test_taken_away = PROOFS.tests()
