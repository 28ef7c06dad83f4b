# SPDX-License-Identifier: Apache-2.0
"""Bexton's clauses that people carry out with the collector, each shown with what carries it and without. Those that
machines can see are in `test_bexton`."""

from datetime import timedelta

from sqlalchemy import select

from collector import erasure, flags
from collector.audit import list_entries
from collector.changes import ChangeState, list_changes
from collector.policies import load_policy
from collector.roles import Role
from collector.store.engine import reading
from collector.store.schema import payloads
from collector.tombstones import Reason
from proto.events import Missing, Program, ProgramStarted, UsbDevice, UsbWritten
from proto.keys import load_signer
from rules.responses import Step
from rules.route import Route
from tests.clauses.incident_page import WITHOUT_ROWS, find_steps, open_incident, record
from tests.clauses.proof import Proofs, replaced, route
from tests.clauses.told import tell_of
from tests.clauses.watched_desk import load_readers
from tests.clauses.world import World
from tests.collector.console.pages.conftest import come_in
from tests.collector.safeguarding import PUPIL, Person, Safeguarding, build_safeguarding
from tests.tree import ROOT

PROOFS = Proofs("bexton")
VPN = ProgramStarted(Program("nordvpn", path="/opt/nordvpn", source="process"))
GAME = ProgramStarted(Program("steam", path="/opt/steam", source="process"))
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
STICK = UsbWritten(UsbDevice("0951", "1666", serial="B", protection="plain"), 10**6)


@PROOFS.proves("BX-02", without=WITHOUT_ROWS)
def an_incident_offers_the_pupils_table_and_keeps_what_came_of_it(world: World) -> None:
    """A VPN: eight steps of the table for a pupil, and the police are not among them; a warning is recorded."""
    pupils = [row for row in world.policy.responses if row.pupil]
    assert (len(pupils), sum(len(row.pupil) for row in pupils)) == (15, 106)
    technician, address = open_incident(world, VPN, "bypass-vpn-service")
    page = technician.get(address)
    pupil = find_steps(page, "pupil")
    assert {"Class teacher", "Headteacher", "Parents or carers told", "Access taken away"} <= pupil.keys()
    assert len(pupil) == 8
    assert "Police" not in pupil
    assert record(technician, address, "pupil/warning", "The class teacher talked to the class.").status == 303
    assert find_steps(technician.get(address), "pupil")["Warning"] == "Done"


@PROOFS.proves("BX-03", without=WITHOUT_ROWS)
def an_incident_offers_the_staff_s_table(world: World) -> None:
    """A stick without encryption: line manager, headteacher and a warning, and nothing for a pupil."""
    staff = [row for row in world.policy.responses if row.staff]
    assert len({row.id for row in staff}) == 19
    assert all(step in {offer.step for row in staff for offer in row.staff} for step in (Step.HR, Step.SUSPENSION))
    technician, address = open_incident(world, STICK, "usb-unprotected-written")
    page = technician.get(address)
    assert find_steps(page, "pupil") == {}
    assert find_steps(page, "staff").keys() == {"Line manager", "Headteacher", "Warning"}
    assert record(technician, address, "staff/line_manager", "The stick was exchanged.").status == 303
    assert find_steps(technician.get(address), "staff")["Line manager"] == "Done"


def list_seen(safeguarding: Safeguarding, person: Person) -> set[str]:
    """Return the flags that somebody can open."""
    school = safeguarding.school
    return {each.id for each in flags.list_flags(school.engine, school.id, reader=safeguarding.reader(person))}


def choose_on_device(world: World, safeguarding: Safeguarding, sentence: str) -> str:
    """Return the route that a device of the school gives to what a pupil typed."""
    store = load_readers(world, safeguarding)
    assert store.in_force is not None
    subjects = store.in_force.find_subjects(PUPIL, sentence, "", "Essay", "gedit")
    return store.in_force.choose(subjects)[0].value


@PROOFS.proves("BX-12", without=replaced("agent.readers.choose_route", lambda holders, subjects: Route.DSL))
def what_may_be_about_somebody_is_read_by_somebody_above(world: World) -> None:
    """A sentence about the head goes to the chair, one about the safeguarding lead to the head; the pack says why."""
    safeguarding = build_safeguarding(world.school)
    about_head, about_lead = (
        safeguarding.raise_flag(
            world.device(), route=choose_on_device(world, safeguarding, sentence), sentence=sentence
        )
        for sentence in ("Mrs Head hurt me after school", "Ms Dale hurt me after school")
    )
    assert list_seen(safeguarding, safeguarding.chair) == {about_head}
    assert list_seen(safeguarding, safeguarding.head) == {about_lead}
    assert list_seen(safeguarding, safeguarding.dsl) == set()
    (departure,) = (each for each in world.policy.arrangements.departures if each.clause == "BX-12")
    assert departure.follows == "guidance"
    assert "chair of governors" in departure.guidance
    world.publish()
    governor = world.visit(Role.GOVERNOR)
    assert departure.why.split(";")[0] in governor.get("/coverage").words
    page = come_in(governor.app, world.school, safeguarding.chair).get("/flags").text
    assert (f'id="flag-{about_head}"' in page, f'id="flag-{about_lead}"' in page) == (True, False)


@PROOFS.proves("BX-13", without=replaced("collector.composition.find_weakenings", lambda before, after: []))
def a_safeguard_is_switched_off_by_two_people_for_a_while_and_in_the_log(world: World) -> None:
    """Who asks cannot agree; the headteacher does, it ends by itself, and the log has both."""
    world.publish()
    technician, head = world.visit(Role.TECHNICIAN), world.visit(Role.HEADTEACHER)
    technician.get("/policy/pause")
    wanted = {"what": "check:usb_storage", "length": "2 hours", "reason": "The stick of the fire service"}
    assert technician.post("/policy/pause", wanted).status == 303
    assert load_policy(world.school.engine, world.school.config).arrangements.pauses == ()
    (asked,) = list_changes(world.school.engine, world.school.id)
    assert asked.state is ChangeState.PROPOSED
    assert technician.post(f"/policy/changes/{asked.id}/agree", {"note": ""}).status == 403
    head.get(f"/policy/changes/{asked.id}")
    assert head.post(f"/policy/changes/{asked.id}/agree", {"note": "For this morning."}).status == 303
    (paused,) = load_policy(world.school.engine, world.school.config).arrangements.pauses
    assert paused.last - paused.first == timedelta(hours=2)
    logged = {entry.actor for entry in list_entries(world.school.engine, world.school.id, limit=50)}
    assert {"technician", "headteacher"} <= logged
    assert "The stick of the fire service" in head.get("/policy").words


@PROOFS.proves("BX-15", without=route("/exceptions/{exception_id}/grant"))
def who_asks_for_an_exception_does_not_decide_it_and_it_is_reviewed(world: World) -> None:
    """The technician asks for one, the ICT manager decides, and the register says who, why and when it is looked at."""
    world.publish()
    device = world.device("office-01")
    technician, manager = world.visit(Role.TECHNICIAN), world.visit(Role.ICT_MANAGER)
    technician.get("/exceptions/ask")
    wanted = {
        "rule": "shopping-helpers",
        "devices": "office-01",
        "last": "2027-01-29",
        "review": "2026-12-18",
        "reason": "The office orders for the school.",
    }
    asked = technician.post("/exceptions/ask", wanted)
    assert asked.status == 303, asked.words
    address = asked.location.partition("?")[0]
    assert technician.post(f"{address}/grant", {"note": ""}).status == 403
    manager.get(address)
    assert "The office orders for the school." in manager.get("/exceptions").words
    assert manager.post(f"{address}/grant", {"note": "Agreed with the business manager."}).status == 303
    (exception,) = load_policy(world.school.engine, world.school.config).arrangements.exceptions
    assert (exception.rules, exception.devices) == (("shopping-helpers",), (device.id,))
    register = technician.get("/exceptions/register.csv").text
    assert all(part in register for part in ("technician", "ict_manager", "2026-12-18", "orders for the school"))


@PROOFS.proves("BX-22", without=replaced("collector.erasure.erase_contents", lambda *_, **__: 0))
def what_is_no_longer_needed_is_erased_and_that_it_was_is_kept(world: World) -> None:
    """The content of an event goes on somebody's word; that it went stays. A machine that is not secure is told."""
    world.report(GAME)
    (incident,) = world.incidents("games-clients")
    engine, school_id = world.school.engine, world.school.id
    events = erasure.list_events_of(engine, school_id, incident.id)
    signer = load_signer(world.school.config.signing_key)
    erasure.erase_events(
        engine, school_id, signer, events, reason=Reason.MISTAKE, note="A mistake", now_ns=world.school.now_ns
    )
    with reading(engine) as connection:
        left = connection.execute(select(payloads).where(payloads.c.event_id.in_(events))).all()
    assert [(row.body, row.missing) for row in left] == [(b"", Missing.ERASED)] * len(events)
    tell_of(world, "posture-firewall", "posture-updates", "posture-os-support")


@PROOFS.proves("BX-24", without=route("/parents/{incident_id}/veto"))
def parents_are_told_unless_the_safeguarding_lead_says_no(world: World) -> None:
    """Nobody records it before the lead was asked; after the lead's no, nobody can, and nobody else learns why."""
    technician, address = open_incident(world, VPN, "bypass-vpn-service")
    lead = world.visit(Role.DSL)
    assert "Parents or carers told" in find_steps(technician.get(address), "pupil")
    assert record(technician, address, "pupil/parents", "Told by telephone.").status != 303
    assert technician.post(f"{address}/ask-parents").status == 303
    incident = address.rpartition("/")[2]
    lead.get("/parents")
    assert lead.post(f"/parents/{incident}/veto", {"ground": "harm"}).status == 303
    assert record(technician, address, "pupil/parents", "Told by telephone.").status != 303
    seen = technician.get(address).words
    assert "not to be told" in seen
    assert "harm" not in seen
    assert technician.get("/parents").status == 403


WITHOUT_KEYS = SECURITY.partition("## Keys and who keeps them")[0]


@PROOFS.proves("BX-25", without=replaced("tests.clauses.test_bexton_people.SECURITY", WITHOUT_KEYS))
def who_keeps_the_system_s_own_keys_is_written_down(world: World) -> None:
    """Every secret in the collector's folder has a row with its place, and the business manager a sealed copy."""
    chapter = SECURITY.partition("## Keys and who keeps them")[2].partition("\n## ")[0]
    places = " ".join(line.split("|")[3] for line in chapter.splitlines() if line.startswith("| "))
    config = world.school.config
    kept = (config.signing_key, config.ledger_key, config.subject_key, config.second_factor_key, config.account_key)
    assert [each.name for each in (*kept, config.authority_folder) if each.name not in places] == []
    assert "The school business manager holds a sealed copy of the collector's folder" in " ".join(chapter.split())


test_carried, test_taken_away = PROOFS.tests()
