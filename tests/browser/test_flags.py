# SPDX-License-Identifier: Apache-2.0
"""The safeguarding lead's work in a real browser: a key made there, flags opened there, and nothing left behind."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from collector.authority import load_authority, make_authority
from collector.flags import add_copy, read_sealed
from collector.identities import find_identity, keep_test_items
from collector.opener.flag import load_flag, open_flag
from collector.opener.identity import load_identity, unwrap
from collector.opener.text import in_groups
from collector.store.engine import writing
from collector.store.schema import flags
from proto.events import Tier
from proto.sealed import decode_flag, open_sealed, seal
from tests.browser.conftest import OpenPage, unlock, unlock_and_wait
from tests.browser.test_pages import look
from tests.browser.test_technician import sign_in
from tests.collector.evidence import Device, enrol_device
from tests.collector.safeguarding import PASSWORD, SENTENCE, Person, Safeguarding, build_safeguarding
from tests.collector.school import MINUTE_NS, School

pytestmark = pytest.mark.browser

EVIL = "<img src=x onerror=alert(1)> i want to \u202edie\u202c {{7*7}} javascript:alert(2)"
NOTE = "Spoke to Sam & his mother.\nSecond line"
STORED = """async () => JSON.stringify([
  Object.entries(localStorage), Object.entries(sessionStorage), document.cookie, location.href, history.state,
  await indexedDB.databases(), await caches.keys(),
])"""


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Wait generously: unwrapping a key is meant to be work."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """Four readers with keys, now."""
    school.now_ns = time.time_ns()
    return build_safeguarding(school, with_identities=True)


@pytest.fixture
def device(school: School, safeguarding: Safeguarding) -> Device:
    """A device that raises flags."""
    make_authority(school.config.authority_folder)
    device = enrol_device(school, load_authority(school.config.authority_folder))
    device.wall_clock_ns = school.now_ns
    return device


def come_in(page: Page, school: School, name: str) -> None:
    """Sign in with both factors."""
    school.now_ns = time.time_ns()
    school.add_second_factor(name)
    sign_in(page, name, PASSWORD)
    page.get_by_label("Code").fill(school.make_code(name))
    page.get_by_role("main").get_by_role("button").first.click()


def listen(page: Page) -> list[str]:
    """Return a list to which everything is added that the page sends from now on."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.post_data}"))
    return sent


def give_forged_copy(safeguarding: Safeguarding, flag_id: str) -> None:
    """Let the deputy seal something else to the lead than the device did."""
    school, dana = safeguarding.school, safeguarding.dsl
    sealed = seal(b"not what was typed", [dana.age_key])
    readers = {"reader": safeguarding.reader(safeguarding.deputy), "for_reader": safeguarding.reader(dana)}
    add_copy(school.engine, school.id, flag_id, sealed=sealed, now_ns=school.now_ns, **readers)


Open = Callable[..., Page]


@pytest.fixture
def open_flags(open_page: OpenPage, school: School) -> Open:
    """Opens the list of flags as one of the readers, locked."""

    def open_as(person: Person, **window: int) -> Page:
        page = open_page("/flags", **window)
        come_in(page, school, person.name)
        expect(page.get_by_role("heading", name="Flags", exact=True)).to_be_visible()
        return page

    return open_as


def make_key(page: Page) -> list[str]:
    """Go through making a new key in place of an old one, mistakes too, and return the six words."""
    page.get_by_text("I lost my words").click()
    page.get_by_role("button", name="Make a new key").click()
    expect(page.get_by_text("Tick the box first")).to_be_visible()
    page.get_by_label("I have read what I lose").check()
    page.get_by_role("button", name="Make a new key").click()
    expect(page.get_by_role("heading", name="The six words of dana")).to_be_focused()
    words = page.locator("#words-list li").all_inner_texts()
    page.get_by_label("Word 3").fill("wrong")
    page.get_by_role("button", name="My sheet is right").click()
    expect(page.get_by_text("That is not word 3")).to_be_visible()
    page.get_by_label("Word 3").fill(words[2].upper())
    page.get_by_label("Word 5").fill(f" {words[4]} ")
    page.get_by_role("button", name="My sheet is right").click()
    expect(page.get_by_role("alert")).to_contain_text("Your key is saved")
    return words


def test_new_key_is_made_tested_signed_and_opens_what_comes(
    open_page: OpenPage, school: School, safeguarding: Safeguarding, device: Device
) -> None:
    """A lead makes a key in the browser and reads the test code aloud; once it is signed, what comes opens with it."""
    dana = safeguarding.dsl
    page = open_page("/identity")
    come_in(page, school, dana.name)
    sent = listen(page)
    words = make_key(page)
    assert len(words) == 6
    kept = find_identity(school.engine, school.id, dana.name)
    assert kept is not None
    assert kept.age_key != dana.age_key
    assert not [text for text in sent if "AGE-SECRET-KEY" in text or any(f"={word}" in text for word in words)]

    items = {dana.name: seal(b"4711 0815", [kept.age_key])}
    keep_test_items(school.engine, school.id, items, actor="command line", now_ns=time.time_ns())
    page.reload()
    page.get_by_label("Your six words").fill(" ".join(words))
    page.get_by_role("button", name="Open test item").click()
    expect(page.locator("#test-code")).to_have_text("4711 0815")
    expect(page.locator("#test-key")).to_have_text(in_groups(kept.age_key))
    expect(page.get_by_text("a code alone does not prove whose key it is")).to_be_visible()
    people = [replace(safeguarding.dsl.recipient, age_key=kept.age_key)]
    people += [each.recipient for each in safeguarding.people[1:]]
    safeguarding.publish(safeguarding.sign(people))

    page.get_by_role("link", name="Flags", exact=True).click()
    expect(page.get_by_text("No flag waits for you")).to_be_visible()
    safeguarding.raise_flag(device, tier="call")
    expect(page.locator("#flags-said")).to_contain_text("New flag: Act now, library-01")
    unlock(page, "  ".join(words).upper())
    expect(page.get_by_text("Unlocked on this page")).to_be_visible()
    page.get_by_role("link", name="Open: library-01").click()
    expect(page.locator("blockquote")).to_have_text(SENTENCE)
    expect(page.get_by_role("heading", name="Act first, write later")).to_be_visible()


def test_key_goes_to_the_opener_and_back_as_a_file(
    open_page: OpenPage, school: School, safeguarding: Safeguarding, tmp_path: Path
) -> None:
    """The file opens in the opener with the same words, and the page takes it back."""
    dana, file = safeguarding.dsl, tmp_path / "identity.json"
    page = open_page("/identity")
    come_in(page, school, dana.name)
    page.get_by_text("Use this key on my own computer").click()
    with page.expect_download() as saving:
        page.get_by_role("link", name="Save this key as a file").click()
    saving.value.save_as(file)
    assert unwrap(load_identity(file), dana.passphrase) == dana.secret
    page.get_by_label("File with your key").set_input_files(file)
    page.get_by_role("button", name="Replace my key").click()
    expect(page.get_by_role("alert")).to_contain_text("Your key is saved")


def test_flag_is_read_decided_noted_and_saved(
    open_flags: Open, safeguarding: Safeguarding, device: Device, tmp_path: Path
) -> None:
    """The matched words are marked; what the reader decides and notes is there again the next time, for her alone."""
    dana = safeguarding.dsl
    flag = safeguarding.raise_flag(device)
    give_forged_copy(safeguarding, flag)
    page = open_flags(dana)
    sent = listen(page)
    unlock_and_wait(page, dana.passphrase)
    page.get_by_role("link", name="Open: library-01").click()
    expect(page.get_by_role("heading", name="Flag from library-01")).to_be_focused()
    expect(page.locator("blockquote")).to_have_text(SENTENCE)
    expect(page.locator("blockquote mark")).to_have_text(SENTENCE[:20])
    expect(page.get_by_text("It never proves who typed it")).to_be_visible()
    expect(page.locator("#category")).to_have_value("")  # What is kept in the clear never comes from the sealed text.

    page.get_by_role("button", name="Save decision").click()
    expect(page.locator("#decide-error")).to_have_text("Choose what it is.")
    page.get_by_label("Already known").check()
    page.get_by_label("What was done").select_option("Talked to the child")
    page.get_by_role("button", name="Save decision").click()
    expect(page.get_by_text("Decided by dana")).to_be_visible()
    page.get_by_label("Add a note").fill(NOTE)
    page.get_by_role("button", name="Seal and save the note").click()
    expect(page.locator(".sw-history__note")).to_have_text(NOTE)
    page.get_by_text("Keep it outside this page").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a sealed file").click()
    download.value.save_as(tmp_path / "flag.json")
    opened = open_flag(load_flag(tmp_path / "flag.json"), lambda sealed: open_sealed(sealed, dana.secret))
    assert (opened.content.sentence, opened.differences) == (SENTENCE, ())
    assert (opened.file.flag_id, [note.text for note in opened.notes]) == (flag, [NOTE])
    expect(page.locator("blockquote")).to_have_text(SENTENCE)
    assert not [text for text in sent if "Spoke" in text or "nobody" in text or dana.passphrase.split()[0] in text]

    page.goto("/flags?state=decided")
    page.get_by_role("link", name="Open: library-01").click()
    expect(page.get_by_text("Enter your six words first")).to_be_visible()
    unlock(page, dana.passphrase)
    expect(page.locator(".sw-history__note")).to_have_text(NOTE)
    expect(page.get_by_label("Already known")).to_be_checked()


def test_locking_leaves_nothing_behind(open_flags: Open, safeguarding: Safeguarding, device: Device) -> None:
    """By the button, by the Escape key and by time the text goes out of the page; the browser keeps none of it."""
    safeguarding.raise_flag(device)
    dana = safeguarding.dsl
    page = open_flags(dana)
    page.clock.install()
    unlock(page, dana.passphrase)
    expect(page.get_by_text("Unlocked on this page")).to_be_visible()
    link = page.get_by_role("link", name="Open: library-01")
    ways_out: tuple[Callable[[], None], ...] = (
        lambda: page.get_by_role("button", name="Close this flag").click(),
        lambda: page.keyboard.press("Escape"),
        lambda: page.get_by_role("button", name="Lock").click(),
    )
    for leave in ways_out:
        link.click()
        expect(page.locator("blockquote")).to_have_text(SENTENCE)
        page.get_by_label("Add a note").fill("half a thought")
        page.get_by_role("heading", name="Flag from library-01").click()
        leave()
        expect(page.locator("blockquote")).to_have_count(0)
        source = page.content()
        assert SENTENCE not in source
        assert "half a thought" not in source
        assert "AGE-SECRET" not in source
    expect(page.get_by_label("Your six words")).to_have_value("")
    unlock_and_wait(page, dana.passphrase)
    link.click()
    expect(page.locator("blockquote")).to_have_text(SENTENCE)
    page.clock.fast_forward(9 * 60 * 1000 + 10_000)
    expect(page.get_by_text("This page locks in one minute")).to_be_visible()
    page.clock.fast_forward(60 * 1000)
    expect(page.get_by_text("Locked, because nobody used this page for 10 minutes")).to_be_visible()
    assert SENTENCE not in page.content()
    stored = page.evaluate(STORED)
    kept, kept_for_now, cookies, *_ = json.loads(stored)
    assert (kept, cookies) == ([], "")
    assert {name for name, _ in kept_for_now} <= {"htmx-current-path-for-history"}
    assert not any(secret in stored for secret in (SENTENCE, dana.passphrase, dana.passphrase.split()[0], "AGE-"))

    unlock_and_wait(page, dana.passphrase)
    link.click()
    expect(page.locator("blockquote")).to_have_text(SENTENCE)
    page.goto("/account")
    page.go_back()
    expect(page.get_by_label("Your six words")).to_be_visible()
    assert SENTENCE not in page.content()


def test_wrong_words_and_a_flag_for_other_keys(
    open_flags: Open, safeguarding: Safeguarding, device: Device, school: School
) -> None:
    """Each mistake is told apart, and what is not sealed to this key stays shut until a colleague gives a copy."""
    dana, dev = safeguarding.dsl, safeguarding.deputy
    # As if the flag had come before Dana was a reader: only Dev's key opens it.
    everybody = safeguarding.content
    safeguarding.content = replace(everybody, recipients=(dev.recipient,))
    flag = safeguarding.raise_flag(device)
    safeguarding.content = everybody
    page = hers = open_flags(dana)
    unlock(page, "ability able")
    expect(page.get_by_text("Enter all six words. You entered 2.")).to_be_visible()
    unlock(page, "ability able abuot above absent absorb")
    expect(page.get_by_text("Look at word 3 again")).to_be_visible()
    unlock(page, "ability able about above absent zoo")
    expect(page.get_by_text("These are not the six words of your key")).to_be_visible()
    unlock_and_wait(page, dana.passphrase)
    page.get_by_role("link", name="Open: library-01").click()
    expect(page.get_by_text("This flag is not sealed to your key")).to_be_visible()

    page = open_flags(dev)
    unlock_and_wait(page, dev.passphrase)
    page.get_by_role("link", name="Open: library-01").click()
    expect(page.locator("blockquote")).to_be_visible()
    page.get_by_text("A colleague cannot open it").click()
    page.get_by_label("Colleague").select_option("dana")
    page.get_by_role("button", name="Seal a copy").click()
    expect(page.get_by_text("dana can open this flag now.")).to_be_visible()
    given = read_sealed(school.engine, school.id, flag, reader=safeguarding.reader(dana), now_ns=time.time_ns())
    assert given.copy is not None
    assert decode_flag(open_sealed(given.copy.sealed, dana.secret)).sentence == SENTENCE
    expect(page.get_by_text("This is a colleague’s copy")).to_be_hidden()
    hers.get_by_role("link", name="Open: library-01").click()
    expect(hers.locator("blockquote")).to_have_text(SENTENCE)
    expect(hers.get_by_role("alert").filter(has_text="colleague’s copy")).to_contain_text("sealed again by dev on")
    expect(hers.get_by_text("not by the device", exact=False).first).to_be_visible()


def test_relabelled_flag_is_shown_as_such(
    open_flags: Open, safeguarding: Safeguarding, device: Device, school: School
) -> None:
    """Who writes into the database can change the label, and the page says loudly that it does not fit."""
    safeguarding.raise_flag(device, tier="call")
    with writing(school.engine) as connection:
        connection.execute(
            update(flags).values(tier=Tier.REVIEW, drill=True, device_time_ns=school.now_ns + MINUTE_NS * 9)
        )
    page = open_flags(safeguarding.dsl)
    unlock_and_wait(page, safeguarding.dsl.passphrase)
    page.get_by_role("link", name="Open: library-01").click()
    alarm = page.get_by_role("alert").filter(has_text="Somebody changed the label")
    expect(alarm).to_contain_text("urgency: sealed inside “call”, on the label “review”")
    expect(alarm).to_contain_text("drill: the label says that it is one, and inside it is none")
    expect(alarm).to_contain_text("time: the label has another")


def test_hostile_sentence_is_only_text(open_flags: Open, safeguarding: Safeguarding, device: Device) -> None:
    """Markup, reversing marks and templates in a sentence are shown and do nothing; the stop card is at hand."""
    safeguarding.raise_flag(
        device, sentence=EVIL, start=40, end=45, category="sexual", window="\u202e<b>", application="x" * 300
    )
    page = open_flags(safeguarding.dsl)
    unlock_and_wait(page, safeguarding.dsl.passphrase)
    page.get_by_role("link", name="Open: library-01").click()
    expect(page.locator("blockquote")).to_contain_text("<img src=x onerror=alert(1)> i want to [U+202E]die[U+202C]")
    expect(page.get_by_role("heading", name="Stop: do not look for the image")).to_be_visible()
    expect(page.get_by_text("do not ask a pupil to delete it")).to_be_visible()
    page.get_by_label("There may be an image").uncheck()
    expect(page.get_by_role("heading", name="Stop: do not look for the image")).to_be_hidden()


def test_list_stays_as_it_is_while_it_is_read(open_flags: Open, safeguarding: Safeguarding, device: Device) -> None:
    """What comes while a flag is open is announced; what is open and typed stays, and closing leads back to the row."""
    safeguarding.raise_flag(device)
    page = open_flags(safeguarding.dsl)
    unlock(page, safeguarding.dsl.passphrase)
    link = page.get_by_role("link", name="Open: library-01")
    link.click()
    page.get_by_label("Add a note").fill("half a thought")
    safeguarding.raise_flag(device, tier="call", account="directory:other")
    expect(page.locator("#flags-said")).to_contain_text("New flag: Act now")
    expect(page.get_by_label("Add a note")).to_have_value("half a thought")
    expect(page.locator("blockquote")).to_have_text(SENTENCE)
    page.get_by_role("button", name="Close this flag").click()
    expect(link).to_have_count(2)
    expect(link.nth(1)).to_be_focused()


def test_without_scripts_the_way_out_is_named(open_page: OpenPage, school: School, safeguarding: Safeguarding) -> None:
    """A browser without scripts opens no flag, says so, and names the offline opener."""
    page = open_page("/flags", scripts=False)
    come_in(page, school, safeguarding.dsl.name)
    expect(page.get_by_text("schoolwarden-open")).to_be_visible()
    expect(page.get_by_label("Your six words")).to_be_hidden()


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_pages_fit_the_window(
    open_flags: Open, safeguarding: Safeguarding, device: Device, school: School, shots: Path, width: int
) -> None:
    """No page of the flags scrolls sideways, has a nameless field or an id twice."""
    safeguarding.raise_flag(device, tier="call", sentence=EVIL, category="sexual", application="x" * 300)
    safeguarding.raise_flag(device)
    safeguarding.raise_flag(device, tier="review", route="outside")
    page = open_flags(safeguarding.dsl, width=width)
    look(page, shots, "flags-locked")
    unlock(page, "ability able")
    look(page, shots, "flags-wrong-words")
    unlock(page, safeguarding.dsl.passphrase)
    expect(page.get_by_text("Unlocked on this page")).to_be_visible()
    page.get_by_role("link", name="Open: library-01").first.click()
    expect(page.locator("blockquote")).to_be_visible()
    for details in page.locator("#opened details summary").all():
        details.click()
    look(page, shots, "flag-open")
    page.goto("/identity")
    for details in page.locator("#identity details summary").all():
        details.click()
    look(page, shots, "identity")
    page.goto("/readers")
    look(page, shots, "readers")
