# SPDX-License-Identifier: Apache-2.0
"""The clauses of Winchelsea School's policy, each carried out and each taken away."""

import time
from dataclasses import replace

from agent import explain
from agent.session.reading import SETTLED_S, Finding, Place, Reading
from collector.roles import Role
from proto.events import Audience, UsbAttached, UsbDevice
from rules.keywords.lexicon import load_lexicon
from rules.keywords.match import Hit, Matcher
from rules.keywords.sentence import find_sentence
from tests.clauses.incident_page import WITHOUT_ROWS, list_steps, open_incident, record
from tests.clauses.machine import ACCOUNT_KEY, Machine
from tests.clauses.proof import Proofs, all_of, replaced, rule, setting
from tests.clauses.told import (
    AROUND_THE_FILTER,
    BREAKING_IN,
    TOOLS_OF_ATTACK,
    WAYS_AROUND,
    arrived,
    fits,
    measured,
    sit_in_two_rooms,
    started,
    tell_of,
)
from tests.clauses.world import World
from tests.collector.people.lists import take

PROOFS = Proofs("winchelsea")
STAFF_CONDUCT = Audience.STAFF_CONDUCT
TEACHER = {"person_id": "t.teacher", "kind": "staff", "accounts": "directory:t.teacher"}
PUPIL = {"person_id": "p.pupil", "year_group": "8", "accounts": "directory:p.pupil"}


def _start_before(world: World, account_name: str, hostname: str) -> None:
    """Let the usual ways around the filter be started while an account of the school's register is signed in."""
    if world.account_key is None:
        world.account_key = ACCOUNT_KEY
        take(world.school, TEACHER, PUPIL)
    Machine(world, hostname).sit_down(account_name)
    world.report(*WAYS_AROUND, device=hostname)


@PROOFS.proves("WI-02", without=rule("staff-around-filter"))
def what_staff_do_goes_to_their_line_manager_alone(world: World) -> None:
    """A way around the filter before a known member of staff is on the line manager's page and the technician's has no
    word of staff; before a known pupil there is none; where nobody knows, it says so."""
    _start_before(world, "p.pupil", "library-01")
    assert world.incidents("staff-around-filter", audience=STAFF_CONDUCT) == []
    _start_before(world, "t.teacher", "staff-01")
    told = world.incidents("staff-around-filter", audience=STAFF_CONDUCT)
    assert {each.hostname for each in told} == {"staff-01"}
    page = world.visit(Role.LINE_MANAGER).get("/incidents").words
    assert all(each.summary in page for each in told)
    technician = world.visit(Role.TECHNICIAN)
    assert "where staff may have a session" not in technician.get("/incidents").words
    assert technician.get(f"/incidents/{told[0].id}").status == 404
    _start_before(world, "somebody.else", "hall-01")
    told = world.incidents("staff-around-filter", audience=STAFF_CONDUCT)
    assert {each.hostname for each in told} == {"staff-01", "hall-01"}
    assert all("staff may have a session" in each.rule_title for each in told)


@PROOFS.proves("WI-03", without=rule("young-pupil-script", "examination-usb-attached", "macro-document-downloaded"))
def how_much_is_told_depends_on_age_system_and_setting(world: World) -> None:
    """A script in year 3 or where nobody knows, and not in year 10; a stick while examinations last; a macro but not in
    the office."""
    script = arrived("setup.ps1", "script")
    assert "young-pupil-script" in fits(world, script, roles={"pupil"}, years={"3"})
    assert "young-pupil-script" not in fits(world, script, roles={"pupil"}, years={"10"})
    world.report(script)
    assert ["may have been" in each.rule_title for each in world.incidents("young-pupil-script")] == [True]
    stick = UsbAttached(UsbDevice("0951", "1666", protection="encrypted"))
    world.report(stick, at="2027-04-20T09:30")
    assert "examination-usb-attached" not in world.rules_that_fired()
    world.report(stick, at="2027-05-18T09:30")
    assert "examination-usb-attached" in world.rules_that_fired()
    macro, (office,) = arrived("form.xlsm", "document", contains="script"), world.policy.arrangements.device_groups
    groups = (replace(office, devices=frozenset({"office-pc"})),)
    world.policy = replace(world.policy, arrangements=replace(world.policy.arrangements, device_groups=groups))
    assert "macro-document-downloaded" in fits(world, macro, device_id="library-pc")
    assert "macro-document-downloaded" not in fits(world, macro, device_id="office-pc")


@PROOFS.proves("WI-04", without=replaced("collector.incidents.Incident.is_illegal", False))
def what_may_be_illegal_stops_everything_else(world: World) -> None:
    """A card comes first, nothing is resolved before the police were decided on, and nothing can be deleted."""
    technician, page = open_incident(world, started("mimikatz"), "cracking-credentials")
    words = technician.get(page).words
    assert "Do not investigate." in words
    assert words.index("Do not investigate.") < words.index("What the policy names for this")
    assert "Do not copy." in words
    refused = technician.post(f"{page}/resolve", {"note": "removed"})
    assert refused.status == 400
    named = list_steps(technician.get(f"{page}?row=indecent-images").words)
    assert named.count("Police") == 2
    assert "Local authority designated officer (LADO)" in named
    assert "delete</button>" not in technician.get(page).text.lower()
    record(technician, page, "staff/police", "Told at 10:40, they come today")
    assert technician.post(f"{page}/resolve", {"note": "with the police"}).status == 303


@PROOFS.proves("WI-05", without=rule(*AROUND_THE_FILTER))
def a_way_around_the_filter_is_told_to_be_challenged(world: World) -> None:
    """Every kind of it is an incident whose advice is to challenge it, and that the policy's own row answers."""
    world.report(*WAYS_AROUND, accounts=["shared"])
    assert set(AROUND_THE_FILTER) <= world.rules_that_fired()
    told = {rule.id: rule for rule in world.policy.rules}
    assert all(told[each].response == "safety-mechanism" for each in AROUND_THE_FILTER)
    assert "Challenge it" in told["bypass-proxy"].advice


@PROOFS.proves("WI-06", without=WITHOUT_ROWS)
def breaches_go_to_the_line_manager_and_crimes_to_police_and_lado(world: World) -> None:
    """What the policy names for staff stands on the incident, and who did what is kept."""
    manager, page = open_incident(
        world, started("nordvpnd"), "staff-around-filter", role=Role.LINE_MANAGER, audience=STAFF_CONDUCT
    )
    words = manager.get(page).words
    assert "Line manager" in list_steps(words)
    assert "disciplinary procedure" in words
    illegal = list_steps(manager.get(f"{page}?row=illegal-act").words)
    assert all(each in illegal for each in ("Police", "(LADO)", "Children’s social care"))
    assert record(manager, page, "staff/line_manager", "Spoke with him, it was for a course").status == 303
    assert "Spoke with him, it was for a course" in manager.get(page).words


@PROOFS.proves(
    "WI-07",
    without=rule("file-sharing", *BREAKING_IN, "executable-downloaded", "posture-antivirus"),
)
def illegal_downloads_hacking_and_viruses_are_told(world: World) -> None:
    """File sharing, tools that break in, a program that was downloaded, and no protection against viruses."""
    told = (started("qbittorrent"), *TOOLS_OF_ATTACK, arrived("game.exe", "pe"), measured("antivirus"))
    world.report(*told)
    tell_of(world, "file-sharing-desktop", "executable-arrived", "archive-with-executable")
    wanted = {"file-sharing", *BREAKING_IN, "executable-downloaded", "posture-antivirus"}
    assert wanted <= world.rules_that_fired()
    assert {each.action_class for each in world.incidents() if each.rule in BREAKING_IN} == {"illegal"}


@PROOFS.proves("WI-08", without=all_of(setting("accounts"), rule("posture-guest-account")))
def a_password_that_several_use_shows(world: World) -> None:
    """One personal account on two devices at once, an account that has no password at all, and a session left open."""
    sit_in_two_rooms(world)
    world.report(measured("guest_account"))
    assert {"account-on-several-devices", "posture-guest-account"} <= world.rules_that_fired()
    tell_of(world, "session-left-open")


@PROOFS.proves("WI-09", without=WITHOUT_ROWS)
def bullying_is_known_by_its_words_and_has_its_sanctions(world: World) -> None:
    """Bullying words are found, and the policy's row names sanctions, with the safe-schools team for the worst."""
    hits = Matcher(load_lexicon(world.policy.keywords.languages)).find("everyone hates you")
    assert {hit.category for hit in hits} == {"bullying"}
    technician, page = open_incident(world, started("discord"), "social-clients")
    named = list_steps(technician.get(f"{page}?row=cyber-bullying").words)
    assert "Further sanction" in named
    assert "Safe-schools team Later" in named


def _with_its_time(hit: Hit, sentence: str, start: int, end: int, place: Place) -> Finding:
    """Make a finding that tells when it was made, which the real one never does."""
    return Finding(hit, sentence, start, end, replace(place, window=f"{place.window} {time.monotonic_ns()}"))


@PROOFS.proves("WI-10", without=replaced("agent.session.reading.Finding", _with_its_time))
def nothing_of_how_somebody_types_is_kept(world: World) -> None:
    """The same sentence typed fast and haltingly leaves the same words behind, and `explain` promises it."""
    matcher = Matcher(load_lexicon(world.policy.keywords.languages))

    def type_with(pauses_s: tuple[float, ...]) -> list[Finding]:
        now_s, typed = 1000.0, Reading(matcher.find, find_sentence)
        typed.move(Place("Essay", "My essay"), now_s)
        for number, letter in enumerate("i want to kill myself. "):
            now_s += pauses_s[number % len(pauses_s)]
            typed.add(letter, now_s)
        left: list[Finding] = []
        while not left and now_s < 2000:
            now_s += SETTLED_S
            left += typed.take(now_s)
        return left

    fast, halting = type_with((0.05,)), type_with((0.1, 0.7, 0.3))
    assert fast
    assert fast == halting
    assert any("when each key was pressed" in each for each in explain.NEVER)


@PROOFS.proves("WI-11", without=rule("staff-around-filter"))
def staff_who_go_around_the_filter_are_a_matter_of_discipline(world: World) -> None:
    """With staff at the device it is one more incident, about conduct, and with pupils alone it is not; when nobody
    knows who is there, it is."""
    proxy = started("psiphon3")
    assert {"staff-around-filter", "bypass-proxy"} <= fits(world, proxy, roles={"staff"})
    assert fits(world, proxy, roles={"pupil"}) == {"bypass-proxy"}
    assert fits(world, proxy) == {"staff-around-filter", "bypass-proxy"}
    _start_before(world, "t.teacher", "staff-01")
    told = world.incidents("staff-around-filter", audience=STAFF_CONDUCT)
    assert told
    assert {(each.action_class, each.severity) for each in told} == {("unacceptable", 4)}
    assert all("WI-11" in each.clauses for each in told)
    assert set(AROUND_THE_FILTER) <= world.rules_that_fired()


test_carried, test_taken_away = PROOFS.tests()
