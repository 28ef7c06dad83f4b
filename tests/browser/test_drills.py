# SPDX-License-Identifier: Apache-2.0
"""A drill as the safeguarding lead reads it in a real browser."""

import pytest
from playwright.sync_api import expect

from collector.drills import list_pending, order_drill
from tests.browser import test_flags
from tests.browser.conftest import unlock_and_wait
from tests.collector.evidence import Device
from tests.collector.safeguarding import Safeguarding
from tests.collector.school import School

pytestmark = pytest.mark.browser

# The same desk as for every other flag.
patience, safeguarding = test_flags.patience, test_flags.safeguarding
device, open_flags = test_flags.device, test_flags.open_flags


def test_drill_is_about_nobody(
    open_flags: test_flags.Open, safeguarding: Safeguarding, device: Device, school: School
) -> None:
    """Nobody is looked for who might have typed it."""
    order_drill(school.engine, school.id, device_id=device.id, actor="dana", now_ns=school.now_ns)
    nonce = list_pending(school.engine, school.id, school.now_ns)[0].nonce.hex()
    safeguarding.raise_flag(device, drill_nonce=nonce, account_kind="drill")
    page = open_flags(safeguarding.dsl)
    unlock_and_wait(page, safeguarding.dsl.passphrase)
    page.get_by_role("link", name="Open: library-01").click()
    expect(page.locator("#opened")).to_contain_text("Nobody: this is a drill")
    expect(page.locator("#opened")).not_to_contain_text("Not in the school’s list of people")
