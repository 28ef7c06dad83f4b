# SPDX-License-Identifier: Apache-2.0
"""The clauses of West Hill Primary School's policy that are seen on devices, each carried out and each taken away."""

from dataclasses import replace

import pytest

from agent.checks.idle_lock.limit import find_limit_s
from agent.checks.posture.items import judge_switched_on
from agent.session.messages import Setup
from proto.events import CheckChanged, SessionLeftOpen, State
from rules.errors import RuleFormatError
from rules.keywords.lexicon import load_lexicon
from rules.keywords.match import Hit, Matcher
from rules.load import load_pack, parse_files
from tests.agent.collector import KEYWORDS
from tests.agent.safeguarding import make_session
from tests.clauses.proof import Proofs, all_of, replaced, rule, setting
from tests.clauses.told import arrived, measured, sit_in_two_rooms, started, tell_of, written
from tests.clauses.watched_desk import sit_down
from tests.clauses.world import LONDON, World, to_ns

PROOFS = Proofs("west-hill")
SET_TOO_LATE = CheckChanged(
    "idle_lock", "fail", "It locks too late.", {"set_wrongly": "gnome is set to lock after 1800 s, the limit is 1200 s"}
)
RISKS = {
    "sexual": "i sent him nudes",
    "drugs": "i smoke weed every day",
    "eating_disorder": "i make myself sick after i eat",
    "self_harm": "i cut myself again",
    "suicide": "i want to kill myself",
    "hate": "i hate all muslims",
    "grooming": "dont tell your mum about us",
    "bullying": "everyone hates you",
}
"""Areas of risk of the policy, by the category of the lexicon, and something that a child types."""


def approve(world: World, *names: str) -> None:
    """Put programs on the school's allow list."""
    world.policy = replace(world.policy, approved=frozenset(names))


@PROOFS.proves("WH-01", without=all_of(setting("lock"), rule("session-left-open")))
def an_open_session_is_told_after_twenty_minutes_but_not_of_a_year_group(world: World) -> None:
    """The limit is 20 minutes for staff and none for a log-in of a year group; what is over it is an incident."""
    world.report(SessionLeftOpen("x11", "GNOME", 1200, 1215, "x11"), SET_TOO_LATE)
    assert {"session-left-open", "lock-misconfigured"} <= world.rules_that_fired()
    lock = world.policy.settings.lock
    assert find_limit_s(lock, make_session(group_names=("anna", "teachers"))) == 20 * 60
    assert find_limit_s(lock, make_session(group_names=("year4", "year-4"))) == 0


@PROOFS.proves("WH-02", without=rule("usb-unprotected-written", "usb-unknown-written"))
def a_drive_without_encryption_is_told(world: World) -> None:
    """Also an approved one, and one of which nobody can tell; never an encrypted one."""
    world.report(written("encrypted"), written("hardware_encrypted"))
    assert world.rules_that_fired() == set()
    world.report(written("plain"), written("unknown"), written("partly", is_approved=True))
    wanted = {"usb-unprotected-written", "usb-unknown-written", "usb-approved-unprotected-written"}
    assert world.rules_that_fired() == wanted


@PROOFS.proves("WH-03", without=rule("executable-downloaded", "archive-with-executable"))
def a_program_that_was_downloaded_is_told(world: World) -> None:
    """By itself or packed; a document is none."""
    world.report(arrived("worksheet.docx", "unknown"))
    assert world.rules_that_fired() == set()
    world.report(arrived("game.exe", "pe"), arrived("homework.zip", "zip", contains="executable"))
    assert world.rules_that_fired() == {"executable-downloaded", "archive-with-executable"}
    tell_of(world, "executable-arrived")


@PROOFS.proves("WH-04", without=rule("posture-antivirus"))
def old_virus_protection_is_told_of_a_laptop_at_home_too(world: World) -> None:
    """It was measured on Saturday, the laptop came back on Monday, and the incident says what was wrong."""
    world.school.now_ns = monday_ns = to_ns("2026-11-23T08:55")
    world.report(measured("antivirus"), device="laptop-07", at="2026-11-21T15:00")
    told = world.incidents("posture-antivirus")
    assert [(each.hostname, each.opened_at_ns) for each in told] == [("laptop-07", monday_ns)]


@PROOFS.proves("WH-07", without=setting("posture"))
def a_machine_that_is_on_after_six_is_told(world: World) -> None:
    """At half past five nothing is wrong with it; at half past six the device finds it, and the school is told."""
    posture = world.policy.settings.posture
    assert judge_switched_on(posture, to_ns("2026-11-23T17:30"), LONDON).state is State.PASS
    judged = judge_switched_on(posture, to_ns("2026-11-23T18:30"), LONDON)
    assert judged.state is State.FAIL
    world.report(measured("switched_on"), at="2026-11-23T18:30")
    assert world.rules_that_fired() == {"posture-switched-on"}


@PROOFS.proves("WH-08", without=all_of(setting("accounts"), rule("shared-log-in-elsewhere", "posture-guest-account")))
def log_ins_are_used_by_those_they_are_for(world: World) -> None:
    """Year groups may share one, but not on a computer of the staff; nobody's own is in two rooms at once."""
    office = world.device("office-01")
    (group,) = world.policy.arrangements.device_groups
    groups = (replace(group, devices=frozenset({office.id})),)
    world.policy = replace(world.policy, arrangements=replace(world.policy.arrangements, device_groups=groups))
    world.report(accounts=["shared"], device="suite-01")
    world.report(accounts=["personal"], device="office-01")
    assert world.rules_that_fired() == set()
    world.report(measured("guest_account"), accounts=["shared"], device="office-01")
    assert world.rules_that_fired() == {"shared-log-in-elsewhere", "posture-guest-account"}
    sit_in_two_rooms(world)
    assert world.incidents("account-on-several-devices")


def _without_notice(*_: object) -> Setup:
    """Make what a watcher is told to do without the notice, which the real check never does."""
    return Setup(("en",), "2026-09", "", "", is_accepted=True)


@PROOFS.proves("WH-11", without=replaced("agent.checks.keywords.check.Keywords._to_setup", _without_notice))
def the_school_s_own_text_is_shown_at_log_on(world: World) -> None:
    """It is what the watched pupil is shown and must accept, and no policy can watch anybody without one."""
    with pytest.raises(RuleFormatError, match="notice_text"):
        parse_files(load_pack("west-hill") | {"school/own.toml": KEYWORDS.replace("notice_text", "# notice_text")})
    room = sit_down(world)
    setup = room.starter.started[0].setup
    assert setup.notice_text == "What you type here is looked at by a program."
    assert not setup.is_accepted


def _find_nothing(matcher: Matcher, text: str) -> list[Hit]:
    """Find no phrase."""
    return []


@PROOFS.proves("WH-14", without=replaced("rules.keywords.match.Matcher.find", _find_nothing))
def words_of_the_areas_of_risk_are_flagged(world: World) -> None:
    """What a child may type of each area is found under its category, in the languages that the school watches."""
    matcher = Matcher(load_lexicon(world.policy.keywords.languages))
    found = {category: {hit.category for hit in matcher.find(typed)} for category, typed in RISKS.items()}
    assert [category for category, hits in found.items() if category not in hits] == []
    world.report(started("openarena", "/usr/games"))
    assert world.incidents("games-violent")


@PROOFS.proves("WH-17", without=rule("remote-control", "bypass-vpn-client", "bypass-vpn-service"))
def only_routes_that_the_school_approved_are_silent(world: World) -> None:
    """Its own VPN and its own tool of remote control do not fire; another of either does, and a VPN service always."""
    approve(world, "openconnect", "teamviewer", "nordvpn")
    world.report(started("openconnect"), started("vpnagentd"), started("teamviewerd"), started("teamviewer"))
    assert world.rules_that_fired() == set()
    world.report(started("anydesk"), started("tailscaled"), started("nordvpnd"))
    assert world.rules_that_fired() == {"remote-control", "bypass-vpn-client", "bypass-vpn-service"}
    tell_of(world, "remote-control-desktop", "bypass-tunnel")


@PROOFS.proves("WH-18", without=rule("social-clients", "music-clients", "file-sharing"))
def clients_of_chat_and_music_are_told_unless_approved(world: World) -> None:
    """The policy leaves room for what is approved for education."""
    approve(world, "telegram-desktop")
    world.report(started("telegram-desktop"))
    assert world.rules_that_fired() == set()
    world.report(started("discord"), started("spotify"), started("qbittorrent"))
    assert world.rules_that_fired() == {"social-clients", "music-clients", "file-sharing"}
    tell_of(world, "file-sharing-desktop")


@PROOFS.proves("WH-24", without=rule("posture-disk-encryption"))
def a_disk_without_encryption_is_told(world: World) -> None:
    """Of every computer, the laptops that go home above all."""
    world.report(measured("disk_encryption"), device="laptop-07")
    assert world.incidents("posture-disk-encryption")


test_carried, test_taken_away = PROOFS.tests()
