# SPDX-License-Identifier: Apache-2.0
"""A flag downloaded from the console: opened, held against what the collector says of it, sealed to somebody else.

What is sealed was written by the device; what stands around it, by whoever had the file since. Where the two differ,
somebody changed the outside, and the reader must know before he acts on it.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collector.opener.documents import dump_document, from_base64, load_document, pick_fields, to_base64
from collector.opener.text import show
from proto.errors import SealError
from proto.sealed import FlagContent, decode_flag, seal

FORMAT = "schoolwarden flag v1"
NOTE_FORMAT = "schoolwarden note v1"
NEAR_NS = 120 * 10**9
"""A device seals a flag a moment before it writes the header."""
ROUTES = ("dsl", "head", "chair", "outside")
"""From the lowest up. What goes outside nobody in the school reads: it opens with its recovery key or not at all."""
Opening = Callable[[bytes], bytes]
"""Opens something sealed, or raises SealError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteFile:
    """A note on a flag, and whom the collector names as its writer."""

    made_by: str
    made_at_ns: int
    sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFile:
    """A flag that a colleague sealed again for this reader, and whom the collector names for it."""

    sealed: bytes
    by: str
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagFile:
    """A flag as it was downloaded: nothing of it is to be believed but what is sealed."""

    school_id: str
    flag_id: str
    device_id: str
    hostname: str
    tier: str
    route: str
    drill: bool
    device_time_ns: int
    received_at_ns: int
    recipients_version: int
    sealed: bytes
    copy: CopyFile | None
    notes: tuple[NoteFile, ...]

    def to_document(self) -> str:
        """Return it as the text of a file."""
        notes = [asdict(note) | {"sealed": to_base64(note.sealed)} for note in self.notes]
        copy = asdict(self.copy) | {"sealed": to_base64(self.copy.sealed)} if self.copy else None
        return dump_document(FORMAT, asdict(self) | {"sealed": to_base64(self.sealed), "copy": copy, "notes": notes})


_FLAG_FIELDS: dict[str, type] = {
    "school_id": str,
    "flag_id": str,
    "device_id": str,
    "hostname": str,
    "tier": str,
    "route": str,
    "drill": bool,
    "device_time_ns": int,
    "received_at_ns": int,
    "recipients_version": int,
    "sealed": str,
    "notes": list,
}
_COPY_FIELDS: dict[str, type] = {"sealed": str, "by": str, "at_ns": int}
_NOTE_FIELDS: dict[str, type] = {"made_by": str, "made_at_ns": int, "sealed": str}


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note, and its text; None if it is not sealed to this reader, or is not the note that it is said to be."""

    made_by: str
    made_at_ns: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A flag and what was sealed in it."""

    file: FlagFile
    content: FlagContent
    copy: CopyFile | None
    """What was opened instead of what the device sealed, which this reader's key does not open."""
    notes: tuple[OpenedNote, ...]
    differences: tuple[str, ...]


def load_flag(path: Path) -> FlagFile:
    """Load a flag.

    Raises:
        UsageError: the file is of another kind.
        OSError: it cannot be read.
    """
    values = load_document(path, FORMAT, _FLAG_FIELDS, {"copy": dict})
    notes = [pick_fields(note, _NOTE_FIELDS, str(path)) for note in values["notes"]]
    values["sealed"] = from_base64(values["sealed"], str(path))
    if values["copy"] is not None:
        copy = pick_fields(values["copy"], _COPY_FIELDS, str(path))
        values["copy"] = CopyFile(**copy | {"sealed": from_base64(copy["sealed"], str(path))})
    values["notes"] = tuple(NoteFile(**note | {"sealed": from_base64(note["sealed"], str(path))}) for note in notes)
    return FlagFile(**values)


def open_flag(file: FlagFile, opening: Opening) -> Opened:
    """Open a flag and its notes, and hold the outside against the inside; the copy only if the original stays shut.

    Raises:
        SealError: it was not sealed to this reader, or was changed.
        MalformedError: what was sealed is no flag.
    """
    if not file.sealed:
        raise SealError("the device could not send what it sealed: its queue was full")
    plaintext, copy = _open_text(file, opening)
    content = decode_flag(plaintext)
    notes = tuple(
        OpenedNote(note.made_by, note.made_at_ns, _find_text(note, file.flag_id, opening)) for note in file.notes
    )
    return Opened(file, content, copy, notes, tuple(list_differences(file, content)))


def list_differences(file: FlagFile, content: FlagContent) -> list[str]:
    """Return where the outside says something else than what the device sealed."""
    names = ("school_id", "device_id", "hostname", "tier", "route", "recipients_version")
    pairs: list[tuple[str, Any, Any]] = [(name, getattr(file, name), getattr(content, name)) for name in names]
    # The other way round it is a device that drills without an order: then the flag counts like any other.
    if file.drill and not content.drill_nonce:
        pairs.append(("drill", "a drill", "none"))
    if abs(file.device_time_ns - content.made_at_ns) > NEAR_NS:
        pairs.append(("time", to_text(file.device_time_ns), to_text(content.made_at_ns)))
    return [
        f"{name}: the file says {show(str(outside))}, the device sealed {show(str(inside))}"
        for name, outside, inside in pairs
        if outside != inside
    ]


def rewrap(file: FlagFile, opening: Opening, age_keys: list[str]) -> tuple[FlagFile, int]:
    """Seal a flag and those of its notes that open to other readers; return it and how many notes stay behind.

    What was opened from a colleague's copy is handed on as that copy, never as what the device sealed.

    Raises:
        SealError: it was not sealed to this reader or was changed, or a key is none.
        MalformedError: what was sealed is no flag.
    """
    plaintext, copy = _open_text(file, opening)
    decode_flag(plaintext)  # Nothing but a flag is handed on in a flag's clothes.
    notes: list[NoteFile] = []
    for note in file.notes:
        try:
            text = opening(note.sealed)
        except SealError:
            continue  # The caller says how many stay behind.
        notes.append(replace(note, sealed=seal(text, age_keys)))
    sealed = seal(plaintext, age_keys)
    if copy is None:
        handed_on = replace(file, sealed=sealed, copy=None, notes=tuple(notes))
    else:
        handed_on = replace(file, copy=replace(copy, sealed=sealed), notes=tuple(notes))
    return handed_on, len(file.notes) - len(notes)


def _open_text(file: FlagFile, opening: Opening) -> tuple[bytes, CopyFile | None]:
    """Return what is sealed in a flag, and the copy if it had to be taken from there."""
    try:
        return opening(file.sealed), None
    except SealError:
        if file.copy is None:
            raise
        return opening(file.copy.sealed), file.copy


def _find_text(note: NoteFile, flag_id: str, opening: Opening) -> str | None:
    """Return a note's text, if it opens and was written for this flag by whom the file names."""
    try:
        values: Any = json.loads(opening(note.sealed))
    except (SealError, ValueError, RecursionError):
        return None
    about = {"format": NOTE_FORMAT, "flag_id": flag_id, "made_by": note.made_by}
    if not isinstance(values, dict) or any(values.get(name) != value for name, value in about.items()):
        return None
    return values["text"] if isinstance(values.get("text"), str) else None


def describe(opened: Opened) -> list[str]:
    """Return the content in plain words, safe to print."""
    content = opened.content
    start, end = max(content.start, 0), max(content.end, content.start, 0)
    marked = f"{content.sentence[:start]}>>>{content.sentence[start:end]}<<<{content.sentence[end:]}"
    facts = {
        "Drill": _describe_drill(opened),
        "Tier": content.tier,
        "Category": f"{content.category} (rule {content.rule}, severity {content.severity})",
        "Why": content.why,
        "Sentence": marked if content.sentence[start:end] else content.sentence,
        "Typed by": f"{content.account_name} ({content.account}), {content.account_kind} account",
        "Program": content.application,
        "Window": content.window,
        "When": f"{to_text(content.made_at_ns)} by the device's clock",
        "Received": to_text(opened.file.received_at_ns),
        "Device": f"{content.hostname} ({content.device_id}), school {content.school_id}",
        "Route": content.route,
        "Notice": content.notice_version,
        "Readers": f"version {content.recipients_version} of the set",
    }
    lines = [f"Flag {show(opened.file.flag_id)}"]
    lines += [f"  {name + ':':<10} {show(value)}" for name, value in facts.items() if value]
    for note in opened.notes:
        lines.append(f"  Note by {show(note.made_by)}, {to_text(note.made_at_ns)}:")
        closed = "(not sealed to this key, or not the note that it is said to be)"
        lines += [f"    {show(line)}" for line in (closed if note.text is None else note.text).splitlines()]
    lines.append("  A flag shows which account typed. Who sat there, it cannot show.")
    return lines


def _describe_drill(opened: Opened) -> str:
    if not opened.content.drill_nonce:
        return ""
    if not opened.file.drill:
        return "the device says so, but the school ordered none: treat it like any other flag"
    return "YES. This is a test: no child typed it."


def to_text(at_ns: int) -> str:
    """Return a time in UTC, or the bare number if it is no time of this calendar."""
    try:
        return f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{at_ns} ns"
