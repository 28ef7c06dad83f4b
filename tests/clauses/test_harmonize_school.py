# SPDX-License-Identifier: Apache-2.0
"""The clauses of Harmonize Academy's policy that people at the console carry out, each also taken away."""

from collector.audit import list_entries
from collector.people import find_person
from collector.policies import load_policy
from collector.roles import Role
from collector.verifier.schoolwarden_verify import verify
from proto.events import UsbAttached, UsbDevice
from tests.clauses.incident_page import HEADING, WITHOUT_ROWS, list_steps, open_incident, record
from tests.clauses.proof import Proofs, route
from tests.clauses.told import installed, started, written
from tests.clauses.world import World
from tests.collector.console.pages.test_people import upload
from tests.collector.people.lists import write_list

PROOFS = Proofs("harmonize")
STICK = {
    "stick": "0951:1666",
    "serial": "60A44C413A",
    "first": "",
    "last": "2027-02-12",
    "review": "2027-01-15",
    "reason": "Reports of year 9 go to the exam board",
}
TEACHER = {"person_id": "t1", "kind": "staff", "accounts": "directory:anna", "from": "2026-09-01"}


@PROOFS.proves("HZ-04", without=route("/exceptions/ask-stick"))
def a_device_for_pupil_data_is_asked_for_decided_and_kept_in_a_register(world: World) -> None:
    """Who asked cannot decide; granted, it is on the register until its end, and must be encrypted all the same."""
    world.publish()
    technician, manager = world.visit(Role.TECHNICIAN), world.visit(Role.ICT_MANAGER)
    assert technician.get("/exceptions/ask-stick").status == 200
    asked = technician.post("/exceptions/ask-stick", STICK)
    assert asked.status == 303
    page = asked.location.partition("?")[0]
    assert technician.post(f"{page}/grant", {"note": "fine"}).status == 403
    assert "Reports of year 9 go to the exam board" in manager.get(page).words
    assert manager.post(f"{page}/grant", {"note": "an encrypted one"}).status == 303
    assert "Reports of year 9 go to the exam board" in manager.get("/exceptions").words
    assert "60a44c413a" in technician.get("/media").words
    register = manager.get("/exceptions/register.csv").text
    assert all(each in register for each in ("technician", "ict_manager", "60A44C413A".lower(), "2027-01-15"))
    in_force = load_policy(world.school.engine, world.school.config)
    assert [(each.serial, each.until) for each in in_force.settings.media] == [("60a44c413a", "2027-02-12")]
    world.report(written("plain", is_approved=True))
    assert world.incidents("usb-approved-unprotected-written")


@PROOFS.proves("HZ-08", without=WITHOUT_ROWS)
def what_is_done_is_acceptable_misconduct_or_gross_misconduct(world: World) -> None:
    """The incident says under which class of the policy it falls, and what follows from it."""
    technician, page = open_incident(world, installed("cool-wallpapers"), "unlisted-software")
    assert f"{HEADING} Unacceptable: misconduct" in technician.get(page).words
    world.report(started("tor"), UsbAttached(UsbDevice("0951", "1666", protection="plain")))
    (tor,) = world.incidents("bypass-tor")
    assert f"{HEADING} Forbidden: gross misconduct" in technician.get(f"/incidents/{tor.id}").words
    (read,) = world.incidents("usb-unprotected-attached")
    assert read.action_class == "acceptable"


@PROOFS.proves("HZ-13", without=route("/incidents/{incident_id}/respond"))
def misuse_is_recorded_with_evidence_and_outcome(world: World) -> None:
    """The head for staff and the police for what may be illegal are named; outcome and signed evidence are kept."""
    technician, page = open_incident(world, started("nordvpnd"), "bypass-vpn-service")
    assert "Headteacher Due" in list_steps(technician.get(page).words)
    assert "Police" in list_steps(technician.get(f"{page}?row=illegal").words)
    assert record(technician, page, "staff/headteacher", "A formal warning").status == 303
    assert "A formal warning" in technician.get("/incidents/log").words
    technician.get(page)
    assert verify(technician.post(f"{page}/evidence").body)["problems"] == []


@PROOFS.proves("HZ-15", without=route("/policy"))
def changes_are_noted_for_those_who_lead(world: World) -> None:
    """Which policy came into force, on whose word and why, is there for a trustee to read."""
    world.publish()
    page = world.visit(Role.GOVERNOR).get("/policy")
    assert page.status == 200
    assert "Harmonize Academy" in page.words


@PROOFS.proves("HZ-18", without=route("/people"))
def who_has_access_is_kept_up_to_date(world: World) -> None:
    """The school's own list is taken with its dates; a leaver's last day is kept, and each import is in the log."""
    administrator = world.visit(Role.ADMINISTRATOR)
    assert upload(administrator, write_list(TEACHER), what="import").status == 200
    assert upload(administrator, write_list(TEACHER | {"until": "2026-12-18"}), what="import").status == 200
    person = find_person(world.school.engine, world.school.id, "directory:anna")
    assert person is not None
    assert person.until_date == "2026-12-18"
    assert [each.action for each in list_entries(world.school.engine, world.school.id)].count("people.imported") == 2


test_carried, test_taken_away = PROOFS.tests()
