# SPDX-License-Identifier: Apache-2.0
"""Western's clauses that people carry out with the collector, each shown with what carries it and without. Those that
machines can see are in `test_western`."""

import csv
import io

from collector.roles import Role
from proto.events import Program, ProgramStarted
from tests.clauses.incident_page import WITHOUT_ROWS, find_steps, open_incident, record
from tests.clauses.proof import Proofs, replaced, route
from tests.clauses.removals import without_escalations
from tests.clauses.told import show_escalations
from tests.clauses.world import World
from tests.collector.console.visitor import Visitor
from tests.collector.safeguarding import PASSWORD, build_safeguarding

PROOFS = Proofs("western")
GAME = ProgramStarted(Program("steam", path="/opt/steam", source="process"))
CRACKER = ProgramStarted(Program("mimikatz.exe", path="/opt/mimikatz.exe", source="process"))
VPN = ProgramStarted(Program("nordvpn", path="/opt/nordvpn", source="process"))


@PROOFS.proves("WE-08", without=route("/incidents/log.csv"))
def the_incident_log_has_the_columns_of_the_form(world: World) -> None:
    """Date, place, description, action taken and who recorded it, with room for a signature."""
    technician, address = open_incident(world, GAME, "games-clients")
    assert record(technician, address, "pupil/dsl", "The DSL talked to the class.").status == 303
    assert "The DSL talked to the class." in technician.get("/incidents/log").words
    taken = technician.get("/incidents/log.csv")
    assert taken.status == 200
    (row,) = csv.DictReader(io.StringIO(taken.text.lstrip("\ufeff")))
    assert row["date"].startswith("23 Nov 2026") or row["date"].startswith("2026-11-23")
    assert row["where_it_took_place"] == "library-01"
    assert "Steam was started" in row["description"]
    assert "The DSL talked to the class." in row["action_taken"]
    assert (row["recorded_by"], row["signature"]) == ("technician", "")


@PROOFS.proves("WE-09", without=route("/flags/{flag_id}/decide"))
def the_dsl_s_word_on_each_concern_is_kept(world: World) -> None:
    """What the DSL made of a flag and what was done stand on its page, with the name and the day."""
    safeguarding = build_safeguarding(world.school)
    dana = Visitor(world.visit(Role.GOVERNOR).app)
    dana.sign_in(safeguarding.dsl.name, PASSWORD)
    world.school.add_second_factor(safeguarding.dsl.name)
    dana.give_code(world.school.make_code(safeguarding.dsl.name))
    flag_id = safeguarding.raise_flag(world.device())
    address = f"/flags/{flag_id}"
    assert f'id="flag-{flag_id}"' in dana.get("/flags").text
    dana.get(address)
    said = {"verdict": "concern", "category": "suicide", "action": "talked_to_child"}
    assert dana.post(f"{address}/decide", said).status == 303
    page = dana.get(address).words
    assert "Talked to the child" in page
    assert "dana" in page


@PROOFS.proves("WE-10", without=replaced("collector.incidents.is_decided_about_police", lambda *_: True))
def the_police_are_considered_before_a_serious_incident_is_closed(world: World) -> None:
    """A tool that takes passwords: the page says what not to do, and it stays open until the decision is recorded."""
    technician, address = open_incident(world, CRACKER, "cracking-credentials")
    page = technician.get(address)
    assert "Do not investigate" in page.words
    assert find_steps(page, "pupil")["Police"] == "Due"
    closed = {"note": "The program was removed."}
    assert technician.post(f"{address}/resolve", closed).status != 303
    assert [each.state for each in world.incidents("cracking-credentials")] == ["open"]
    assert record(technician, address, "pupil/police", "The headteacher decided not to report it.").status == 303
    assert technician.post(f"{address}/resolve", closed).status == 303
    assert [each.state for each in world.incidents("cracking-credentials")] == ["resolved"]


@PROOFS.proves("WE-13", without=WITHOUT_ROWS)
def what_is_done_goes_by_seriousness_and_by_whom_it_was(world: World) -> None:
    """The first time parents are for later; pupils and staff each have their own steps."""
    technician, address = open_incident(world, GAME, "games-clients")
    page = technician.get(address)
    assert find_steps(page, "pupil") == {
        "Designated safeguarding lead": "Due",
        "Parents or carers told": "Later",
        "Further sanction": "Later",
    }
    assert "Headteacher" in find_steps(page, "staff")
    assert record(technician, address, "staff/headteacher", "It was a supply teacher's.").status == 303
    assert find_steps(technician.get(address), "staff")["Headteacher"] == "Done"


@PROOFS.proves("WE-15", without=without_escalations)
def what_comes_again_is_escalated_by_itself(world: World) -> None:
    """The same VPN a third time is of the highest severity, and what was for later is due; what is of each other rule
    that escalates gets worse too."""
    world.report(VPN, at="2026-11-23T10:30")
    world.report(VPN, at="2026-11-24T10:30")
    assert [each.severity for each in world.incidents("bypass-vpn-service")] == [4]
    world.report(VPN, at="2026-11-25T10:30")
    told = world.incidents("bypass-vpn-service")
    assert [(each.severity, each.escalated) for each in told] == [(5, 1)]
    (incident,) = told
    world.publish()
    page = world.visit(Role.TECHNICIAN).get(f"/incidents/{incident.id}")
    assert find_steps(page, "pupil")["Further sanction"] == "Due"
    assert "got worse by coming again" in page.words
    show_escalations(world, "WE-15", at="10:50")


test_carried, test_taken_away = PROOFS.tests()
