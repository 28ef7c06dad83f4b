# SPDX-License-Identifier: Apache-2.0
"""The clauses of Harmonize Academy's policy that are seen on devices, each carried out and each taken away."""

from dataclasses import replace

from agent.checks.keywords.watch import Watch
from agent.session.messages import Accepted, Found, State
from proto.events import AgentThrottled, ChainRestarted, CheckCrashed, MediaCounted, PolicyRefused, TrafficSustained
from rules.model import Policy
from tests.agent.safeguarding import make_found
from tests.clauses.proof import Proofs, all_of, replaced, rule, setting
from tests.clauses.told import (
    AROUND_THE_FILTER,
    BREAKING_IN,
    TOOLS_OF_ATTACK,
    WAYS_AROUND,
    arrived,
    installed,
    measured,
    sit_in_two_rooms,
    started,
    tell_of,
    written,
)
from tests.clauses.watched_desk import sit_down
from tests.clauses.world import World

PROOFS = Proofs("harmonize")
GROSS = "gross-misconduct"
FILM_IN_LESSON = TrafficSustained("vlc", received_bytes=937_500_000, duration_s=300, mean_mbit_s=25.0)
COLLECTION = MediaCounted(audio_files=2400, audio_bytes=12 * 10**9, video_files=60, video_bytes=60 * 10**9)


def response_of(policy: Policy, rule_id: str) -> str:
    """Return which row of the policy a rule names."""
    return next((each.response for each in policy.rules if each.id == rule_id), "none")


def approve(world: World, *names: str) -> None:
    """Put programs on the school's allow list."""
    world.policy = replace(world.policy, approved=frozenset(names))


@PROOFS.proves("HZ-01", without=rule(*AROUND_THE_FILTER))
def vpn_proxy_and_tor_are_forbidden_whatever_is_approved(world: World) -> None:
    """Each is an incident and gross misconduct, and no allow list silences one."""
    approve(world, "tor", "openvpn", "nordvpn")
    world.report(*WAYS_AROUND)
    assert set(AROUND_THE_FILTER) <= world.rules_that_fired()
    assert {response_of(world.policy, each) for each in AROUND_THE_FILTER} == {GROSS}


@PROOFS.proves("HZ-02", without=rule(*BREAKING_IN, "network-inspection"))
def tools_that_crack_and_hack_are_forbidden(world: World) -> None:
    """Tools of each sort are incidents and high; what the ICT team approved to look into its network is silent."""
    world.report(*TOOLS_OF_ATTACK, started("wireshark"))
    assert {*BREAKING_IN, "network-inspection"} <= world.rules_that_fired()
    assert {each.severity for each in world.incidents() if each.rule in BREAKING_IN} == {5}


@PROOFS.proves("HZ-03", without=rule("unlisted-software", "executable-downloaded"))
def software_without_leave_is_misconduct(world: World) -> None:
    """What was installed and what was downloaded, freeware too, unless it is on the ICT team's list."""
    approve(world, "gimp")
    world.report(installed("gimp"))
    assert world.rules_that_fired() == set()
    world.report(installed("cool-wallpapers"), arrived("freeware.exe", "pe"))
    assert world.rules_that_fired() == {"unlisted-software", "executable-downloaded"}
    tell_of(world, "executable-arrived", "archive-with-executable")
    assert response_of(world.policy, "unlisted-software") == "misconduct"


@PROOFS.proves("HZ-05", without=rule("usb-unprotected-written", "usb-unknown-written"))
def a_stick_in_clear_is_gross_misconduct(world: World) -> None:
    """Written to in the clear, or nobody can tell: an incident. Written to an encrypted one: none."""
    world.report(written("encrypted"))
    assert world.rules_that_fired() == set()
    world.report(written("plain"), written("unknown"))
    assert world.rules_that_fired() == {"usb-unprotected-written", "usb-unknown-written"}
    assert max(each.severity for each in world.incidents("usb-unprotected-written")) == 5
    assert response_of(world.policy, "usb-unprotected-written") == GROSS


@PROOFS.proves("HZ-06", without=all_of(setting("downloads"), rule("file-sharing")))
def much_music_is_looked_at_and_no_misconduct_by_itself(world: World) -> None:
    """Devices are asked to count, much of it is information without a response, and file sharing is misconduct."""
    world.report(started("qbittorrent"), started("transmission-gtk"))
    assert world.incidents("file-sharing")
    assert world.incidents("file-sharing-desktop")
    assert world.policy.settings.downloads.count_media
    world.report(COLLECTION)
    assert {"media-audio", "media-video"} <= world.rules_that_fired()
    assert {each.severity for each in world.incidents() if each.rule.startswith("media-")} == {1}
    assert response_of(world.policy, "media-audio") == ""


@PROOFS.proves("HZ-07", without=all_of(setting("accounts"), rule("posture-guest-account")))
def another_s_account_shows_where_it_is_twice(world: World) -> None:
    """One personal account on two devices at once, an account that anybody can use, and a session left open."""
    sit_in_two_rooms(world)
    world.report(measured("guest_account"))
    assert {"account-on-several-devices", "posture-guest-account"} <= world.rules_that_fired()
    tell_of(world, "session-left-open")


@PROOFS.proves("HZ-09", without=rule("posture-antivirus", "posture-unknown"))
def old_virus_protection_is_told_and_so_is_what_nobody_knows(world: World) -> None:
    """Missing or old: an incident. Not known: one too, and never good."""
    world.report(measured("antivirus"), device="library-01")
    world.report(measured("antivirus", "unknown"), device="library-02")
    assert world.rules_that_fired() == {"posture-antivirus", "posture-unknown"}


@PROOFS.proves("HZ-11", without=rule("agent-policy-refused", "agent-check-crashed", "agent-paused"))
def whoever_is_at_the_agent_shows(world: World) -> None:
    """A policy from elsewhere, a check that breaks, an agent that is kept busy, a queue that is gone."""
    world.report(
        PolicyRefused(7, "the bundle is not signed by this device's collector"),
        CheckCrashed("software", "OSError"),
        AgentThrottled("paused", 12.5, 61.0),
    )
    wanted = {"agent-policy-refused", "agent-check-crashed", "agent-paused"}
    assert wanted <= world.rules_that_fired()
    tell_of(world, "agent-recipients-refused", "agent-events-lost")
    assert response_of(world.policy, "agent-policy-refused") == GROSS
    speaker = world.device()
    speaker.start_epoch()
    world.report(ChainRestarted("lost", 1))
    assert [each for each in world.incidents() if "queue" in each.summary]


def _take_all(watch: Watch, report: Found) -> None:
    """Keep what was typed whether the notice was accepted or not, as the real watch never does."""
    watch._waiting[report.tier] += 1
    watch._found.append((watch._clock_ns(), report))


@PROOFS.proves("HZ-14", without=replaced("agent.checks.keywords.watch.Watch._take_found", _take_all))
def nobody_is_watched_who_was_not_told(world: World) -> None:
    """What is typed before the notice was accepted is not kept; afterwards it is."""
    room = sit_down(world)
    watcher = room.starter.started[0]
    watcher.begin()
    watcher.say(make_found("i want to die"))
    room.look(0)
    assert room.hits == []
    watcher.say(Accepted(watcher.setup.notice_version))
    watcher.say(State("watching"))
    watcher.say(make_found("i want to die"))
    room.look()
    assert [hit.found.sentence for hit in room.hits] == ["i want to die"]


@PROOFS.proves("HZ-16", without=rule("traffic-sustained", "traffic-sudden"))
def a_stream_in_a_lesson_is_told_by_its_volume(world: World) -> None:
    """In school hours it is an incident, in the evening the line is nobody else's."""
    world.report(FILM_IN_LESSON, at="2026-11-23T19:00")
    assert world.rules_that_fired() == set()
    world.report(FILM_IN_LESSON, at="2026-11-24T10:00")
    assert world.rules_that_fired() == {"traffic-sustained"}
    assert response_of(world.policy, "traffic-sustained") == GROSS
    tell_of(world, "traffic-sudden", at="2026-11-24T10:30")


@PROOFS.proves("HZ-17", without=rule("posture-administrators", "privileged-session"))
def a_privileged_account_is_told(world: World) -> None:
    """One that signs in at a screen, and one that administers a machine and is not listed; a teacher's is not."""
    world.report(accounts=["personal"], device="staffroom-01")
    assert world.rules_that_fired() == set()
    world.report(measured("administrators"), accounts=["administrator"])
    assert world.rules_that_fired() == {"posture-administrators", "privileged-session"}


test_carried, test_taken_away = PROOFS.tests()
