# SPDX-License-Identifier: Apache-2.0
"""A school with readers and one desk at which somebody is watched, all of it real: for scenarios and benchmarks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyotp
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.desk import GROUP, Desk, DeskAgent
from tests.path import RunningCollector
from tests.safeguarded import SCHOOL, Person, Readers, wait_until_watched

PASSWORD = "purple kettle drum lantern"


@dataclass(frozen=True)
class Watched:
    """What there is."""

    collector: RunningCollector
    agent: DeskAgent
    desk: Desk
    readers: Readers


@contextmanager
def watch(folder: Path) -> Iterator[Watched]:
    """Set it all up: a ceremony of four people takes most of a minute."""
    with RunningCollector(folder / "collector") as collector, DeskAgent(folder / "agent") as agent, Desk() as desk:
        collector.init("--school", SCHOOL)
        collector.start()
        readers = Readers(folder / "readers", collector)
        readers.gather()
        readers.watch(GROUP)
        agent.enrol(collector.token())
        desk.open_window()
        agent.start()
        desk.accept_notice()
        wait_until_watched(agent)
        yield Watched(collector, agent, desk, readers)


def unlock_as(page: Page, collector: RunningCollector, person: Person) -> None:
    """Sign in for the first time, with both factors, and unlock the page of flags."""
    expect.set_options(timeout=30_000)
    page.goto(f"{collector.addresses['http']}/flags")
    page.get_by_label("Name").fill(person.name)
    page.get_by_label("Password", exact=True).fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("The one-time password").fill(person.password)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Choose this password").click()
    secret = page.locator(".sw-secret").inner_text().replace(" ", "")
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("link", name="Flags", exact=True).click()
    expect(page.get_by_role("heading", name="Flags", exact=True)).to_be_visible()
    page.get_by_label("Your six words").fill(person.passphrase)
    page.get_by_role("button", name="Unlock").click()
    expect(page.get_by_text("Unlocked on this page")).to_be_visible()


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A real Chromium that keeps what it keeps in a folder."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=FLAGS)
        try:
            yield context.new_page()
            # It writes its storage down now and then; at the end it is sure.
            time.sleep(1)
        finally:
            context.close()
