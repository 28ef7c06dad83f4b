# SPDX-License-Identifier: Apache-2.0
"""From a real keyboard to the designated safeguarding lead: a pupil writes in an essay what should worry an adult.

He writes it on an English, a German and a French keyboard, and on one that switches to Russian, with accents on dead
keys and signs on the third level. The DSL reads each sentence as it stands in the window; the chair of governors, who
is on no route of it, cannot open it, and nobody at the console sees it in a list of incidents.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from proto.errors import SealError
from proto.events import Tier
from tests.desk import USER, Desk
from tests.watched import Watched, browser, unlock_as

WORDS = "i want to kill myself"


def _on_us(desk: Desk) -> None:
    desk.set_layout("us")
    desk.type(f"honestly {WORDS}. ")


def _on_de(desk: Desk) -> None:
    # y and z are in each other's place, the at sign is on the third level and the accent a dead key.
    desk.set_layout("de")
    desk.press("ISO_Level3_Shift+q", "dead_acute", "e", "space")
    desk.type(f"{WORDS}. ")


def _on_fr(desk: Desk) -> None:
    # a and q are in each other's place, and so are m and the semicolon.
    desk.set_layout("fr")
    desk.press("dead_circumflex", "o", "space")
    desk.type(f"{WORDS}! ")


def _on_ru(desk: Desk) -> None:
    desk.set_layout("us,ru", "-option", "", "-option", "grp:alt_shift_toggle")
    desk.press("Alt_L+Shift_L")
    desk.press("g", "h", "b", "d", "t", "n", "space")
    desk.press("Alt_L+Shift_L")
    desk.type(f"{WORDS}. ")


@pytest.mark.desktop
@pytest.mark.timeout(300)
def test_what_is_typed_in_four_layouts_is_read_in_the_browser_and_by_nobody_else(
    watched: Watched, tmp_path: Path
) -> None:
    """Each sentence arrives as it stood in the window, sealed to the DSL and the deputy."""
    collector, readers = watched.collector, watched.readers
    layouts: list[Callable[[Desk], None]] = [_on_us, _on_de, _on_fr, _on_ru]
    # The machine is shared with other stories, which have incidents of their own.
    before = {each.id for each in collector.incidents()}
    with browser(tmp_path / "profile") as page:
        unlock_as(page, collector, readers.people["dev"])
        for write in layouts:
            written, flag = write_one(watched, write)
            assert (flag.route, flag.tier, flag.drill) == ("dsl", Tier.ALERT, False)
            page.locator(f"#flag-{flag.flag_id}").click()
            expect(page.locator("blockquote")).to_have_text(written)
            page.keyboard.press("Escape")
            content = readers.read(flag, "dana")
            assert content.sentence.strip() == written, write.__name__
            assert content.sentence[content.start : content.end] in WORDS
            assert (content.account_name, content.account_kind, content.category) == (USER, "pupil", "suicide")
            assert (content.window, readers.read(flag, "dev")) == ("Essay", content)
            with pytest.raises(SealError):
                readers.read(flag, "charles")
    collector.verify()
    assert {each.id for each in collector.incidents()} == before
    shown = collector.run("incidents", "--format", "json").out
    assert "safeguarding-flag" not in shown
    assert WORDS not in shown


def write_one(watched: Watched, write: Callable[[Desk], None]) -> tuple[str, Any]:
    """Have one sentence written; return what came into the window by it, and the flag."""
    desk, readers = watched.desk, watched.readers
    before, there = desk.text(), len(readers.list_flags())
    write(desk)
    wanted = before.count(WORDS) + 1
    after = desk.wait_for_text(lambda text: text.count(WORDS) == wanted and text.endswith(" "))
    flag = readers.wait_for_flags(there + 1, watched.collector, watched.agent)[-1]
    return after.removeprefix(before).strip(), flag
