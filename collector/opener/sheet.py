# SPDX-License-Identifier: Apache-2.0
"""A recovery sheet as a page to print: it loads nothing and runs nothing. Its words are `recovery`'s business."""

import hashlib
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template

from collector.opener.recovery import HOLDERS, read_share
from collector.opener.root import Root
from collector.opener.text import in_groups, show
from proto.recipients import Recovery

_PAGE = Path(__file__).with_name("sheet.html")
_ROUTE_NAMES = {
    "dsl": "Flags for the safeguarding leads",
    "head": "Flags for the headteacher",
    "chair": "Flags for the chair of governors",
    "outside": "Flags for nobody in the school",
}


def make_checksum(words: str) -> str:
    """Return eight digits by which two copies of the same words are compared; they tell nothing of the key."""
    return in_groups(hashlib.sha256(" ".join(words.split()).encode()).hexdigest()[:8])


def render_sheet(recovery: Recovery, place: int, words: str, *, root: Root, now_ns: int) -> str:
    """Return the sheet of one holder, the one at this place among them, as HTML."""
    share = read_share(words)
    values = {
        "number": str(share.index + 1),
        "count": str(HOLDERS),
        "route": recovery.route,
        "route_name": _ROUTE_NAMES[recovery.route],
        "school_name": show(root.school_name),
        "holder": show(recovery.holders[place]),
        "holders": ", ".join(show(holder) for holder in recovery.holders),
        "made_on": f"{datetime.fromtimestamp(now_ns // 10**9, UTC):%d %B %Y}",
        "set_number": str(share.identifier),
        "checksum": make_checksum(words),
        "root_fingerprint": root.shown,
        "age_key": in_groups(recovery.age_key),
    }
    page = Template(_PAGE.read_text(encoding="utf-8"))
    rows = "\n".join(f"<li><b>{number}</b> {word}</li>" for number, word in enumerate(words.split(), 1))
    return page.substitute({name: escape(value) for name, value in values.items()}, words=rows)
