# SPDX-License-Identifier: Apache-2.0
"""Annulling a flag in a real browser: from the list to the question, and back to a list without it."""

import time

import pytest
from playwright.sync_api import expect

from collector.authority import load_authority, make_authority
from collector.flags import Verdict, decide
from tests.browser.conftest import OpenPage
from tests.browser.test_flags import come_in
from tests.collector.evidence import enrol_device
from tests.collector.safeguarding import build_safeguarding
from tests.collector.school import School

pytestmark = pytest.mark.browser


def test_flag_is_annulled_after_two_questions(open_page: OpenPage, school: School) -> None:
    """Why, and whether she is sure: then it is gone from every list, and the page says so."""
    school.now_ns = time.time_ns()
    safeguarding = build_safeguarding(school, with_identities=True)
    make_authority(school.config.authority_folder)
    device = enrol_device(school, load_authority(school.config.authority_folder))
    device.wall_clock_ns = school.now_ns
    flag = safeguarding.raise_flag(device)
    decide(
        school.engine,
        school.id,
        flag,
        reader=safeguarding.reader(safeguarding.dsl),
        verdict=Verdict.NO_CONCERN,
        category="",
        action="none_needed",
        now_ns=school.now_ns,
    )
    page = open_page("/flags?state=decided")
    come_in(page, school, safeguarding.dsl.name)
    page.goto("/flags?state=decided")
    page.get_by_role("link", name="Annul this flag").click()
    button = page.get_by_role("button", name="Annul the flag")
    page.get_by_label("Somebody typed it to harm another").check()
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("Say that you are sure")
    expect(page.get_by_label("Somebody typed it to harm another")).to_be_checked()
    page.get_by_label("I am sure").check()
    button.click()
    expect(page.get_by_text("The flag is annulled")).to_be_visible()
    page.goto("/flags?state=all")
    expect(page.get_by_text("No flag fits this filter")).to_be_visible()
