# SPDX-License-Identifier: Apache-2.0
"""What a fuzzer runs: one parser, the answers that it may give to hostile bytes, and inputs to begin with."""

from collections.abc import Callable
from dataclasses import dataclass

Run = Callable[[bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One parser of bytes that others choose."""

    name: str
    run: Run
    """Called with the bytes. It may also hold the answer against a law, with an assert."""
    refuses_with: tuple[type[BaseException], ...] = ()
    """The errors by which the parser says that the bytes are not for it."""
    modules: tuple[str, ...] = ()
    """Where its branches are; those are counted."""
    seeds: tuple[bytes, ...] = ()
    """Good inputs, and nearly good ones."""
    max_bytes: int = 4096

    def feed(self, data: bytes) -> None:
        """Give it bytes; what it refuses as it should is no error."""
        try:
            self.run(data)
        except self.refuses_with:
            return


def to_text(data: bytes) -> str:
    """Return bytes as a text that may hold anything a text of the system can, half characters among it."""
    return data.decode("utf-8", "surrogateescape")
