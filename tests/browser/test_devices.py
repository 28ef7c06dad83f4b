# SPDX-License-Identifier: Apache-2.0
"""The technician and the devices in a real browser: those that wait, a copy, and one that leaves the school."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from collector.disposals import Account, Method, retire_device
from collector.expected_devices import import_expected_devices
from collector.roles import Role
from proto.keys import load_signer
from tests.browser.conftest import OpenPage
from tests.browser.test_pages import EVIL, look
from tests.browser.test_technician import PASSWORD, sign_in
from tests.collector.school import MINUTE_NS, School

pytestmark = pytest.mark.browser

LIST = b"hostname,serial,asset,place\nlab-1,SN1,A-1,Lab\nlab-2,,A-2,Lab\nlab-3,SN3,A-3,Lab\n"
THINKPAD = {"manufacturer": "LENOVO", "product": "ThinkPad L14"}


def test_waiting_devices_are_confirmed_without_scripts(open_page: OpenPage, school: School, shots: Path) -> None:
    """The list settles some at once; about a copy the page shows both machines and asks which of three things it is."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    former = school.add_device("lab-1", serial="SN1", **THINKPAD)
    import_expected_devices(school.engine, school.id, LIST, actor="anna", now_ns=school.now_ns)
    named = school.add_device("lab-2", state="pending", serial="SN2", **THINKPAD)
    school.add_device("lab-3", state="pending", serial="OTHER", **THINKPAD)
    school.add_incident(named)
    copy = {"former_device_id": former, "succession": "forked", "clock_offset_ns": 192 * MINUTE_NS}
    school.add_device("lab-1", state="pending", serial="SN1", **THINKPAD, **copy)
    page = open_page("/incidents", scripts=False)
    sign_in(page, "anna", PASSWORD)
    expect(page.get_by_role("row", name="Tor or another anonymous network")).to_contain_text("Unconfirmed")
    look(page, shots, "incidents")

    page.get_by_role("link", name="3 wait to be confirmed").click()
    look(page, shots, "pending")
    page.get_by_role("button", name="Confirm the one that fits the school’s list").click()
    expect(page.get_by_role("alert")).to_contain_text("exactly one free row")
    expect(page.get_by_role("link", name="lab-2")).to_have_count(0)

    page.get_by_role("link", name="The school’s own list").click()
    look(page, shots, "expected")
    page.go_back()
    page.get_by_role("link", name="lab-1").click()
    expect(page.get_by_role("row", name="Serial number")).to_contain_text("SN1")
    look(page, shots, "copy")
    page.set_viewport_size({"width": 390, "height": 800})
    look(page, shots, "copy-phone")
    page.get_by_role("button", name="It is the same machine").click()
    expect(page.get_by_role("alert")).to_contain_text("the one before it is revoked")
    page.set_viewport_size({"width": 1280, "height": 800})
    look(page, shots, "confirmed")
    page.goto("/devices")
    look(page, shots, "devices")
    page.get_by_label("State").select_option("revoked")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("link", name="lab-1")).to_have_attribute("href", f"/devices/{former}")


def test_device_leaves_the_school_with_a_receipt(open_page: OpenPage, school: School, shots: Path) -> None:
    """A form that lacks something keeps what was typed; then the record stands on a page that can be printed."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    device = school.add_device("old-pc", serial="SN9", **THINKPAD)
    page = open_page(f"/devices/{device}")
    sign_in(page, "anna", PASSWORD)
    look(page, shots, "active")
    page.get_by_role("link", name="Retire it").click()
    page.get_by_label("How it leaves").select_option("recycled")
    page.get_by_label("Who has it now").fill("Green Metal Ltd")
    page.get_by_role("button", name="Retire this device").click()
    expect(page.get_by_role("alert")).to_contain_text("whether its disks were wiped")
    look(page, shots, "retire")
    page.get_by_label("Number of the receipt").fill("GM-2026-118")
    page.get_by_label("Yes").check()
    page.get_by_label("How, or why not").fill("nwipe, three passes")
    page.get_by_role("button", name="Retire this device").click()
    expect(page.get_by_role("heading", name="Disposal of old-pc")).to_be_visible()
    page.emulate_media(media="print")
    look(page, shots, "receipt")


def test_hostile_words_stay_on_their_pages(open_page: OpenPage, school: School, shots: Path) -> None:
    """What machines say of themselves, however long or ugly, runs out of no window and does nothing."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    facts = {"serial": EVIL, "manufacturer": EVIL, "product": EVIL}
    former = school.add_device(EVIL, **facts)
    copy = school.add_device("x" * 63, state="pending", former_device_id=former, succession="forked", **facts)
    gone = school.add_device(EVIL, **facts)
    lines = f"hostname,serial,asset,place\n{'x' * 63},{'S' * 120},{'a' * 120},{'p' * 120}\n"
    import_expected_devices(school.engine, school.id, lines.encode(), actor="anna", now_ns=school.now_ns)
    account = Account(method=Method.SOLD, receiver=EVIL, receipt="n" * 200, is_wiped=True, wiped_how=EVIL)
    signer = load_signer(school.config.signing_key)
    retire_device(school.engine, school.id, gone, account, signer=signer, actor="anna", now_ns=school.now_ns)
    page = open_page("/devices")
    sign_in(page, "anna", PASSWORD)
    pages = {
        "all": "/devices",
        "waiting": "/devices/pending",
        "list": "/devices/expected",
        "copy": f"/devices/{copy}",
        "receipt": f"/devices/{gone}/receipt",
        "form": f"/devices/{former}/retire",
    }
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        for name, address in pages.items():
            page.goto(address)
            look(page, shots, f"{name}-{width}")
