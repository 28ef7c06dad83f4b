# SPDX-License-Identifier: Apache-2.0
"""Drafts of keywords: phrases that are tried before anybody is told of them. Devices count them and keep no text.

    [[keywords.draft]]
    id = "county-lines"
    why = "Would these words find what the safeguarding lead looks for, or half the school?"
    texts = ["going country", "out trapping"]
    first = "2026-11-23"
    last = "2026-12-04"

A draft ends by itself, after a month at the latest. How often it fitted is sealed to those who read flags, once a day
and for the machine as a whole: it says neither who wrote nor what. Braces and alternatives are for the lexicons.
"""

import re
from datetime import timedelta

from rules.model import KeywordDraft
from rules.table import Table, shown

KEYS = ("id", "why", "texts", "first", "last")
MAX_DRAFTS = 20
MAX_TEXTS = 20
MAX_TEXT_CHARACTERS = 60
LONGEST = timedelta(days=31)
LEAST_LETTERS = 5
"""A shorter phrase stands in what everybody writes."""

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def parse_drafts(table: Table) -> tuple[KeywordDraft, ...]:
    """Read every `[[keywords.draft]]`.

    Raises:
        RuleFormatError: the first thing that is not right.
    """
    drafts: dict[str, KeywordDraft] = {}
    for each in table.inner_tables("draft", KEYS):
        draft = _parse_draft(each)
        if draft.id in drafts:
            raise each.fault("is there twice", key="id", hint="give it another name")
        drafts[draft.id] = draft
    if len(drafts) > MAX_DRAFTS:
        raise table.fault(f"has {len(drafts)} tables, more than {MAX_DRAFTS}", key="draft")
    return tuple(drafts.values())


def _parse_draft(table: Table) -> KeywordDraft:
    id_ = table.text("id", max_characters=40)
    if not _ID.fullmatch(id_):
        raise table.fault(f"is {shown(id_)}", key="id", hint="small letters, digits and single hyphens: county-lines")
    draft = KeywordDraft(
        id=id_,
        why=table.text("why", max_characters=200),
        texts=_parse_texts(table),
        first=table.day("first"),
        last=table.day("last"),
    )
    if not draft.first <= draft.last < draft.first + LONGEST:
        raise table.fault(
            f"is {draft.last}, with first {draft.first}", key="last", hint=f"it ends after {LONGEST.days} days or less"
        )
    return draft


def _parse_texts(table: Table) -> tuple[str, ...]:
    texts = table.texts("texts")
    if not 0 < len(texts) <= MAX_TEXTS:
        raise table.fault(f"has {len(texts)} texts", key="texts", hint=f"1 to {MAX_TEXTS} of them")
    for text in texts:
        if len(text) > MAX_TEXT_CHARACTERS or sum(map(str.isalpha, text)) < LEAST_LETTERS:
            hint = f"{LEAST_LETTERS} letters at least, {MAX_TEXT_CHARACTERS} characters at most"
            raise table.fault(f"holds {shown(text)}", key="texts", hint=hint)
        if set(text) & set("{}|"):
            raise table.fault(f"holds {shown(text)}", key="texts", hint="write each way of saying it as a text")
    return texts
