# SPDX-License-Identifier: Apache-2.0
"""Tests of the watcher as it runs: what it reads, what it never reads, and when it reads nothing at all."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from Xlib.error import ConnectionClosedError

from agent.session.channel import Channel, open_pair
from agent.session.launch import start_watcher
from agent.session.messages import (
    Accepted,
    Counted,
    DrillOrder,
    Found,
    Ready,
    State,
    Stop,
    decode_report,
    encode,
)
from agent.session.notice_window import READING_TIME_MS
from rules.keywords.drill import DRILL_PHRASE
from tests.agent.session.desktop import (
    ENTER,
    LEFT,
    SYSTEM_PYTHON,
    TAB,
    WITHIN_S,
    Desktop,
    Heard,
    Window,
    make_setup,
    wait_until,
    watching,
)
from tests.tree import ROOT

pytestmark = pytest.mark.desktop

OPEN = Callable[..., Window]
WORDS = "i want to kill myself"
SOON_S = 2.7
"""Longer than anything that was found is held."""


def test_it_tells_what_it_can_see_and_ends_with_its_channel(desktop: Desktop) -> None:
    """It says that it knows password fields, shows its sign, and is gone when the service hangs up."""
    with watching(desktop) as (watcher, heard):
        assert heard.reports[0] == Ready(password_fields=True)
        wait_until(lambda: desktop.find_window("Schoolwarden reads what is typed here"))
    assert not watcher.is_alive
    wait_until(lambda: not desktop.find_window("Schoolwarden reads"))


def test_nothing_but_the_matched_sentence_leaves(desktop: Desktop, open_window: OPEN) -> None:
    """Of three sentences one matches and is told, once; the others come with it for the choice of its readers only."""
    open_window()
    with watching(desktop) as (_, heard):
        desktop.press("the cat sat on the mat. ", WORDS, ". it rains today", ENTER)
        heard.wait_for(Found)
        time.sleep(SOON_S)
        (found,) = heard.found
        assert (found.sentence, found.around) == (WORDS + ".", "the cat sat on the mat. \n it rains today")
        told = " ".join(str(asdict(report)) for report in (*heard.reports[:-1], replace(found, around="")))
        assert "sat on" not in told
        assert "rains" not in told
        assert "sat on" not in repr(found)


def test_a_password_field_is_not_read(desktop: Desktop, open_window: OPEN) -> None:
    """What is typed into a field for a password is no finding and joins no sentence; the field after it is read."""
    window = open_window()
    with watching(desktop) as (_, heard):
        desktop.press("i want to ")
        window.tell("password")
        time.sleep(0.5)
        desktop.press("kill myself ", WORDS, ENTER)
        wait_until(lambda: window.password.endswith(WORDS))
        window.tell("text")
        time.sleep(SOON_S)
        assert heard.found == []
        desktop.press(ENTER, WORDS, ENTER)
        heard.wait_for(Found)


def test_a_password_typed_at_once_is_not_read(desktop: Desktop, open_window: OPEN) -> None:
    """Tab into the field and go on without a pause, as fast as keys come: still nothing."""
    window = open_window()
    with watching(desktop) as (_, heard):
        for _ in range(3):
            desktop.press("pupil", TAB, WORDS, ENTER)
            wait_until(lambda: window.password == WORDS)
            window.tell("clear")
            window.tell("text")
            wait_until(lambda: not window.password)
            time.sleep(0.5)
        time.sleep(SOON_S)
        assert heard.found == []


def test_a_password_field_that_had_the_focus_before(desktop: Desktop, open_window: OPEN) -> None:
    """A watcher that starts while somebody types a password finds that out."""
    window = open_window()
    window.tell("password")
    time.sleep(0.5)
    with watching(desktop) as (_, heard):
        time.sleep(0.5)
        desktop.press(WORDS, ENTER)
        time.sleep(SOON_S)
        assert heard.found == []


def test_a_password_window_that_closes_blinds_nobody(desktop: Desktop, open_window: OPEN) -> None:
    """When the window with the field is gone without a word, the next window is read."""
    first = open_window("Other")
    with watching(desktop) as (_, heard):
        first.tell("password")
        time.sleep(0.5)
        first.close()
        open_window()
        time.sleep(SOON_S)
        desktop.press(WORDS, ENTER)
        heard.wait_for(Found)


def test_a_protected_window_is_not_read(desktop: Desktop, open_window: OPEN) -> None:
    """Nothing typed in a window of the floor, or in one that the school added, is read, and nobody is told of it."""
    titles = ["Childline | Talk to us", "Sign in - School", "Our own diary"]
    window = open_window("Childline")
    with watching(desktop, make_setup(protected=("own diary",))) as (_, heard):
        for title in titles:
            window.tell("title " + title)
            wait_until(partial(desktop.has_focus, title))
            desktop.press(WORDS, ENTER)
        time.sleep(SOON_S)
        assert len(heard.reports) == 2, "ready and watching"


def test_a_window_that_becomes_protected(desktop: Desktop, open_window: OPEN) -> None:
    """A browser that goes from one page to another changes its title: from then on nothing is read, and later again."""
    window = open_window()
    with watching(desktop) as (_, heard):
        desktop.press("i want to ")
        window.tell("title Kooth")
        wait_until(partial(desktop.has_focus, "Kooth"))
        desktop.press("kill myself", ENTER, WORDS, ENTER)
        window.tell("title My essay")
        wait_until(partial(desktop.has_focus, "My essay"))
        time.sleep(SOON_S)
        assert heard.found == []
        desktop.press(WORDS, ENTER)
        heard.wait_for(Found)


def test_two_windows_make_no_sentence(desktop: Desktop, open_window: OPEN) -> None:
    """What is typed in one window does not run on in another, and is told with the window it was typed in."""
    open_window()
    with watching(desktop) as (_, heard):
        desktop.press("i want to kill")
        open_window("Second")
        desktop.press(" myself", ENTER)
        time.sleep(SOON_S)
        assert heard.found == []
        desktop.press(WORDS)
        open_window("Third")
        assert heard.wait_for(Found).window == "Second"


def test_arrows_and_clicks_break_a_sentence(desktop: Desktop, open_window: OPEN) -> None:
    """Where the next letter goes is not known after them, so nothing is joined."""
    open_window()
    with watching(desktop) as (_, heard):
        desktop.press("i want to kill", LEFT, " myself", ENTER)
        desktop.press("i want to kill")
        desktop.click(5, 700)
        desktop.press(" myself", ENTER)
        time.sleep(SOON_S)
        assert heard.found == []


def test_it_waits_for_the_notice(desktop: Desktop, open_window: OPEN) -> None:
    """Before the notice is accepted nothing is read; its button is told to the service, and then reading begins."""
    window = open_window()
    with watching(desktop, make_setup(is_accepted=False)) as (_, heard):
        heard.wait_for(State, state="waiting")
        wait_until(partial(desktop.has_focus, "This computer is watched"))
        assert not desktop.find_window("Schoolwarden reads")
        desktop.press(WORDS, ENTER)
        time.sleep(SOON_S)
        assert not any(isinstance(report, Accepted) for report in heard.reports), "typing on is no acceptance"
        time.sleep(READING_TIME_MS / 1000)
        desktop.press(TAB, ENTER)
        assert heard.wait_for(Accepted).notice_version == "2026-1"
        heard.wait_for(State, state="watching")
        time.sleep(SOON_S)
        assert heard.found == []
        wait_until(partial(desktop.has_focus, "My essay"))
        window.tell("text")
        time.sleep(0.5)
        desktop.press(WORDS, ENTER)
        heard.wait_for(Found)


@pytest.mark.parametrize("end", ["stop", "signal", "display"])
def test_at_its_end_it_tells_what_it_found(desktop: Desktop, open_window: OPEN, end: str) -> None:
    """Told to stop, by the service or with the whole machine, or left by its display: what was typed is not lost."""
    screen = Desktop() if end == "display" else desktop
    window = Window(screen, "My essay") if end == "display" else open_window()
    try:
        with watching(screen) as (watcher, heard):
            screen.press("it rains. ", WORDS)
            wait_until(lambda: window.text.endswith(WORDS))
            # Its line is older than the moment in which it could be a password.
            time.sleep(0.3)
            if end == "stop":
                watcher.stop()
            elif end == "signal":
                os.kill(watcher.pid, signal.SIGTERM)
            else:
                screen.close()
            wait_until(lambda: not watcher.is_alive)
            assert [(found.sentence, found.around) for found in heard.found] == [(WORDS, "it rains.")]
    finally:
        with contextlib.suppress(ConnectionClosedError):
            if end == "display":
                screen.close()


def test_a_drill_is_answered(desktop: Desktop, open_window: OPEN) -> None:
    """An order of a drill is answered with its nonce by the real matcher; the phrase from the keyboard is nothing."""
    open_window()
    with watching(desktop) as (watcher, heard):
        desktop.press(DRILL_PHRASE, ENTER)
        watcher.send(DrillOrder("0badcafe"))
        found = heard.wait_for(Found)
        assert (found.nonce, found.category, found.sentence) == ("0badcafe", "drill", DRILL_PHRASE)
        time.sleep(SOON_S)
        assert heard.found == [found]


def test_a_draft_is_counted_and_its_text_does_not_leave(desktop: Desktop, open_window: OPEN) -> None:
    """Typed twice it is counted twice; nothing of what was typed is told."""
    open_window()
    with watching(desktop, replace(make_setup(), drafts=("own:purple haystack",))) as (_, heard):
        desktop.press("a purple haystack. ", "and one more purple haystack", ENTER)
        wait_until(lambda: [each for each in heard.reports if isinstance(each, Counted)] == [Counted("own")] * 2)
        assert heard.found == []
        assert "haystack" not in repr([asdict(each) for each in heard.reports])


LOCKER = """
import sys
from Xlib import X, display
d = display.Display(); s = d.screen()
w = s.root.create_window(0, 0, s.width_in_pixels, s.height_in_pixels, 0, X.CopyFromParent, override_redirect=True)
w.map(); d.sync(); w.grab_keyboard(True, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime); d.sync()
print("locked", flush=True); sys.stdin.read()
"""


def test_a_locked_screen_is_not_read(desktop: Desktop, open_window: OPEN) -> None:
    """While a locker covers the screen, the password that unlocks it is not read."""
    open_window()
    with watching(desktop) as (_, heard):
        desktop.press("i want to ")
        locker = desktop.start(sys.executable, "-c", LOCKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert locker.stdout is not None
        assert locker.stdout.readline().strip() == "locked"
        time.sleep(0.5)
        desktop.press("kill myself", ENTER, WORDS, ENTER)
        locker.kill()
        locker.wait()
        time.sleep(SOON_S)
        assert heard.found == []
        desktop.press(WORDS, ENTER)
        heard.wait_for(Found)


def test_nobody_looks_into_it(desktop: Desktop) -> None:
    """Its memory cannot be read by its own user's other programs, and the kernel writes no core of it."""
    with watching(desktop) as (watcher, _):
        process = Path(f"/proc/{watcher.pid}")
        # What is not dumpable belongs to root.
        assert (process / "mem").stat().st_uid == 0
        limit = next(line for line in (process / "limits").read_text().splitlines() if "core file" in line)
        assert limit.split()[4:6] == ["0", "0"]


def test_a_session_without_display_is_not_watched() -> None:
    """A watcher without an X11 display says so and ends."""
    service, end = open_pair()
    with end:
        command = [sys.executable, "-I", "-m", "agent.session.process", str(end.fileno())]
        watcher = subprocess.Popen(command, env={}, pass_fds=[end.fileno()])
    channel = Channel(service)
    channel.send(make_setup())
    assert decode_report(channel.receive()) == State("not_watched", "this session has no X11 display")
    assert watcher.wait(WITHIN_S) == 3
    channel.close()


def test_a_display_that_ends_is_told(desktop: Desktop) -> None:
    """A display that does not answer is a reason, not a crash."""
    session = SimpleNamespace(**{**vars(desktop.session()), "display": ":7777"})
    heard = Heard()
    watcher = start_watcher(session, make_setup(), heard.take)
    assert heard.wait_for(State) == State("not_watched", "the display does not answer")
    watcher.stop()


SERVICE = """
import sys, time
from types import SimpleNamespace
from agent.session.launch import start_watcher
from agent.session.messages import Setup, State
session = SimpleNamespace(**eval(sys.argv[1]))
def hear(message):
    if isinstance(message, State): print(watcher.pid, flush=True)
watcher = start_watcher(session, Setup(("en",), "1", "t", "t", True), hear)
time.sleep(600)
"""


def test_it_dies_with_the_service(desktop: Desktop) -> None:
    """When the service is killed without order, its watcher does not live on."""
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, repr(vars(desktop.session()))], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert service.stdout is not None
    pid = int(service.stdout.readline())
    os.kill(service.pid, signal.SIGKILL)
    service.wait()
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z")


def test_a_service_that_has_gone_is_told_nothing(desktop: Desktop, open_window: OPEN) -> None:
    """When the channel is closed it ends without an error, whatever it had found."""
    window = open_window()
    service, end = open_pair()
    with end:
        command = [sys.executable, "-I", "-m", "agent.session.process", str(end.fileno())]
        watcher = subprocess.Popen(command, env=desktop.environment, pass_fds=[end.fileno()], stderr=subprocess.PIPE)
    channel = Channel(service)
    channel.send(make_setup())
    while not isinstance(decode_report(channel.receive()), State):
        pass
    desktop.press(WORDS)
    wait_until(lambda: window.text.endswith(WORDS))
    channel.close()
    _, errors = watcher.communicate(timeout=WITHIN_S)
    assert (watcher.returncode, errors) == (0, b"")


def test_words_of_the_service_are_checked(desktop: Desktop) -> None:
    """A first message that is no setup ends the watcher."""
    service, end = open_pair()
    with end:
        command = [sys.executable, "-I", "-m", "agent.session.process", str(end.fileno())]
        watcher = subprocess.Popen(command, env=desktop.environment, pass_fds=[end.fileno()])
    service.send(encode(Stop()))
    assert watcher.wait(WITHIN_S) == 3
    service.close()


def test_the_rig_is_real() -> None:
    """The windows of these tests are drawn by the system's own toolkit."""
    assert (
        subprocess.run([SYSTEM_PYTHON, "-c", "import gi; gi.require_version('Gtk', '3.0')"], check=False).returncode
        == 0
    )
