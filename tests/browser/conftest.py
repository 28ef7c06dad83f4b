# SPDX-License-Identifier: Apache-2.0
"""A console that is really served on loopback, and a real Chromium that looks at it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from collector.console import static_files
from collector.console.app import create_app
from tests.collector.conftest import config, empty_collector, engine, school  # noqa: F401 - fixtures
from tests.collector.school import School

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STARTS_WITHIN_S = 30

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, gone before other modules run: its driver keeps this thread's event loop busy."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def console(school: School) -> Iterator[str]:  # noqa: F811 - a fixture
    """The address of a console over plain HTTP on loopback, with its built assets, in real time."""
    assert static_files.load_addresses(), "build the assets first: python -m installers.assets"
    school.now_ns = time.time_ns()
    app = create_app(school.config, school.engine, publish=school.publish, secure_cookies=False)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    give_up = time.monotonic() + STARTS_WITHIN_S
    while not server.started and time.monotonic() < give_up:
        time.sleep(0.02)
    assert server.started
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def open_page(chromium: Browser, console: str) -> Iterator[OpenPage]:
    """Opens a page of a browser of its own; afterwards nothing may have gone wrong in any of them."""
    complaints: list[str] = []
    contexts = []

    def note(kind: str, text: str) -> None:
        # An answer of 400 or 403 or 503 that a test asks for is told on the console too.
        is_answer = "the server responded with a status of" in text or "Response Status Error Code" in text
        if kind in ("error", "warning") and not is_answer:
            complaints.append(text)

    def open_at(path: str = "/", *, width: int = 1280, height: int = 800, scripts: bool = True) -> Page:
        context = chromium.new_context(
            base_url=console, viewport={"width": width, "height": height}, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: note(message.type, message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
        page.goto(path)
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Where screenshots go."""
    folder = tmp_path / "shots"
    folder.mkdir()
    return folder


def unlock(page: Page, words: str) -> None:
    """Enter the six words."""
    page.get_by_label("Your six words").fill(words)
    page.get_by_role("button", name="Unlock").click()


def unlock_and_wait(page: Page, words: str) -> None:
    """Enter the right words and wait: while they are worked on the page does nothing else, and its list may be renewed
    between the two halves of a click."""
    unlock(page, words)
    expect(page.get_by_text("Unlocked on this page")).to_be_visible(timeout=30_000)
