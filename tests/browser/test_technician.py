# SPDX-License-Identifier: Apache-2.0
"""The technician's day in a real browser: from the one-time password to a resolved incident."""

import time

import pytest
from playwright.sync_api import Page, expect

from collector.roles import Role
from collector.users import disable
from tests.browser.conftest import OpenPage
from tests.collector.school import School

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"


def sign_in(page: Page, name: str, password: str) -> None:
    """Fill the form and send it."""
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def test_from_one_time_password_to_resolved_incident(open_page: OpenPage, school: School) -> None:
    """The technician signs in, chooses a password, finds the incident, acknowledges it and resolves it with a note."""
    one_time = school.add_user("anna", Role.TECHNICIAN)
    school.add_incident(school.add_device("room-4a-pc-03"))
    page = open_page()
    sign_in(page, "anna", one_time)

    expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
    page.get_by_label("The one-time password").fill(one_time)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Choose this password").click()

    expect(page.get_by_role("heading", name="Incidents")).to_be_visible()
    page.get_by_role("link", name="Tor or another anonymous network").click()
    expect(page.get_by_text("A signature proves the device, never who typed")).to_be_visible()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("alert")).to_contain_text("The incident is acknowledged")

    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("alert")).to_contain_text("Say what was done")
    page.get_by_label("What was done").fill("Removed it with the class teacher.")
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("alert")).to_contain_text("The incident is resolved")
    expect(page.get_by_text("Removed it with the class teacher.")).to_be_visible()

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("alert")).to_contain_text("The incident is open again")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_new_incident_appears_by_itself(open_page: OpenPage, school: School) -> None:
    """The list is live: what happens while it is open is on it soon after, and an opened group stays open."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    for name in ("pc-1", "pc-2"):
        school.add_incident(school.add_device(name))
    page = open_page()
    sign_in(page, "anna", PASSWORD)
    page.get_by_role("link", name="Tor or another anonymous network").click()
    expect(page.get_by_role("cell", name="pc-1", exact=True)).to_be_visible()
    page.get_by_role("link", name="Tor or another anonymous network").focus()

    school.now_ns = time.time_ns()
    school.add_incident(school.add_device("pc-3"), rule="new", rule_title="A new thing", group_key="new")
    expect(page.get_by_role("link", name="A new thing")).to_be_visible()
    expect(page.get_by_role("cell", name="pc-1", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Tor or another anonymous network")).to_be_focused()


def test_list_left_open_leads_to_sign_in_when_the_user_is_disabled(open_page: OpenPage, school: School) -> None:
    """A page that is open on a screen does not stay there after its user was disabled."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    school.add_user("root", Role.ADMINISTRATOR)
    page = open_page()
    sign_in(page, "anna", PASSWORD)
    expect(page.get_by_role("heading", name="Incidents")).to_be_visible()
    disable(school.engine, school.id, "anna", time.time_ns(), actor="root")
    expect(page.get_by_text("Your session has ended")).to_be_visible()


def test_list_that_stands_still_says_so(open_page: OpenPage, school: School) -> None:
    """When the console does not answer, the page does not pretend to be up to date; later it is again."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    page = open_page()
    sign_in(page, "anna", PASSWORD)
    notice = page.get_by_text("This list is not up to date")
    expect(page.get_by_role("heading", name="Incidents")).to_be_visible()
    expect(notice).to_be_hidden()
    page.route("**/incidents/rows*", lambda route: route.fulfill(status=503))
    expect(notice).to_be_visible()
    page.unroute("**/incidents/rows*")
    expect(notice).to_be_hidden()


def test_keyboard_is_enough(open_page: OpenPage, school: School) -> None:
    """Signing in and acknowledging work without a mouse, and the skip link is the first stop."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    school.add_incident(school.add_device("pc-1"))
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.get_by_label("User name").focus()
    page.keyboard.type("anna")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name="Tor or another anonymous network")
    expect(link).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        if link.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Acknowledge")
    expect(button).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The incident is acknowledged")


def test_everything_works_without_scripts(open_page: OpenPage, school: School) -> None:
    """With scripts switched off the same work is done by plain links and forms."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    for name in ("pc-1", "pc-2"):
        school.add_incident(school.add_device(name))
    page = open_page(scripts=False)
    sign_in(page, "anna", PASSWORD)
    page.get_by_role("link", name="Tor or another anonymous network").click()
    page.locator(".sw-incidents__member a").first.click()
    page.get_by_label("What was done").fill("Removed.")
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_text("The incident is resolved.")).to_be_visible()
    page.get_by_role("link", name="Devices", exact=True).click()
    expect(page.get_by_role("heading", name="Devices")).to_be_visible()
