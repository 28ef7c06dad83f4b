# SPDX-License-Identifier: Apache-2.0
"""Exceptions and policy coverage in a real browser: at the widths of every page, and from asking to deciding."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from collector.policies import choose_pack
from collector.roles import Role
from proto.keys import load_signer
from tests.browser.conftest import OpenPage
from tests.browser.test_pages import WIDTHS, look
from tests.browser.test_technician import PASSWORD, sign_in
from tests.collector.people.lists import take
from tests.collector.school import School

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_the_window_from_asking_to_deciding(
    open_page: OpenPage, school: School, shots: Path, width: str
) -> None:
    """One asks, by keyboard too, and reads what is not right beside its field; another decides; both look."""
    soon = f"{datetime.fromtimestamp(school.now_ns // 10**9, UTC) + timedelta(days=20):%Y-%m-%d}"
    signer = load_signer(school.config.signing_key)
    choose_pack(
        school.engine,
        school.id,
        signer,
        pack="bexton",
        actor="init",
        reason="ours",
        now_ns=school.now_ns,
        seconded_by="head",
    )
    take(school, {"person_id": "s1", "name": "Dora Green", "kind": "staff", "accounts": "directory:dora"})
    school.add_device("library-" + "x" * 60)
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    school.add_user("ben", Role.ICT_MANAGER, PASSWORD)
    page = open_page("/coverage", width=WIDTHS[width])
    sign_in(page, "anna", PASSWORD)
    look(page, shots, "coverage")
    page.goto("/exceptions")
    look(page, shots, "exceptions-empty")
    page.get_by_role("button", name="Ask for an exception").click()
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Choose the rule")
    look(page, shots, "exception-ask-error")
    page.get_by_text("Bypass (").click()
    page.get_by_label("Tor or another anonymous network").check()
    page.get_by_label("People").fill("s1")
    page.get_by_label("Devices").fill("library-" + "x" * 60)
    page.get_by_role("group", name="Until").get_by_label("Day").fill("2099-01-01")
    page.get_by_label("Why").fill("Year 9 learn how it works, and why the school forbids it. " * 3)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("at most 366 days")
    page.get_by_role("group", name="Until").get_by_label("Day").fill(soon)
    page.get_by_role("button", name="Ask", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("It is asked")
    look(page, shots, "exception-asked")
    address = page.url
    page.goto("/exceptions/ask-stick")
    look(page, shots, "exception-ask-stick")

    page = open_page(address, width=WIDTHS[width])
    sign_in(page, "ben", PASSWORD)
    look(page, shots, "exception-to-decide")
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why it is refused")
    look(page, shots, "exception-refuse-error")
    page.get_by_role("button", name="Grant").click()
    expect(page.get_by_role("alert")).to_contain_text("is granted")
    expect(page.get_by_text("Dora Green")).to_be_visible()
    look(page, shots, "exception-granted")
    page.goto("/exceptions")
    look(page, shots, "exceptions")
