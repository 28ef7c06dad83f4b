# SPDX-License-Identifier: Apache-2.0
"""The watcher: from a key to a sentence that leaves.

Read `Watcher._press` for the path of a key. One thread decides everything; the others (the hook, the channel, the two
buses, the notice) only put what happened into one queue. A key is dropped before it is read while its window is
protected or unknown, a password field has the focus or may have it (`gate`), the screen is locked or the notice is not
accepted. What is pasted or dictated is not seen. However it ends, what it had found by then is told. `process` runs it.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from Xlib.display import Display

from agent.errors import ChannelError, NotWatchedError
from agent.session.browser import MuteBrowsers
from agent.session.channel import Channel
from agent.session.consent import Consent
from agent.session.gate import Change, Gate
from agent.session.keyboard import Click, Keyboard, KeyPress
from agent.session.layout import Layout
from agent.session.lock import watch_lock_signal
from agent.session.messages import (
    MUTE_BROWSER,
    Accepted,
    Alive,
    Counted,
    DrillOrder,
    Found,
    Order,
    Ready,
    Report,
    Setup,
    State,
    Stop,
    decode_order,
)
from agent.session.notice import Answer
from agent.session.password import FieldFocus, watch_password_fields
from agent.session.protected import Protected
from agent.session.reading import GRACE_S, Finding, Reading
from agent.session.sign import Sign
from agent.session.stroke import Stroke, is_chord, read_stroke
from rules.keywords.draft import DRAFT_CATEGORY, add_drafts
from rules.keywords.drill import DRILL_PHRASE, DRILL_RULE, add_drill
from rules.keywords.lexicon import load_lexicon
from rules.keywords.match import Matcher
from rules.keywords.sentence import find_sentence

BUSY_LOOK_S = 0.1
"""Between two looks at the clock and the screen while something waits to be told."""
IDLE_LOOK_S = 1.0
ALIVE_EVERY_S = 60.0
CATCH_UP_S = 0.1


def read_drafts(drafts: Sequence[str]) -> dict[str, list[str]]:
    """Return the texts of each draft by its id, from what a set-up says of them."""
    texts: dict[str, list[str]] = {}
    for each in drafts:
        id_, _, text = each.partition(":")
        texts.setdefault(id_, []).append(text)
    return texts


@dataclass(frozen=True, slots=True)
class _Lock:
    is_locked: bool


@dataclass(frozen=True, slots=True)
class _ChannelEnd:
    pass


_Happening = KeyPress | Click | FieldFocus | _Lock | Answer | Order | _ChannelEnd


class Watcher:
    """One session's watcher."""

    def __init__(self, channel: Channel, setup: Setup, display: str) -> None:
        """Get hold of all that it needs of the session. Nothing is read yet.

        Raises:
            NotWatchedError: the display does not offer it.
            LexiconError: a language is not here.
        """
        self._channel = channel
        self._setup = setup
        self._happenings: queue.SimpleQueue[_Happening] = queue.SimpleQueue()
        self._matcher = Matcher(add_drafts(add_drill(load_lexicon(setup.languages)), read_drafts(setup.drafts)))
        self._reading = Reading(self._matcher.find, find_sentence)
        self._gate = Gate(Display(display), Protected(setup.protected))
        self._sign = Sign(Display(display))
        self._layout = Layout(display)
        tell = self._happenings.put
        self._passwords = watch_password_fields(tell)
        self._lock_signal = watch_lock_signal(lambda is_locked: tell(_Lock(is_locked)))
        self._keyboard: Keyboard | None = None
        self._consent = Consent(setup, tell)
        self._mute_browsers = MuteBrowsers()
        self._state = State("waiting", "the notice is not accepted yet")
        self._look_s = self._alive_due_s = 0.0

    def run(self) -> None:
        """Watch until the service says stop or closes the channel.

        Raises:
            NotWatchedError: it cannot go on; the message says why.
            ChannelError: the service has gone.
        """
        threading.Thread(target=self._hear, name="channel", daemon=True).start()
        self._send(Ready(password_fields=self._passwords is not None))
        if self._consent.is_given:
            self._begin()
        else:
            self._send(self._state)
            self._consent.show()
        while True:
            wait_s = BUSY_LOOK_S if self._reading.is_busy else IDLE_LOOK_S
            try:
                happening = self._happenings.get(timeout=wait_s)
            except queue.Empty:
                happening = None
            now_s = time.monotonic()
            if isinstance(happening, Stop):
                self._catch_up(now_s)
            if isinstance(happening, Stop | _ChannelEnd):
                return
            if happening is not None:
                self._take(happening, now_s)
            if now_s - self._look_s >= BUSY_LOOK_S:
                self._look_s = now_s
                self._look(now_s)

    def stop(self) -> None:
        """Let `run` return. A signal handler may call it."""
        self._happenings.put(Stop())

    def close(self) -> None:
        """Tell what was found, forget everything and leave the screen."""
        # The service may have gone; then nobody is left to be told.
        with contextlib.suppress(ChannelError):
            for finding in self._reading.finish(time.monotonic()):
                self._tell_found(finding)
        self._layout.forget()
        self._consent.close()
        if self._keyboard is not None:
            self._keyboard.stop()
            self._keyboard = None
        self._sign.hide()
        self._layout.close()

    # From a key to what leaves.

    def _press(self, key: KeyPress, now_s: float) -> None:
        """Read one key.

        1. To which window does it go, and may it be read there?
        2. What does the key mean in the layout of this moment?
        3. What does that do to the text?
        """
        # 1.
        self._follow(now_s)
        if not self._gate.is_open:
            self._layout.forget()
            return
        # 2.
        if is_chord(key.state):
            symbol, text = self._layout.find_symbol(key.keycode, key.state), ""
        else:
            symbol, text = self._layout.read(key.keycode, key.state)
        # 3.
        stroke = read_stroke(symbol, text, key.state)
        if stroke is Stroke.TEXT:
            self._reading.add(text, now_s)
        elif stroke is Stroke.END_LINE:
            self._reading.end_line(now_s)
        elif stroke in (Stroke.ERASE, Stroke.ERASE_WORD):
            self._reading.erase(now_s, is_word=stroke is Stroke.ERASE_WORD)
        elif stroke is Stroke.LEAVE:
            self._leave(now_s)

    def _follow(self, now_s: float) -> None:
        """Follow the focus: what was typed in one window settles there, and goes no further."""
        change = self._gate.look(now_s)
        if change is Change.WINDOW:
            self._layout.forget()
            self._reading.move(self._gate.place, now_s)
        elif change is Change.TITLE:
            self._reading.rename(self._gate.place)
        if self._gate.is_covered:
            self._reading.leave(now_s)
        if self._gate.is_protected:
            self._reading.wipe()
        if self._gate.is_secret:
            self._reading.retract(now_s)

    def _leave(self, now_s: float) -> None:
        self._layout.forget()
        self._reading.leave(now_s)

    def _tell_found(self, finding: Finding, nonce: str = "") -> None:
        hit = finding.hit
        if hit.category == DRAFT_CATEGORY:
            self._send(Counted(hit.rule))
            return
        is_drill = hit.rule == DRILL_RULE
        if is_drill != bool(nonce):
            return  # the drill's phrase from a keyboard is nobody's concern, and a drill finds nothing else
        self._send(
            Found(
                category=hit.category,
                tier=hit.tier,
                severity=hit.severity,
                rule=hit.rule,
                why=hit.why,
                sentence=finding.sentence,
                start=finding.start,
                end=finding.end,
                application=finding.place.application,
                window=finding.place.window,
                nonce=nonce,
                around=finding.around,
            )
        )

    # What else happens.

    def _take(self, happening: _Happening, now_s: float) -> None:
        match happening:
            case KeyPress():
                # A key may still lie in the queue after reading has ended.
                if self._keyboard is not None:
                    self._press(happening, now_s)
            case Click():
                self._leave(now_s)
            case FieldFocus():
                self._gate.field_focus = happening
                if self._gate.is_secret:
                    self._layout.forget()
                    self._reading.retract(now_s)
            case _Lock(is_locked):
                self._gate.is_locked = is_locked
                self._leave(now_s)
            case Answer():
                if self._consent.take(happening, now_s):
                    self._send(Accepted(self._setup.notice_version))
                    self._begin()
            case DrillOrder(nonce):
                self._drill(nonce, now_s)
            case _:
                raise ChannelError("the service set the watcher up twice")

    def _look(self, now_s: float) -> None:
        """Do what comes with time: let findings out, follow the focus, keep the sign on the screen."""
        self._consent.look(now_s)
        if self._keyboard is None:
            return
        if not self._keyboard.is_alive:
            raise NotWatchedError("the display stopped telling of keys")
        # Also without a key: the answer has the server send keys that it has kept back to send several at once.
        self._follow(now_s)
        self._note_browser(now_s)
        for finding in self._reading.take(now_s):
            self._tell_found(finding)
        if self._sign.look():
            self._consent.show()
        if now_s >= self._alive_due_s:
            self._alive_due_s = now_s + ALIVE_EVERY_S
            self._send(Alive())

    def _catch_up(self, now_s: float) -> None:
        """Take, for the last time, the keys that were pressed before: the server may have kept some of them back."""
        if self._keyboard is None:
            return
        self._follow(now_s)
        until_s = now_s + CATCH_UP_S
        with contextlib.suppress(queue.Empty):
            while (rest_s := until_s - time.monotonic()) > 0:
                happening = self._happenings.get(timeout=rest_s)
                if isinstance(happening, KeyPress | Click | FieldFocus | _Lock):
                    self._take(happening, time.monotonic())

    def _note_browser(self, now_s: float) -> None:
        """Say that there are browsers in which nothing can be read, or that they have begun to tell."""
        browser = self._gate.place.application if self._gate.is_browser else ""
        self._mute_browsers.note(browser, is_mute=self._gate.is_mute, now_s=now_s)
        state = self._find_state()
        if state != self._state:
            self._set_state(state)

    def _find_state(self) -> State:
        return State("watching", MUTE_BROWSER if self._mute_browsers else "")

    def _drill(self, nonce: str, now_s: float) -> None:
        if self._keyboard is None:
            self._send(self._state)
            return
        reading = Reading(self._matcher.find, find_sentence)
        for letter in DRILL_PHRASE:
            reading.add(letter, now_s)
        reading.leave(now_s)
        for finding in reading.take(now_s + GRACE_S):
            self._tell_found(finding, nonce)

    def _begin(self) -> None:
        self._sign.show()
        self._keyboard = Keyboard(self._happenings.put)
        self._alive_due_s = time.monotonic() + ALIVE_EVERY_S
        self._set_state(self._find_state())

    def _set_state(self, state: State) -> None:
        self._state = state
        self._send(state)

    def _send(self, report: Report) -> None:
        self._channel.send(report)

    def _hear(self) -> None:
        try:
            while True:
                self._happenings.put(decode_order(self._channel.receive()))
        except ChannelError:
            self._happenings.put(_ChannelEnd())
