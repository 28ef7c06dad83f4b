# SPDX-License-Identifier: Apache-2.0
"""Lays out the content of an event as lines to read: one for each field, named in words."""

import re
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from collector.console.clock import mark_time
from collector.console.wording import name_field
from collector.summaries import show_bytes, show_duration

LONGEST_LIST = 50
TIME_NS = re.compile(r"[0-9]{1,19}")
"""All that a time, a size or a span can be; a device can send any text there."""
NOT_GIVEN = "not given"


def lay_out(body: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return each field of an event's content with the lines to show for it."""
    return [(name_field(path), lines) for path, lines in _walk(body, "")]


def _walk(body: dict[str, Any], prefix: str) -> Iterator[tuple[str, list[str]]]:
    for key, value in body.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from _walk(value, f"{path}.")
        else:
            yield path, _to_lines(key, value)


def _to_lines(key: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if key.endswith("_ns") and isinstance(value, int | str) and TIME_NS.fullmatch(str(value)):
        return [mark_time(int(value)) if int(value) else NOT_GIVEN]
    for suffix, show in (("_bytes", show_bytes), ("_s", show_duration)):
        # JSON carries large numbers as text.
        if key.endswith(suffix) and isinstance(value, int | str) and TIME_NS.fullmatch(str(value)):
            return [show(int(value))]
    if isinstance(value, list):
        lines = [_to_line(each) for each in value[:LONGEST_LIST]]
        more = len(value) - LONGEST_LIST
        return [*lines, Markup("and {} more").format(more)] if more > 0 else lines or [NOT_GIVEN]
    return [_to_line(value)]


def _to_line(value: Any) -> str:
    if isinstance(value, dict):
        value = ", ".join(str(each) for each in value.values() if each not in ("", None))
    return NOT_GIVEN if value in ("", None) else str(value)
