# SPDX-License-Identifier: Apache-2.0
"""What a school's policy names for an incident, in a browser: the technician asks, the DSL answers, it is logged."""

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect
from sqlalchemy import update

from collector.policies import choose_pack
from collector.roles import Role
from collector.store.engine import writing
from collector.store.schema import incidents
from proto.keys import load_signer
from tests.browser.conftest import OpenPage
from tests.browser.test_pages import EVIL, look
from tests.browser.test_technician import PASSWORD, sign_in
from tests.collector.school import School

pytestmark = pytest.mark.browser

PHONE = ViewportSize(width=390, height=800)
DESK = ViewportSize(width=1280, height=800)


@pytest.fixture
def bexton(school: School) -> School:
    """A school that works under Bexton's policy, with a technician and a safeguarding lead."""
    school.now_ns = time.time_ns()
    choose_pack(
        school.engine,
        school.id,
        load_signer(school.config.signing_key),
        pack="bexton",
        actor="anna",
        reason="test",
        now_ns=school.now_ns,
        seconded_by="headteacher",
    )
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    school.add_user("dana", Role.DSL, PASSWORD)
    school.add_second_factor("dana")
    return school


def add_incident(school: School, hostname: str, response: str, **fields: Any) -> str:
    """Let something happen for which the policy has a row."""
    incident = school.add_incident(school.add_device(hostname), **fields)
    with writing(school.engine) as connection:
        connection.execute(
            update(incidents).where(incidents.c.incident_id == incident).values(response=response, reopened=1)
        )
    return incident


def look_twice(page: Page, shots: Path, name: str) -> None:
    """Look at the page at the width of a desk and of a telephone."""
    page.set_viewport_size(PHONE)
    look(page, shots, f"{name}-phone")
    page.set_viewport_size(DESK)
    look(page, shots, name)


def test_what_the_policy_names_is_asked_answered_and_logged(open_page: OpenPage, bexton: School, shots: Path) -> None:
    """The technician records and asks, the DSL says no and why, the technician reads no and never why. No scripts."""
    incident = add_incident(bexton, "room-4a-pc-03", "filter-bypass", severity=3)
    page = open_page(f"/incidents/{incident}", scripts=False)
    sign_in(page, "anna", PASSWORD)
    expect(page.get_by_role("heading", name="If it was a pupil")).to_be_visible()
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose what was done")
    look_twice(page, shots, "record-error")
    page.get_by_label("Step", exact=True).select_option("pupil/class_teacher")
    page.get_by_label("What came of it").fill("Spoke with her after the lesson.\nShe had it from her brother.")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("alert")).to_contain_text("It is recorded")
    page.get_by_role("button", name="Ask the DSL").click()
    expect(page.get_by_text("The DSL was asked and has not answered yet")).to_be_visible()
    look_twice(page, shots, "asked")

    lead = open_page("/parents", scripts=False)
    sign_in(lead, "dana", PASSWORD)
    lead.get_by_label("Code").fill(bexton.make_code("dana"))
    lead.get_by_role("main").get_by_role("button").first.click()
    expect(lead.get_by_role("heading", name="Are parents told?")).to_be_visible()
    look_twice(lead, shots, "parents")
    lead.get_by_role("button", name="They are not told").click()
    expect(lead.get_by_role("alert")).to_contain_text("Choose why they are not told")
    look_twice(lead, shots, "parents-error")
    lead.get_by_label("Telling them could put a child at risk of harm").check()
    lead.get_by_role("button", name="They are not told").click()
    expect(lead.get_by_text("Not to be told", exact=True)).to_be_visible()
    lead.get_by_text("What it was about").click()
    look_twice(lead, shots, "parents-decided")

    page.goto(f"/incidents/{incident}")
    expect(page.get_by_text("Decided by the DSL: not to be told.")).to_be_visible()
    expect(page.get_by_text("at risk")).to_have_count(0)
    page.goto("/incidents/log")
    expect(page.get_by_text("Class teacher (pupil): Spoke with her")).to_be_visible()
    look_twice(page, shots, "log")
    page.emulate_media(media="print")
    look(page, shots, "log-on-paper")


def test_what_may_be_a_crime_stops_the_technician(open_page: OpenPage, bexton: School, shots: Path) -> None:
    """The card stands on top; what devices and people wrote keeps to the page; on paper it is there too."""
    incident = add_incident(
        bexton, EVIL, "security-breach", severity=5, action_class="illegal", rule_title=EVIL, summary=EVIL
    )
    page = open_page(f"/incidents/{incident}", scripts=False)
    sign_in(page, "anna", PASSWORD)
    expect(page.get_by_role("heading", name="This may be a crime: stop here")).to_be_visible()
    expect(page.get_by_role("button", name="Resolve")).to_have_count(0)
    page.get_by_label("Step", exact=True).select_option("unknown/police")
    page.get_by_label("What came of it").fill(EVIL)
    look_twice(page, shots, "illegal")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("button", name="Resolve")).to_be_visible()
    page.get_by_text("Another row of the policy fits better").click()
    look_twice(page, shots, "illegal-recorded")
    page.emulate_media(media="print")
    look(page, shots, "illegal-on-paper")
    page.emulate_media(media="screen")
    page.goto("/incidents/log")
    look_twice(page, shots, "log-hostile")
