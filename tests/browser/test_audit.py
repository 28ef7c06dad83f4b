# SPDX-License-Identifier: Apache-2.0
"""The auditor in a real browser: looks through what the others did, and cannot sign off what he did himself."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from collector.audit import record
from collector.roles import Role
from collector.store.engine import writing
from tests.browser.conftest import OpenPage
from tests.browser.test_pages import EVIL, look
from tests.browser.test_technician import PASSWORD, sign_in
from tests.collector.school import School

pytestmark = pytest.mark.browser


def test_the_log_is_looked_through_without_scripts(open_page: OpenPage, school: School, shots: Path) -> None:
    """What others did is shown, hostile names harmless and flags unnamed; a look is kept, and only others' rows go."""
    school.now_ns = time.time_ns()
    school.add_user("grace", Role.AUDITOR, PASSWORD)
    school.add_second_factor("grace")
    with writing(school.engine) as connection:
        for actor, action, subject in (
            ("dana", "flag.read", "flag/0011223344556677"),
            ("tom", "policy.published", "policy/3"),
            (EVIL, "sign_in.failed", "user/nobody"),
        ):
            record(connection, school.id, actor=actor, action=action, subject=subject, now_ns=school.now_ns)
    page = open_page("/audit", scripts=False)
    sign_in(page, "grace", PASSWORD)
    page.get_by_label("Code").fill(school.make_code("grace"))
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    expect(page.get_by_text("flag.read: a safeguarding flag")).to_have_count(2)
    expect(page.get_by_role("table", name="Not looked at yet, oldest first")).to_be_visible()
    expect(page.get_by_text("0011223344556677")).to_have_count(0)
    look(page, shots, "audit")
    page.get_by_label("What you found").fill("Asked Tom about the policy.")
    page.get_by_role("button", name="I have looked at these").click()
    expect(page.get_by_role("alert")).to_contain_text("kept")
    expect(page.get_by_text("another person must look at")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    look(page, shots, "audit-phone")
