# SPDX-License-Identifier: Apache-2.0
"""What was typed in one place, when it is looked at, what is found in it, and when all of it is forgotten.

Pure: the time is given, no window and no keyboard is known here. Which keys come here at all is `watcher`'s part,
and how a sentence matches is `rules.keywords`'.

A sentence is found when it has ended, when its place is left, when the typing rests (for ENDED_S behind the end of a
sentence, for SETTLED_S within one), and at the latest LATEST_S after the first key that was not looked at. It does not
leave before the typing rests: what follows it may name the person who must not read it. One that was told before it had
ended is told whole at its end, if it reads otherwise by then.

What was typed in the last GRACE_S may have gone into a password field whose program has not told so yet: it is told
only after that, and dropped if the program does.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from agent.session.messages import MAX_AROUND_CHARACTERS
from agent.session.ring import Ring
from rules.keywords.match import Hit

ENDED_S = 1.0
SETTLED_S = 2.0
"""Longer than people pause before a word that is hard to write, often a name."""
LATEST_S = 20.0
"""About a hundred letters of somebody who does not type fast, which most sentences do not have."""
GRACE_S = 0.25
FORGET_S = 60.0
"""Without a key for so long, everything is wiped."""

_MAY_END = re.compile(r"[.!?…][\"'”’)\]]*\s\Z|[\n\r\u2028\u2029]\Z")
"""Behind these it is worth a look whether a sentence has ended; `FindSentence` says whether it has."""
_MARKS = " .!?…\"'”’)]"
"""At its end a sentence reads the same with and without these."""

Find = Callable[[str], Sequence[Hit]]
FindSentence = Callable[[str, int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Place:
    """The window in which something is typed."""

    application: str
    window: str = field(repr=False)


NOWHERE = Place("", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence that matched, and where it was typed."""

    hit: Hit
    sentence: str = field(repr=False)
    start: int
    """Of the match in `sentence`; `end` is exclusive."""
    end: int
    place: Place
    around: str = field(default="", repr=False)
    """What was typed before and after it, for the choice of its readers only."""


@dataclass(slots=True, repr=False)
class _Held:
    """A finding that may not leave yet. It has no repr: it holds what was typed."""

    finding: Finding
    ends: int
    """Where its sentence ends, counted from the last wipe."""
    begun_s: float
    """When the first key of its line was pressed."""
    due_s: float
    before: str
    after: str
    is_open: bool
    """What follows it is still being typed."""


class Reading:
    """One ring of text and what is to be done about it."""

    def __init__(self, find: Find, find_sentence: FindSentence) -> None:
        self._find = find
        self._find_sentence = find_sentence
        self._ring = Ring()
        self._place = NOWHERE
        self._told: dict[tuple[str, str, int], int] = {}
        """What was found: the rule, and where its sentence begins or the match itself; with the sentence's hash."""
        self._held: list[_Held] = []
        self._last_key_s: float | None = None
        self._unread_since_s: float | None = None
        """When the first key was pressed that no settled look has seen."""
        self._line_since_s: float | None = None

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def is_busy(self) -> bool:
        """Whether something waits to be looked at or to be told."""
        return self._unread_since_s is not None or bool(self._held)

    def add(self, text: str, now_s: float) -> None:
        """Take text as it was typed."""
        self._ring.append(text)
        self._note_key(now_s)
        if text[-1:].isspace() and _MAY_END.search(self._ring.text()):
            self._look(now_s, is_settled=False)

    def end_line(self, now_s: float) -> None:
        """Take an Enter or a Tab: the line is done, what follows may still belong to it."""
        self.add("\n", now_s)
        self._line_since_s = None

    def erase(self, now_s: float, *, is_word: bool = False) -> None:
        """Take a BackSpace, or a ctrl+BackSpace."""
        if is_word:
            self._ring.erase_word()
        else:
            self._ring.erase()
        self._note_key(now_s)

    def leave(self, now_s: float) -> None:
        """Take that the next key goes to another place in the text, or that nobody knows where."""
        if len(self._ring):
            self._look(now_s, is_settled=True, is_left=True)
        self.wipe()

    def move(self, place: Place, now_s: float) -> None:
        """Take that the next key goes to another window."""
        self.leave(now_s)
        self._place = place

    def rename(self, place: Place) -> None:
        """Take that the window is called something else now; what was typed in it still stands."""
        self._place = place

    def wipe(self) -> None:
        """Forget what was typed. What was found in it before is held as it was."""
        self._ring.wipe()
        self._told.clear()
        for held in self._held:
            held.is_open = False
        self._last_key_s = self._unread_since_s = self._line_since_s = None

    def retract(self, now_s: float) -> None:
        """Take that a password field has the focus, and had it for a moment before this could be known."""
        self.wipe()
        self._held = [held for held in self._held if held.begun_s < now_s - GRACE_S]
        for held in self._held:
            held.after = ""

    def finish(self, now_s: float) -> list[Finding]:
        """Return, at the end, the findings that may leave, and forget everything.

        Of a line that was begun in the last moment nobody will say any more whether it was a password: it is dropped.
        """
        is_fresh = self._line_since_s is not None and self._line_since_s >= now_s - GRACE_S
        self.leave(now_s)
        if is_fresh:
            self.retract(now_s)
        findings = self._release(lambda held: held.begun_s < now_s - GRACE_S)
        self._held.clear()
        return findings

    def take(self, now_s: float) -> list[Finding]:
        """Do what is due by now and return the findings that may leave."""
        if self._unread_since_s is not None and self._last_key_s is not None:
            quiet_s = now_s - self._last_key_s
            is_rest = quiet_s >= SETTLED_S or (quiet_s >= ENDED_S and self._is_between_sentences())
            if is_rest or now_s - self._unread_since_s >= LATEST_S:
                self._look(now_s, is_settled=True)
        if self._last_key_s is not None and now_s - self._last_key_s >= FORGET_S:
            self.leave(now_s)
        return self._release(lambda held: not held.is_open and held.due_s <= now_s)

    def _release(self, may_leave: Callable[[_Held], bool]) -> list[Finding]:
        leaving = [held for held in self._held if may_leave(held)]
        self._held = [held for held in self._held if not may_leave(held)]
        return [replace(held.finding, around=_join(held.before, held.after)) for held in leaving]

    def _is_between_sentences(self) -> bool:
        """Tell whether the text stops where a sentence does: behind Enter, or a mark that is no part of a title."""
        text = self._ring.text().rstrip(" ")
        last = len(text.rstrip(_MARKS))
        return text.endswith("\n") or self._find_sentence(text + " x", last, last)[1] <= len(text)

    def _note_key(self, now_s: float) -> None:
        self._last_key_s = now_s
        if self._unread_since_s is None:
            self._unread_since_s = now_s
        if self._line_since_s is None:
            self._line_since_s = now_s

    def _look(self, now_s: float, *, is_settled: bool, is_left: bool = False) -> None:
        """Match what is held. A sentence that still goes on waits, unless everything counts as settled."""
        text = self._ring.text()
        for hit in self._find(text):
            # With a letter behind it, so that a sentence which only pauses goes on to the end of the text.
            is_ended = is_left or self._find_sentence(text + "x", hit.start, hit.end)[1] <= len(text)
            if is_settled or is_ended:
                self._find_in(text, hit, is_ended=is_ended, now_s=now_s)
        if is_settled:
            self._unread_since_s = None
            for held in self._held:
                if held.is_open:
                    held.is_open = False
                    held.after = text[max(0, held.ends - self._ring.forgotten) :]
                    held.due_s = self._find_due_s(now_s)

    def _find_in(self, text: str, hit: Hit, *, is_ended: bool, now_s: float) -> None:
        start, end = self._find_sentence(text, hit.start, hit.end)
        if self._is_told(hit, start, text[start:end], is_ended=is_ended):
            return
        finding = Finding(hit, text[start:end], hit.start - start, hit.end - start, self._place)
        begun_s = now_s if self._line_since_s is None else self._line_since_s
        ends = end + self._ring.forgotten
        due_s = self._find_due_s(now_s)
        self._held.append(_Held(finding, ends, begun_s, due_s, text[:start], text[end:], is_open=True))

    def _find_due_s(self, now_s: float) -> float:
        return (now_s if self._last_key_s is None else self._last_key_s) + GRACE_S

    def _is_told(self, hit: Hit, sentence_start: int, sentence: str, *, is_ended: bool) -> bool:
        """Tell whether this was found before: the rule in this sentence, or this very match while the text moves on.

        A sentence that has ended and reads otherwise than it was told was not.
        """
        marks = (
            (hit.rule, "sentence", sentence_start + self._ring.forgotten),
            (hit.rule, "match", hit.start + self._ring.forgotten),
        )
        told = hash(sentence.rstrip(_MARKS))
        before = [self._told[mark] for mark in marks if mark in self._told]
        is_told = bool(before) and (told in before or not is_ended)
        if not is_told:
            self._told |= dict.fromkeys(marks, told)
        return is_told


def _join(before: str, after: str) -> str:
    """Return what stood around a sentence, within the limit; half before and half after it where both are long."""
    room = MAX_AROUND_CHARACTERS - 1
    after = after[: max(room // 2, room - len(before))]
    before = before[max(0, len(before) - (room - len(after))) :]
    return f"{before}\n{after}".strip()
