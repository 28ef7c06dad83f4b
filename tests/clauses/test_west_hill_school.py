# SPDX-License-Identifier: Apache-2.0
"""The clauses of West Hill Primary School's policy that people at the console carry out, each also taken away."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, insert, select

from collector.annulment import ANNULLED
from collector.audit import list_entries
from collector.changes import PauseBegun, list_changes, request_change
from collector.changes import School as Change
from collector.config import Config
from collector.roles import Permission, Role
from collector.store.engine import make_ledger_key, migrate, open_engine, reading, writing
from collector.store.schema import flags, schools
from proto.events import RecipientsRefused
from proto.keys import load_signer
from rules.model import Inventory
from tests.clauses.incident_page import WITHOUT_ROWS, list_steps, open_incident, record
from tests.clauses.proof import Proofs, replaced, route, rule, setting
from tests.clauses.told import started, written
from tests.clauses.world import World
from tests.collector.console.pages.conftest import come_in
from tests.collector.console.pages.test_audit import find_field
from tests.collector.machines import GIMP, LAPTOP, VIM, list_of
from tests.collector.safeguarding import build_safeguarding

PROOFS = Proofs("west-hill")
DISPOSED = {
    "method": "recycled",
    "receiver": "An authorised agency",
    "receipt": "AA-118",
    "wiped": "yes",
    "wiped_how": "overwritten three times",
}


@PROOFS.proves("WH-05", without=setting("hardware"))
def every_computer_stands_in_the_hardware_inventory(world: World) -> None:
    """The policy asks for it with its reason, and the device's page shows what it is made of."""
    assert "WH-05" in world.policy.find_reason("hardware")
    world.report(LAPTOP, device="laptop-07")
    words = world.visit(Role.TECHNICIAN).get(f"/devices/{world.device('laptop-07').id}").words
    assert "ThinkPad L14" in words
    assert "PF0A1B2C" in words


def _ask_for_no_list(world: World, patch: pytest.MonkeyPatch) -> None:
    """Let the policy ask for no list of software."""
    world.policy = replace(world.policy, inventory=Inventory())


@PROOFS.proves("WH-06", without=_ask_for_no_list)
def all_software_stands_in_the_software_inventory(world: World) -> None:
    """The policy asks for it with its reason, and the device's page lists it with versions."""
    assert "WH-06" in world.policy.find_reason("inventory")
    world.report(list_of(VIM, GIMP), device="laptop-07")
    words = world.visit(Role.TECHNICIAN).get(f"/devices/{world.device('laptop-07').id}/software").words
    assert "vim 9.0" in words
    assert "org.gimp.GIMP" in words


def ask_for_pause(world: World) -> None:
    """Let the technician ask that a safeguard is paused for two hours."""
    world.publish()
    school = world.school
    change = Change(school.engine, school.id, load_signer(school.config.signing_key))
    request_change(
        change,
        PauseBegun("rule:executable-downloaded", 7200),
        author="technician",
        reason="software is rolled out",
        now_ns=school.now_ns,
    )


@PROOFS.proves("WH-10", without=route("/policy"))
def every_change_is_logged_and_only_some_may_make_one(world: World) -> None:
    """A pause waits for a second person, with author and reason; a governor reads it and changes nothing."""
    ask_for_pause(world)
    (change,) = list_changes(world.school.engine, world.school.id)
    assert (change.author, change.reason, change.state) == ("technician", "software is rolled out", "proposed")
    governor = world.visit(Role.GOVERNOR)
    page = governor.get("/policy")
    assert page.status == 200
    assert "software is rolled out" in page.words
    assert governor.get("/policy/pause").status == 403


@PROOFS.proves("WH-12", without=route("/incidents/log"))
def both_logs_are_there_to_be_reviewed(world: World) -> None:
    """The incident log with what was done and by whom, and the log of changes beside it."""
    technician, page = open_incident(world, started("nordvpnd"), "bypass-vpn-service")
    record(technician, page, "pupil/e_safety_coordinator", "Spoke with the class")
    log = technician.get("/incidents/log")
    assert log.status == 200
    assert "Spoke with the class" in log.words
    auditor = world.visit(Role.AUDITOR)
    assert "the school's policy" in auditor.get("/audit").words.replace("’", "'")
    assert "the school's policy" in world.visit(Role.GOVERNOR).get("/policy").words.replace("’", "'")


@PROOFS.proves("WH-13", without=WITHOUT_ROWS)
def what_may_be_illegal_goes_to_police_and_local_authority_at_once(world: World) -> None:
    """Both are due from the first time on, behind a card that says what nobody does."""
    technician, page = open_incident(world, started("mimikatz"), "cracking-credentials")
    words = technician.get(page).words
    assert "Do not investigate." in words
    named = list_steps(words)
    assert "Police Due" in named
    assert "Local authority Due" in named


@PROOFS.proves("WH-15", without=WITHOUT_ROWS)
def staff_misuse_goes_to_the_headteacher(world: World) -> None:
    """For staff the headteacher is named first; bullying and child protection have rows of their own."""
    technician, page = open_incident(world, started("nordvpnd"), "bypass-vpn-service")
    assert "Headteacher Due" in list_steps(technician.get(page).words)
    assert "anti-bullying policy" in list_steps(technician.get(f"{page}?row=cyber-bullying").words)
    child = list_steps(technician.get(f"{page}?row=child-protection").words)
    assert "Designated safeguarding lead Due" in child
    assert record(technician, page, "staff/headteacher", "She will see him today").status == 303


def _open_plain(file: Path, key_file: Path) -> Engine:
    """Open the database without a key, as this product never does."""
    return create_engine(f"sqlite:///{file}")


@PROOFS.proves("WH-16", without=replaced("collector.store.engine._open_sqlite", _open_plain))
def a_copy_of_the_database_is_encrypted_and_opens_with_its_key(world: World) -> None:
    """Nothing of it can be read on the disk; put back with its key, it says what it said."""
    kept = Config(folder=world.school.config.folder / "kept", school_id="1" * 16, school_name="West Hill", database="")
    kept.ledger_file.parent.mkdir(parents=True)
    make_ledger_key(kept.ledger_key)
    engine = open_engine(kept)
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(insert(schools).values(school_id=kept.school_id, name="West Hill", created_at_ns=1))
    engine.dispose()
    content = kept.ledger_file.read_bytes()
    assert b"SQLite format 3" not in content
    assert b"West Hill" not in content
    restored = replace(kept, folder=kept.folder.with_name("restored"))
    shutil.copytree(kept.folder, restored.folder)
    engine = open_engine(restored)
    with reading(engine) as connection:
        assert connection.execute(select(schools.c.name)).scalar_one() == "West Hill"
    engine.dispose()


@PROOFS.proves("WH-19", without=route("/devices/{device_id}/retire"))
def redundant_equipment_leaves_with_a_receipt(world: World) -> None:
    """Who has it, the number of the receipt and how it was wiped are signed; a gap is refused."""
    device_id, technician = world.device("old-pc").id, world.visit(Role.TECHNICIAN)
    page = f"/devices/{device_id}"
    assert technician.get(f"{page}/retire").status == 200
    assert technician.post(f"{page}/retire", DISPOSED | {"receipt": ""}).status == 400
    assert technician.post(f"{page}/retire", DISPOSED).status == 303
    receipt = technician.get(f"{page}/receipt").words
    assert "AA-118" in receipt
    assert "overwritten three times" in receipt


@PROOFS.proves(
    "WH-21",
    without=replaced("collector.console.guard.list_permissions", lambda roles: frozenset(Permission)),
)
def each_role_sees_what_it_needs(world: World) -> None:
    """Whoever looks after machines reads no flag, a governor sees no incident, and nobody slips in as a reader."""
    technician = world.visit(Role.TECHNICIAN)
    assert [technician.get(page).status for page in ("/incidents", "/flags", "/people")] == [200, 403, 403]
    assert world.visit(Role.ADMINISTRATOR).get("/flags").status == 403
    assert world.visit(Role.GOVERNOR).get("/incidents").status == 403
    world.report(RecipientsRefused(2, "signed by another root than was pinned"))
    assert world.incidents("agent-recipients-refused")


@PROOFS.proves("WH-22", without=route("/audit"))
def whoever_monitors_is_monitored_by_somebody_else(world: World) -> None:
    """What the technician did waits for somebody else, and not for himself, to look at."""
    technician, page = open_incident(world, started("nordvpnd"), "bypass-vpn-service")
    technician.get(page)
    technician.post(f"{page}/resolve", {"note": "removed"})
    assert technician.get("/audit").status in (403, 404)
    auditor = world.visit(Role.AUDITOR)
    log = auditor.get("/audit")
    assert log.status == 200
    assert "technician incident.resolved" in log.words
    rows = {name: find_field(log.text, name) for name in ("first", "last")}
    assert auditor.post("/audit", rows | {"note": "asked about the VPN"}).status == 303
    assert "asked about the VPN" in auditor.get("/audit").words


@PROOFS.proves("WH-23", without=route("/flags/{flag_id}/annul"))
def a_flag_that_was_wrong_leaves_nothing_of_whom_it_was_about(world: World) -> None:
    """Its reader annuls it: text, account and device are gone, and a number and a row in the log stay."""
    safeguarding, technician = build_safeguarding(world.school), world.visit(Role.TECHNICIAN)
    flag_id = safeguarding.raise_flag(world.device("laptop-07"))
    dsl = come_in(technician.app, world.school, safeguarding.dsl)
    assert dsl.get(f"/flags/{flag_id}/annul").status == 200
    assert dsl.post(f"/flags/{flag_id}/annul", {"why": "malicious", "sure": "yes"}).status == 303
    with reading(world.school.engine) as connection:
        row = connection.execute(select(flags)).one()
    assert (row.route, row.device_id, row.subject_ref) == (ANNULLED, "", bytes(16))
    assert list_entries(world.school.engine, world.school.id)[0].action == "flag.annulled"


@PROOFS.proves("WH-25", without=rule("usb-unprotected-written"))
def data_that_may_be_lost_has_a_route(world: World) -> None:
    """A stick in the clear names the headteacher and a record of the breach, which keeps who wrote it and when."""
    technician, page = open_incident(world, written("plain"), "usb-unprotected-written")
    named = list_steps(technician.get(page).words)
    assert "Data protection may have been compromised" in named
    assert "Headteacher Due" in named
    assert record(technician, page, "staff/breach_record", "Entry 2026-4, the stick is found").status == 303
    assert "Entry 2026-4, the stick is found technician, " in technician.get(page).words


@PROOFS.proves("WH-26", without=replaced("collector.responses._verify_parents", lambda *_: None))
def parents_are_told_after_the_safeguarding_lead_agreed(world: World) -> None:
    """Before that it cannot be recorded; after a veto neither, and its ground is for the leads alone."""
    technician, page = open_incident(world, started("nordvpnd"), "bypass-vpn-service")
    assert record(technician, page, "pupil/parents", "Rang them").status == 400
    technician.get(page)
    assert technician.post(f"{page}/ask-parents").status == 303
    incident_id, lead = page.rpartition("/")[2], world.visit(Role.DSL)
    lead.get("/parents")
    assert lead.post(f"/parents/{incident_id}/veto", {"ground": "harm"}).status == 303
    assert record(technician, page, "pupil/parents", "Rang them").status == 400
    assert "risk" not in technician.get(page).words
    assert "risk" in lead.get("/parents").words


test_carried, test_taken_away = PROOFS.tests()
