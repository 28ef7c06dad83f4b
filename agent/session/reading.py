# SPDX-License-Identifier: Apache-2.0
"""What was typed in one place, when it is looked at, what is found in it, and when all of it is forgotten.

Pure: the time is given, no window and no keyboard is known here. Which keys come here at all is `watcher`'s part,
and how a sentence matches is `rules.keywords`'.

A sentence is looked at when it settles: at its end mark, at Enter, when its place is left, after SETTLED_S without
a key, and at the latest LATEST_S after its first key that was not looked at. What is found is held for GRACE_S: if a
program says by then that a password field had the focus, what was begun there is dropped.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.session.ring import Ring
from rules.keywords.match import Hit

SETTLED_S = 1.2
LATEST_S = 8.0
GRACE_S = 0.25
FORGET_S = 60.0
"""Without a key for so long, everything is wiped."""

END_MARKS = frozenset(".!?…。！？؟।;\n")


Find = Callable[[str], Sequence[Hit]]
FindSentence = Callable[[str, int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Place:
    """The window in which something is typed."""

    application: str
    window: str


NOWHERE = Place("", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence that matched, and where it was typed."""

    hit: Hit
    sentence: str
    start: int
    """Of the match in `sentence`; `end` is exclusive."""
    end: int
    place: Place


@dataclass(frozen=True, slots=True)
class _Held:
    finding: Finding
    begun_s: float
    """When the first key of its line was pressed."""
    due_s: float


class Reading:
    """One ring of text and what is to be done about it."""

    def __init__(self, find: Find, find_sentence: FindSentence) -> None:
        self._find = find
        self._find_sentence = find_sentence
        self._ring = Ring()
        self._place = NOWHERE
        self._told: set[tuple[str, str, int]] = set()
        self._held: list[_Held] = []
        self._last_key_s: float | None = None
        self._unread_since_s: float | None = None
        """When the first key was pressed that no look has seen."""
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
        if not END_MARKS.isdisjoint(text):
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
        if self._unread_since_s is not None:
            self._look(now_s, is_settled=True)
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
        self._last_key_s = self._unread_since_s = self._line_since_s = None

    def retract(self, now_s: float) -> None:
        """Take that a password field has the focus, and had it for a moment before this could be known."""
        self.wipe()
        self._held = [held for held in self._held if held.begun_s < now_s - GRACE_S]

    def forget(self) -> None:
        """Forget what was typed and what was found."""
        self.wipe()
        self._held.clear()
        self._place = NOWHERE

    def take(self, now_s: float) -> list[Finding]:
        """Do what is due by now and return the findings that may leave."""
        if self._unread_since_s is not None and self._last_key_s is not None:
            is_quiet = now_s - self._last_key_s >= SETTLED_S
            if is_quiet or now_s - self._unread_since_s >= LATEST_S:
                self._look(now_s, is_settled=True)
        if self._last_key_s is not None and now_s - self._last_key_s >= FORGET_S:
            self.wipe()
        due = [held.finding for held in self._held if held.due_s <= now_s]
        self._held = [held for held in self._held if held.due_s > now_s]
        return due

    def _note_key(self, now_s: float) -> None:
        self._last_key_s = now_s
        if self._unread_since_s is None:
            self._unread_since_s = now_s
        if self._line_since_s is None:
            self._line_since_s = now_s

    def _look(self, now_s: float, *, is_settled: bool) -> None:
        """Match what is held. A sentence that still goes on waits, unless everything counts as settled."""
        text = self._ring.text()
        begun_s = now_s if self._line_since_s is None else self._line_since_s
        for hit in self._find(text):
            is_ended = not END_MARKS.isdisjoint(text[hit.end :])
            if not (is_settled or is_ended):
                continue
            start, end = self._find_sentence(text, hit.start, hit.end)
            if self._is_told(hit, start):
                continue
            finding = Finding(hit, text[start:end], hit.start - start, hit.end - start, self._place)
            self._held.append(_Held(finding, begun_s, now_s + GRACE_S))
        if is_settled:
            self._unread_since_s = None

    def _is_told(self, hit: Hit, sentence_start: int) -> bool:
        """Tell whether this was found before: the rule in this sentence, or this very match while the text moves on."""
        marks = {
            (hit.rule, "sentence", sentence_start + self._ring.forgotten),
            (hit.rule, "match", hit.start + self._ring.forgotten),
        }
        is_told = not marks.isdisjoint(self._told)
        self._told |= marks
        return is_told
