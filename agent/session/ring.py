# SPDX-License-Identifier: Apache-2.0
"""The only place where typed text is kept: a bounded stretch of memory that is overwritten when it is wiped.

It holds the newest characters and forgets the oldest, and is kept from being swapped to the disk. Python makes copies
when the text is looked at; these are freed soon, but neither overwritten nor kept from swap. The whole process keeps
itself from being dumped (`secrecy`); a machine that swaps should encrypt what it swaps. When to wipe is decided by
`reading`.
"""

from agent.session.secrecy import lock_in_memory

CAPACITY = 1000
"""Characters: more than a sentence has, less than a page."""

_BYTES = 4
"""Of one character; with a fixed width none is ever left in half."""
_ENCODING = "utf-32-le"


class Ring:
    """The newest characters of what was typed in one place."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._memory = bytearray(capacity * _BYTES)
        self._length = 0
        self._forgotten = 0
        lock_in_memory(self._memory)

    def __len__(self) -> int:
        return self._length

    @property
    def forgotten(self) -> int:
        """How many characters were pushed out at the front since the last wipe."""
        return self._forgotten

    def append(self, text: str) -> None:
        """Add text at the end."""
        text = text[-self._capacity :]
        surplus = self._length + len(text) - self._capacity
        if surplus > 0:
            # A quarter at once: not every further key shall move everything.
            self._forget_first(min(self._length, max(surplus, self._capacity // 4)))
        new = text.encode(_ENCODING, "replace")
        place = self._length * _BYTES
        self._memory[place : place + len(new)] = new
        self._length += len(text)

    def erase(self) -> None:
        """Take the last character away, as BackSpace does."""
        if self._length:
            self._truncate(self._length - 1)

    def erase_word(self) -> None:
        """Take the last word away with the blanks after it, as ctrl+BackSpace does."""
        text = self.text()
        kept = text.rstrip()
        while kept and not kept[-1].isspace():
            kept = kept[:-1]
        self._truncate(len(kept))

    def text(self) -> str:
        """Return what is held."""
        return self._memory[: self._length * _BYTES].decode(_ENCODING)

    def wipe(self) -> None:
        """Overwrite everything."""
        self._truncate(0)
        self._forgotten = 0

    def _truncate(self, length: int) -> None:
        end = self._length * _BYTES
        self._memory[length * _BYTES : end] = bytes(end - length * _BYTES)
        self._length = length

    def _forget_first(self, count: int) -> None:
        kept = self._length - count
        with memoryview(self._memory) as memory:  # moves in place, where a slice of the bytes would be a copy
            memory[: kept * _BYTES] = memory[count * _BYTES : self._length * _BYTES]
        self._truncate(kept)
        self._forgotten += count
