# SPDX-License-Identifier: Apache-2.0
"""Every page at the width of a desk, a telephone and a page zoomed to 400 %: nothing runs out of the window."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from collector.changes import PauseBegun
from collector.media import list_media
from collector.roles import Role
from collector.users import COMMAND_LINE, reset_password
from proto.events import CheckChanged, Disk, HardwareListed, Program, ProgramStarted, UsbAttached, UsbDevice
from tests.browser.conftest import OpenPage
from tests.browser.test_technician import PASSWORD, sign_in
from tests.collector.machines import LAPTOP, STICK, WRITTEN, list_of, tell
from tests.collector.school import MINUTE_NS, School
from tests.collector.small_policy import ask

pytestmark = pytest.mark.browser

EVIL = "<script>alert(1)</script>\u202e" + "x" * 120
WIDTHS = {"desk": 1280, "phone": 390, "zoomed": 320}

NAMELESS = """() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a")]
  .filter(element => element.offsetParent !== null)
  .filter(element => !(element.labels?.length || element.ariaLabel || element.textContent.trim()))
  .map(element => element.outerHTML)"""
"""Fields without a label, buttons and links without words."""
TWICE = """[...document.querySelectorAll('[id]')].map(element => element.id)
  .filter((id, place, all) => all.indexOf(id) !== place)"""


def look(page: Page, shots: Path, name: str) -> None:
    """Take a picture, and check what a program can see of it."""
    page.screenshot(path=shots / f"{name}.png", full_page=True)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{name} is {overflow} pixels wider than the window"
    assert page.evaluate("document.querySelectorAll('h1').length") == 1, name
    assert page.evaluate(NAMELESS) == [], name
    # In one question: a list may be replaced between two.
    assert page.evaluate(TWICE) == [], f"{name} has an id twice"
    fonts = page.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily")
    assert fonts.startswith(("system-ui", "sans-serif")), f"{name} is set in {fonts}"


def fill(school: School) -> dict[str, str]:
    """Let something of everything happen, and return the addresses of its pages."""
    program = Program(EVIL, path="/opt/" + "y" * 200, sha256="ab" * 32, source="process")
    quiet = school.add_device("library-laptop", clock_offset_ns=-5 * MINUTE_NS, last_seen_at_ns=school.now_ns // 2)
    evil = school.add_device(EVIL, not_watched=["USB storage: this version has no check for it"])
    for name in ("pc-1", "pc-2"):
        school.add_incident(school.add_device(name))
    incident = school.add_incident(
        evil, ProgramStarted(program), rule="other", rule_title=EVIL, summary=EVIL, group_key="x", severity=5
    )
    proposal = school.add_proposal(
        evil, program, *(Program(f"package-{number}", source="dpkg", version="1.0") for number in range(40))
    )
    tell(
        school,
        quiet,
        LAPTOP,
        list_of(*(Program(f"package-{number}", source="dpkg", version="1.0") for number in range(40))),
        WRITTEN,
        CheckChanged("idle_lock", "fail", "No session locks itself", {"limit_s": "900", "desktop": "KDE"}),
        CheckChanged("posture", "unknown", "Nobody knows whether the disk is encrypted"),
        CheckChanged("software", "pass", "Nothing forbidden is installed"),
    )
    long = UsbDevice("ffff", "ffff", EVIL, EVIL, "S" * 128, protection=EVIL, protection_by=EVIL)
    tell(
        school,
        evil,
        HardwareListed(EVIL, EVIL, serial=EVIL, disks=(Disk(EVIL, serial="S" * 200), Disk(""))),
        list_of(program),
        UsbAttached(STICK),
        UsbAttached(long),
        CheckChanged(EVIL, "fail", EVIL, {EVIL: EVIL}),
    )
    pause = PauseBegun("rule:bypass-tor", 2 * 60 * 60)
    change = ask(school, pause, author="tess", reason=EVIL.replace("\u202e", ""))
    media = {each.key.vendor_id: f"/media/{each.key.digest}" for each in list_media(school.engine, school.id)}
    return {
        "media": "/media",
        "medium": media[STICK.vendor_id],
        "medium-hostile": media["ffff"],
        "software": f"/devices/{quiet}/software",
        "software-hostile": f"/devices/{evil}/software",
        "incidents": "/incidents?state=all",
        "incidents-empty": "/incidents?state=resolved",
        "incident": f"/incidents/{incident}",
        "devices": "/devices",
        "device-quiet": f"/devices/{quiet}",
        "device-hostile": f"/devices/{evil}",
        "proposals": "/proposals",
        "proposal": f"/proposals/{proposal}",
        "policy": "/policy",
        "policy-pause": "/policy/pause",
        "change": f"/policy/changes/{change.id}",
        "coverage": "/coverage",
        "incident-log": "/incidents/log",
        "account": "/account",
        "password": "/account/password",
        "forbidden": "/users",
        "not-found": "/no-such-page",
    }


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_the_window(open_page: OpenPage, school: School, shots: Path, width: str) -> None:
    """No page scrolls sideways, has a nameless field or an id twice, nor runs a stranger's script."""
    addresses = fill(school)
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    school.add_user("root", Role.ADMINISTRATOR, PASSWORD)
    one_time = school.add_user("newcomer", Role.TECHNICIAN)

    page = open_page(width=WIDTHS[width])
    look(page, shots, "sign-in")
    sign_in(page, "nobody", "wrong")
    look(page, shots, "sign-in-error")
    sign_in(page, "newcomer", one_time)
    page.get_by_role("button", name="Choose this password").click()
    look(page, shots, "choose-password-error")

    page = open_page(width=WIDTHS[width])
    sign_in(page, "anna", PASSWORD)
    for name, address in addresses.items():
        page.goto(address)
        look(page, shots, name)
    page.goto("/incidents")
    page.get_by_role("link", name="Tor or another anonymous network").click()
    look(page, shots, "incidents-opened")
    page.goto(addresses["incident"])
    page.get_by_role("button", name="Resolve").click()
    look(page, shots, "incident-error")
    page.emulate_media(media="print")
    look(page, shots, "incident-on-paper")

    page = open_page(width=WIDTHS[width])
    sign_in(page, "root", PASSWORD)
    page.goto("/users")
    look(page, shots, "users")
    page.get_by_label("User name").fill("ben")
    page.get_by_label("Technician").check()
    page.get_by_role("button", name="Add user").click()
    look(page, shots, "one-time-password")
    assert len(list(shots.iterdir())) == len(addresses) + 8


def test_boxes_are_ticked_all_at_once(open_page: OpenPage, school: School) -> None:
    """A long proposal can be unticked as a whole."""
    address = fill(school)["proposal"]
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    page = open_page(address)
    sign_in(page, "anna", PASSWORD)
    boxes = page.locator("input[name=program]")
    ticked = page.locator("input[name=program]:checked")
    expect(boxes).to_have_count(41)
    expect(ticked).to_have_count(41)
    page.get_by_role("button", name="Untick all").click()
    expect(ticked).to_have_count(0)
    page.get_by_role("button", name="Tick all", exact=True).click()
    expect(ticked).to_have_count(41)


def test_stick_is_approved_and_withdrawn_without_a_mouse(open_page: OpenPage, school: School) -> None:
    """From the list to the register and back, and what was not right stands beside its field."""
    fill(school)
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    page = open_page("/media")
    sign_in(page, "anna", PASSWORD)
    page.get_by_role("link", name="SanDisk Ultra").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alert")).to_contain_text("Say whose it is")
    page.get_by_label("Whose it is or what it is for").fill("Year 4 camera")
    page.get_by_label("Last day").fill("2027-07-31")
    page.get_by_label("Last day").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The device is in the register")
    expect(page.get_by_role("table", name="Approved", exact=True)).to_contain_text("Year 4 camera")
    page.get_by_role("link", name="SanDisk Ultra").click()
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("alert")).to_contain_text("not in the register any more")


def test_reset_in_one_browser_ends_another(open_page: OpenPage, school: School) -> None:
    """After a reset the user's open page leads to the sign-in form at the next click."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    page = open_page()
    sign_in(page, "anna", PASSWORD)
    page.get_by_role("link", name="Account").click()
    reset_password(school.engine, school.id, "anna", school.now_ns, actor=COMMAND_LINE)
    page.get_by_role("link", name="Incidents").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
