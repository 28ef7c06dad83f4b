# SPDX-License-Identifier: Apache-2.0
"""A flag as it leaves the collector: for the script of the page, and as a file for the offline opener.

Nothing in it is readable without a reader's key but what the collector knows anyway.
"""

import base64
from typing import Any

from collector.console.clock import show_time
from collector.flags import Copy, Flag, Note, Sealed

FORMAT = "schoolwarden flag v1"


def describe_flag(school_id: str, given: Sealed) -> dict[str, Any]:
    """Return a flag with its label, the sealed text and the sealed notes, as values of JSON."""
    flag = given.flag
    return {
        "format": FORMAT,
        "school_id": school_id,
        "flag_id": flag.id,
        "device_id": flag.device_id,
        "hostname": flag.hostname,
        "tier": flag.tier.name.lower(),
        "route": flag.route.value,
        "drill": flag.drill,
        "device_time_ns": flag.device_time_ns,
        "received_at_ns": flag.received_at_ns,
        "recipients_version": flag.recipients_version,
        "sealed": to_base64(given.sealed),
        "copy": describe_copy(given.copy) if given.copy else None,
        "notes": [describe_note(note) for note in given.notes],
    }


def describe_copy(copy: Copy) -> dict[str, Any]:
    """Return a sealed copy with who made it and when."""
    return {"sealed": to_base64(copy.sealed), "by": copy.made_by, "at_ns": copy.made_at_ns}


def describe_note(note: Note) -> dict[str, Any]:
    """Return a sealed note with who wrote it and when."""
    return {"made_by": note.made_by, "made_at_ns": note.made_at_ns, "sealed": to_base64(note.sealed)}


def describe_decision(flag: Flag) -> dict[str, str]:
    """Return what was decided of a flag, for a script."""
    return {
        "verdict": flag.verdict,
        "category": flag.category,
        "action": flag.action,
        "by": flag.decided_by,
        "at": show_time(flag.decided_at_ns) if flag.decided_at_ns else "",
    }


def to_base64(raw: bytes) -> str:
    """Return bytes as text."""
    return base64.b64encode(raw).decode()
