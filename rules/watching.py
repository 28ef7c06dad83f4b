# SPDX-License-Identifier: Apache-2.0
"""How `[keywords]` of a rule file becomes `Keywords`: whether, when and on what ground the keyboard is watched.

    [keywords]
    enabled = true
    dpia_reference = "DPIA-2026-04, governors' minutes of 3 March"
    dpia_review_date = "2027-03-01"
    notice_version = "2026-09"
    notice_title = "This computer is watched"
    notice_text = "..."
    watch_groups = ["pupils"]
    networks = ["10.20.0.0/16"]

Optional are `languages`, `staff_groups` with `staff_reference`, `protected`, `days` and `hours` or an
`out_of_hours_reference`, an `away_reference` beside `networks` or in their place, and drafts (`drafts`). It stands in
one file of a policy. A device reads it with this same code, so what is refused here no bundle can say. The other floors
are in `agent.preconditions`.
"""

import ipaddress
import json
import re
from functools import cache

from rules import wildcard
from rules.drafts import parse_drafts
from rules.model import Keywords
from rules.table import Table, find_day, shown, to_hint

KEY = "keywords"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As `datetime.weekday` counts them."""

_KEYS = (
    *("enabled", "dpia_reference", "dpia_review_date", "notice_version", "notice_title", "notice_text", "languages"),
    *("watch_groups", "staff_groups", "staff_reference", "protected", "days", "hours", "out_of_hours_reference"),
    *("networks", "away_reference", "draft"),
)
_REQUIRED = ("dpia_reference", "dpia_review_date", "notice_version", "notice_title", "notice_text")
"""Without which nobody may be watched."""

MAX_SCHOOL_DAYS = 6
MAX_SCHOOL_HOURS = 14
"""Whoever watches longer watches homes, and names the ground for it."""

GROUPS_OF_STAFF = frozenset(
    "root wheel sudo adm admin admins administrator administrators domain-admins sysadmin staff teacher teachers "
    "teaching-staff support-staff office governors headteacher head slt ta tas technician technicians".split()
)
"""Names of groups that are not pupils' anywhere. Who is in the others is the administrator's word."""

MAX_NOTICE_CHARACTERS = 3000
MAX_SHOWN_BYTES = 12 * 1024
"""Of the notice, the protected windows and the drafts together, as a watcher is told them in one message: it has room
for a third more."""

_DEFAULTS = Keywords()
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)", re.ASCII)


def parse_keywords(top: Table, key: str = KEY) -> Keywords:
    """Read the table.

    Raises:
        RuleFormatError: it breaks the format, or asks to watch without what watching needs.
    """
    table = top.inner_table(key, _KEYS)
    enabled = table.flag("enabled", default=False)
    required = {key: _parse_required(table, key, enabled) for key in _REQUIRED}
    keywords = Keywords(
        enabled=enabled,
        **required,
        languages=_parse_languages(table),
        watch_groups=table.texts("watch_groups", ()),
        staff_groups=table.texts("staff_groups", ()),
        staff_reference=table.text("staff_reference", ""),
        protected=_parse_protected(table),
        days=_parse_days(table),
        hours=_parse_hours(table),
        out_of_hours_reference=table.text("out_of_hours_reference", ""),
        networks=_parse_networks(table),
        away_reference=table.text("away_reference", ""),
        drafts=parse_drafts(table),
    )
    _verify_date(table, keywords.dpia_review_date)
    _verify_groups(table, keywords)
    if keywords.enabled:
        _verify_times(table, keywords)
        _verify_places(table, keywords)
    _verify_size(table, keywords)
    return keywords


@cache
def list_languages() -> frozenset[str]:
    """Return the languages whose phrases come with the product."""
    # Imported here: most policies name no other language than English, and a device does without the weight.
    from importlib import resources

    folders = resources.files("rules").joinpath("lexicons").iterdir()
    return frozenset(each.name for each in folders if _LANGUAGE.fullmatch(each.name) and each.is_dir())


def _parse_required(table: Table, key: str, enabled: bool) -> str:
    # Whoever prepares a policy writes these down one by one; whoever switches it on needs them all.
    limit = {"max_characters": MAX_NOTICE_CHARACTERS} if key == "notice_text" else {}
    return table.text(key, None if enabled else "", **limit)


def _parse_languages(table: Table) -> tuple[str, ...]:
    languages = table.texts("languages", _DEFAULTS.languages)
    for each in languages:
        if not _LANGUAGE.fullmatch(each):
            raise table.fault(f"holds {shown(each)}", key="languages", hint="a language is two or three letters: en")
        if each not in _DEFAULTS.languages and each not in list_languages():
            problem = f"holds {shown(each)}, of which no phrases come with the product"
            raise table.fault(problem, key="languages", hint=to_hint(each, sorted(list_languages())))
    if not languages:
        raise table.fault("is empty", key="languages", hint="name a language, or leave the line out for English")
    return languages


def _parse_protected(table: Table) -> tuple[str, ...]:
    patterns = table.texts("protected", ())
    for each in patterns:
        fault = wildcard.find_fault(each)
        if fault:
            raise table.fault(f"{shown(each)} {fault}", key="protected")
    return patterns


def _parse_days(table: Table) -> tuple[str, ...]:
    days = table.texts("days", _DEFAULTS.days)
    for each in days:
        if each not in DAYS:
            raise table.fault(f"holds {shown(each)}", key="days", hint=to_hint(each, DAYS))
    if not days:
        raise table.fault("is empty", key="days", hint="name days, or set enabled = false")
    return days


def _parse_hours(table: Table) -> str:
    hours = table.text("hours", _DEFAULTS.hours)
    begin, _, end = hours.partition("-")
    if not _HOURS.fullmatch(hours) or begin >= end:
        raise table.fault(f"is {shown(hours)}", key="hours", hint="from and to in one day: 07:30-17:00")
    return hours


def _parse_networks(table: Table) -> tuple[str, ...]:
    networks = table.texts("networks", ())
    for each in networks:
        try:
            ipaddress.ip_network(each)
        except ValueError as error:
            hint = "a network is written with its length: 10.20.0.0/16"
            raise table.fault(f"holds {shown(each)}, which is no network", key="networks", hint=hint) from error
    return networks


def _verify_date(table: Table, text: str) -> None:
    if text and find_day(text) is None:
        raise table.fault(f"is {shown(text)}", key="dpia_review_date", hint="year, month and day: 2027-03-01")


def _verify_groups(table: Table, keywords: Keywords) -> None:
    if keywords.enabled and not keywords.watch_groups and not keywords.staff_groups:
        raise table.fault(
            "is missing, so nobody would be watched", key="watch_groups", hint='watch_groups = ["pupils"]'
        )
    if keywords.staff_groups and not keywords.staff_reference:
        hint = "name the ground on which staff are watched, or remove staff_groups"
        raise table.fault("is missing beside staff_groups", key="staff_reference", hint=hint)
    for group in () if keywords.staff_reference else keywords.watch_groups:
        if "-".join(group.casefold().split()) in GROUPS_OF_STAFF:
            hint = "watch_groups are pupils; staff are watched by staff_groups with a staff_reference"
            raise table.fault(f"holds {shown(group)}, a group of staff", key="watch_groups", hint=hint)
    for group in keywords.staff_groups:
        if group in keywords.watch_groups:
            problem = f"holds {shown(group)}, which is in watch_groups too"
            raise table.fault(problem, key="staff_groups", hint="a group is of pupils or of staff")


def _verify_size(table: Table, keywords: Keywords) -> None:
    # All drafts, though a watcher is told those of the day: nobody can say today which days they will be tried on.
    drafts = [f"{draft.id}:{text}" for draft in keywords.drafts for text in draft.texts]
    notice = (keywords.notice_version, keywords.notice_title, keywords.notice_text)
    texts = [*notice, *keywords.languages, *keywords.protected, *drafts]
    size = len(json.dumps(texts, ensure_ascii=False).encode("utf-8", "replace"))
    if size > MAX_SHOWN_BYTES:
        problem = f"the notice, protected and drafts have {size} bytes together, more than {MAX_SHOWN_BYTES}"
        key = "draft" if keywords.drafts else "protected"
        raise table.fault(problem, key=key, hint="shorten the notice, name fewer windows or try fewer drafts")


def _verify_times(table: Table, keywords: Keywords) -> None:
    begin, end = (int(each[:2]) * 60 + int(each[3:]) for each in keywords.hours.split("-"))
    is_longer = end - begin > MAX_SCHOOL_HOURS * 60 or len(set(keywords.days)) > MAX_SCHOOL_DAYS
    if is_longer and not keywords.out_of_hours_reference:
        problem = f"is missing, for more than {MAX_SCHOOL_HOURS} hours a day or {MAX_SCHOOL_DAYS} days a week"
        hint = "name the ground on which people are watched out of hours, or narrow days and hours"
        raise table.fault(problem, key="out_of_hours_reference", hint=hint)


def _verify_places(table: Table, keywords: Keywords) -> None:
    if not keywords.networks and not keywords.away_reference:
        hint = 'networks = ["10.20.0.0/16"], or an away_reference, the ground on which people are watched at home'
        raise table.fault("is missing, so people would be watched everywhere", key="networks", hint=hint)
