# SPDX-License-Identifier: Apache-2.0
"""From the last key of a sentence to the reader: into the database, into the list in her browser, and before her eyes.

Real keys on a screen of its own, the real agent, collector and Chromium: `python -m tests.bench.flags`. The time that
the watcher waits on purpose (`agent.session.reading`) is part of it. Needs what the group `desktop` of the tests needs.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.bench.measure import spread
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.watched import Watched, unlock_as, watch

WORDS = "i want to kill myself"
GIVE_UP_S = 30.0


def run(*, quick: bool) -> dict[str, Any]:
    """Return the latencies in milliseconds as JSON values."""
    with tempfile.TemporaryDirectory() as folder, watch(Path(folder)) as watched, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        unlock_as(page, watched.collector, watched.readers.people["dana"])
        measured = [_measure(watched, page, number) for number in range(3 if quick else 20)]
        browser.close()
    stored, listed, read = zip(*measured, strict=True)
    return {
        "last_key_to_database_ms": spread(stored).to_json(),
        "last_key_to_list_in_browser_ms": spread(listed).to_json(),
        "last_key_to_sentence_in_browser_ms": spread(read).to_json(),
    }


def _measure(watched: Watched, page: Page, number: int) -> tuple[float, float, float]:
    flags, rows = len(watched.readers.list_flags()), page.get_by_role("link", name="Open:").count()
    watched.desk.type(f"{number} {WORDS}")
    # The pause lets the typing program end; what is measured begins with the key that ends the sentence.
    time.sleep(0.2)
    started = time.monotonic()
    watched.desk.press("period")
    _wait(started, lambda: len(watched.readers.list_flags()) > flags)
    stored = time.monotonic()
    _wait(started, lambda: page.get_by_role("link", name="Open:").count() > rows)
    listed = time.monotonic()
    page.get_by_role("link", name="Open:").first.click()
    _wait(started, lambda: page.locator("blockquote").count() > 0)
    read = time.monotonic()
    page.keyboard.press("Escape")
    watched.desk.press("space")
    return (stored - started) * 1000, (listed - started) * 1000, (read - started) * 1000


def _wait(started: float, is_there: Any) -> None:
    while not is_there():
        if time.monotonic() - started > GIVE_UP_S:
            raise RuntimeError("a sentence was typed and did not arrive")
        time.sleep(0.005)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.flags", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three sentences instead of twenty")
    sys.stdout.write(json.dumps(run(quick=parser.parse_args().quick), indent=1) + "\n")
