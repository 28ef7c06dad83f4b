# SPDX-License-Identifier: Apache-2.0
"""What `schoolwarden-agent match` does: runs lines of text through the keyword engine, one line out for each line in.

It is for trying the lexicons out, needs no enrolment, and writes nothing anywhere. It does not print; `agent.cli` does.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from rules.keywords.match import Hit, Matcher

MAX_LINE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one line."""

    text: str
    """What was searched; empty when the line is bad."""
    hits: tuple[Hit, ...] = ()
    id: str | int | None = None
    """As it was given; only lines of JSON have one."""
    problem: str = ""
    """Why the line could not be read."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        if self.problem:
            return {"id": None, "error": self.problem}
        return {"id": self.id, "matches": [asdict(hit) | {"tier": hit.tier.name.lower()} for hit in self.hits]}

    def to_text(self) -> str:
        """Return it as one line for a person."""
        if self.problem:
            return f"not read: {self.problem}"
        found = (
            f"{hit.tier.name.lower()} {hit.category} ({hit.rule}, severity {hit.severity}): "
            f"{self.text[hit.start : hit.end]!r}"
            for hit in self.hits
        )
        return "; ".join(found) or "nothing"


def match_texts(source: BinaryIO, matcher: Matcher) -> Iterator[Line]:
    """Search each line of plain text, as soon as it is there."""
    for raw in _read_lines(source):
        if raw is None:
            yield Line("", problem=f"longer than {MAX_LINE_BYTES} bytes")
            continue
        text = raw.decode("utf-8", "replace").rstrip("\r\n")
        yield Line(text, tuple(matcher.find(text)))


def match_json_lines(source: BinaryIO, matcher: Matcher) -> Iterator[Line]:
    """Search the text of each line `{"id": ..., "text": ...}`, as soon as it is there."""
    for raw in _read_lines(source):
        try:
            id_, text = _parse(raw)
        except ValueError as error:
            yield Line("", problem=str(error))
        else:
            yield Line(text, tuple(matcher.find(text)), id_)


def _read_lines(source: BinaryIO) -> Iterator[bytes | None]:
    """Return line after line, and None for one that is too long to keep."""
    while raw := source.readline(MAX_LINE_BYTES + 1):
        if len(raw) <= MAX_LINE_BYTES or raw.endswith(b"\n"):
            yield raw
            continue
        while raw and not raw.endswith(b"\n"):
            raw = source.readline(MAX_LINE_BYTES)
        yield None


def _parse(raw: bytes | None) -> tuple[str | int, str]:
    if raw is None:
        raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
    if not raw.strip():
        raise ValueError("the line is empty")
    try:
        value = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise ValueError("not JSON") from error
    if not isinstance(value, dict):
        raise ValueError('not an object with "id" and "text"')
    id_, text = value.get("id"), value.get("text")
    if not isinstance(id_, str | int) or isinstance(id_, bool):
        raise ValueError('"id" is missing, or neither text nor a whole number')
    if not isinstance(text, str):
        raise ValueError('"text" is missing, or no text')
    return id_, text
