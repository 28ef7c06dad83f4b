# SPDX-License-Identifier: Apache-2.0
"""A flag downloaded from the console: opened, held against what the collector says of it, sealed to somebody else.

What is sealed was written by the device; what stands around it, by whoever had the file since. Where the two differ,
somebody changed the outside, and the reader must know before he acts on it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collector.opener.documents import dump_document, from_base64, list_texts, load_document, to_base64
from collector.opener.errors import UsageError
from collector.opener.text import show
from proto.errors import SealError
from proto.events import Tier
from proto.sealed import FlagContent, decode_flag, seal

FORMAT = "schoolwarden flag v1"
NEAR_NS = 60 * 10**9
"""A device seals a flag a moment before it writes the header."""
ROUTES = ("dsl", "head", "chair")
"""Those that somebody in the school reads, from the lowest up."""
_FIELDS = {
    "flag": str,
    "device_id": str,
    "hostname": str,
    "route": str,
    "drill": bool,
    "sealed": str,
    "notes": list,
    # Written by a browser, which has no whole numbers as large as a time: as text or as a number.
    "device_time_ns": object,
    "received_at_ns": object,
    "tier": object,
}
Opening = Callable[[bytes], bytes]
"""Opens something sealed, or raises SealError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagFile:
    """A flag as it was downloaded: nothing of it is to be believed but what is sealed."""

    flag: str
    device_id: str
    hostname: str
    tier: str
    route: str
    drill: bool
    device_time_ns: int
    received_at_ns: int
    sealed: bytes
    notes: tuple[bytes, ...]

    def to_document(self) -> str:
        """Return it as the text of a file."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values |= {"sealed": to_base64(self.sealed), "notes": [to_base64(note) for note in self.notes]}
        return dump_document(FORMAT, values)


@dataclass(frozen=True, slots=True)
class Opened:
    """A flag and what was sealed in it."""

    file: FlagFile
    content: FlagContent
    notes: tuple[str | None, ...]
    """None for one that was not sealed to this reader."""
    differences: tuple[str, ...]


def load_flag(path: Path) -> FlagFile:
    """Load a flag.

    Raises:
        UsageError: the file is of another kind.
        OSError: it cannot be read.
    """
    values = load_document(path, FORMAT, _FIELDS)
    values["sealed"] = from_base64(values["sealed"], str(path))
    values["notes"] = tuple(from_base64(note, str(path)) for note in list_texts(values["notes"], str(path)))
    try:
        values |= {name: int(values[name]) for name in ("device_time_ns", "received_at_ns")}
        values["tier"] = _find_tier(values["tier"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{path} does not have the fields of its format: its tier or its times") from error
    return FlagFile(**values)


def open_flag(file: FlagFile, opening: Opening) -> Opened:
    """Open a flag and its notes, and hold the outside against the inside.

    Raises:
        SealError: it was not sealed to this reader, or was changed.
        MalformedError: what was sealed is no flag.
    """
    content = decode_flag(opening(file.sealed))
    notes: list[str | None] = []
    for note in file.notes:
        try:
            notes.append(opening(note).decode("utf-8", "replace"))
        except SealError:
            notes.append(None)
    return Opened(file, content, tuple(notes), tuple(list_differences(file, content)))


def list_differences(file: FlagFile, content: FlagContent) -> list[str]:
    """Return where the outside says something else than what the device sealed."""
    pairs: list[tuple[str, Any, Any]] = [
        ("device", file.device_id, content.device_id),
        ("hostname", file.hostname, content.hostname),
        ("tier", file.tier, content.tier),
        ("route", file.route, content.route),
        ("drill", file.drill, bool(content.drill_nonce)),
    ]
    if abs(file.device_time_ns - content.made_at_ns) > NEAR_NS:
        pairs.append(("time", to_rfc3339(file.device_time_ns), to_rfc3339(content.made_at_ns)))
    return [
        f"{name}: the file says {show(str(outside))}, the device sealed {show(str(inside))}"
        for name, outside, inside in pairs
        if outside != inside
    ]


def rewrap(file: FlagFile, opening: Opening, age_keys: list[str]) -> tuple[FlagFile, int]:
    """Seal a flag and those of its notes that open to other readers; return it and how many notes stay behind.

    Raises:
        SealError: it was not sealed to this reader or was changed, or a key is none.
        MalformedError: what was sealed is no flag.
    """
    plaintext = opening(file.sealed)
    decode_flag(plaintext)  # Nothing but a flag is handed on in a flag's clothes.
    notes: list[bytes] = []
    for note in file.notes:
        try:
            text = opening(note)
        except SealError:
            continue  # Counted below: the caller says how many stay behind.
        notes.append(seal(text, age_keys))
    sealed = replace(file, sealed=seal(plaintext, age_keys), notes=tuple(notes))
    return sealed, len(file.notes) - len(notes)


def describe(opened: Opened) -> list[str]:
    """Return the content in plain words, safe to print."""
    content = opened.content
    start, end = max(content.start, 0), max(content.end, content.start, 0)
    marked = f"{content.sentence[:start]}>>>{content.sentence[start:end]}<<<{content.sentence[end:]}"
    facts = {
        "Drill": "YES. This is a test: no child typed it." if content.drill_nonce else "",
        "Tier": content.tier,
        "Category": f"{content.category} (rule {content.rule}, severity {content.severity})",
        "Why": content.why,
        "Sentence": marked if content.sentence[start:end] else content.sentence,
        "Typed by": f"{content.account_name} ({content.account}), {content.account_kind} account",
        "Program": content.application,
        "Window": content.window,
        "When": f"{to_rfc3339(content.made_at_ns)} by the device's clock",
        "Received": to_rfc3339(opened.file.received_at_ns),
        "Device": f"{content.hostname} ({content.device_id}), school {content.school_id}",
        "Route": content.route,
        "Notice": content.notice_version,
        "Readers": f"version {content.recipients_version} of the set",
    }
    lines = [f"Flag {show(opened.file.flag)}"]
    lines += [f"  {name + ':':<10} {show(value)}" for name, value in facts.items() if value]
    for number, note in enumerate(opened.notes, 1):
        lines.append(f"  Note {number}:" + ("    (not sealed to this key)" if note is None else ""))
        lines += [f"    {show(line)}" for line in (note or "").splitlines()]
    lines.append("  A flag shows which account typed. Who sat there, it cannot show.")
    return lines


def to_rfc3339(at_ns: int) -> str:
    """Return a time in UTC, or the bare number if it is no time of this calendar."""
    try:
        return f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{at_ns} ns"


def _find_tier(value: Any) -> str:
    """Return a tier's name, given as name or number.

    Raises:
        ValueError: there is no such tier.
    """
    return Tier[value.upper()].name.lower() if isinstance(value, str) else Tier(value).name.lower()
