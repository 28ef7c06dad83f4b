# SPDX-License-Identifier: Apache-2.0
"""Reads the tables that set limits for single checks: `[lock]`, `[posture]`, `[hardware]`, `[accounts]`, `[downloads]`
and every `[[medium]]`, strictly and with the place of what is not right.

One in a higher layer takes the place (`layers`). The register of approved devices is the sum of all `[[medium]]`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rules import wildcard
from rules.errors import RuleFormatError
from rules.layers import Layer, read_uppermost
from rules.settings import Accounts, Downloads, Hardware, Lock, LockLimit, Medium, Posture, Settings
from rules.table import Table, find_day, shown

MEDIUM = "medium"
SHORTEST_LIMIT_S = 60
LONGEST_LIMIT_S = 4 * 3600
MAX_DAYS = 3660
_USB_ID = re.compile(r"[0-9a-f]{4}")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


def read_settings(layers: Sequence[Layer]) -> tuple[Settings, list[RuleFormatError]]:
    """Read the settings of all files. What is not right is returned."""
    problems: list[RuleFormatError] = []
    found: dict[str, Any] = {}
    for key, parse in _PARSERS.items():
        value, more_problems = read_uppermost(layers, key, parse)
        problems += more_problems
        if value is not None:
            found[key] = value
    media, more_problems = _read_media(layers)
    return replace(Settings(), media=media, **found), problems + more_problems


def _read_media(layers: Sequence[Layer]) -> tuple[tuple[Medium, ...], list[RuleFormatError]]:
    media: dict[tuple[str, str, str], Medium] = {}
    problems: list[RuleFormatError] = []
    for file, tables in (each for layer in layers for each in sorted(layer.files.items())):
        try:
            top = Table({MEDIUM: tables.get(MEDIUM, [])}, keys=(MEDIUM,), file=file)
            for each in top.inner_tables(MEDIUM, ("vendor_id", "product_id", "serial", "note", "until")):
                medium = _parse_medium(each)
                media[medium.vendor_id, medium.product_id, medium.serial] = medium
        except RuleFormatError as error:
            problems.append(error)
    return tuple(media.values()), problems


def _parse_medium(table: Table) -> Medium:
    ids = {key: table.text(key) for key in ("vendor_id", "product_id")}
    for key, value in ids.items():
        if not _USB_ID.fullmatch(value):
            raise table.fault(f"is {shown(value)}", key=key, hint="four hexadecimal digits in lower case: 0951")
    until = table.text("until", "")
    if until and find_day(until) is None:
        raise table.fault(f"is {shown(until)}", key="until", hint="year, month and day: 2027-07-31")
    return Medium(**ids, serial=table.text("serial").casefold(), note=table.text("note", ""), until=until)


def _parse_lock(top: Table, key: str) -> Lock:
    table = top.inner_table(key, ("limit_s", "group"))
    groups = tuple(
        LockLimit(groups=_parse_some(each, "groups"), limit_s=_parse_limit(each, may_be_none=True))
        for each in table.inner_tables("group", ("groups", "limit_s"))
    )
    return Lock(limit_s=_parse_limit(table) if "limit_s" in table else Lock().limit_s, groups=groups)


def _parse_limit(table: Table, *, may_be_none: bool = False) -> int:
    limit_s = table.integer("limit_s", 0 if may_be_none else SHORTEST_LIMIT_S, LONGEST_LIMIT_S)
    if 0 < limit_s < SHORTEST_LIMIT_S:
        raise table.fault(f"is {limit_s}", key="limit_s", hint=f"0 for no limit, or {SHORTEST_LIMIT_S} and more")
    return limit_s


def _parse_posture(top: Table, key: str) -> Posture:
    table = top.inner_table(
        key,
        (
            *("administrators", "password_max_age_days", "update_grace_days", "signatures_max_age_days"),
            *("off_after", "off_until"),
        ),
    )
    usual = Posture()
    return Posture(
        administrators=_parse_patterns(table, "administrators", usual.administrators),
        password_max_age_days=_parse_days(table, "password_max_age_days", usual.password_max_age_days),
        update_grace_days=_parse_days(table, "update_grace_days", usual.update_grace_days),
        signatures_max_age_days=_parse_days(table, "signatures_max_age_days", usual.signatures_max_age_days),
        off_after=_parse_time(table, "off_after", usual.off_after),
        off_until=_parse_time(table, "off_until", usual.off_until),
    )


def _parse_days(table: Table, key: str, default: int) -> int:
    return table.integer(key, 0, MAX_DAYS) if key in table else default


def _parse_time(table: Table, key: str, default: str) -> str:
    value = table.text(key, default)
    if value and not _TIME.fullmatch(value):
        raise table.fault(f"is {shown(value)}", key=key, hint="a local time: 18:00")
    return value


def _parse_hardware(top: Table, key: str) -> Hardware:
    ask, reason = _parse_ask(top.inner_table(key, ("ask", "reason")), "ask")
    return Hardware(ask=ask, reason=reason)


def _parse_accounts(top: Table, key: str) -> Accounts:
    table, usual = top.inner_table(key, ("ask", "reason", "shared", "guest")), Accounts()
    ask, reason = _parse_ask(table, "ask")
    return Accounts(
        ask=ask,
        reason=reason,
        shared=_parse_patterns(table, "shared", usual.shared),
        guest=_parse_patterns(table, "guest", usual.guest),
    )


def _parse_downloads(top: Table, key: str) -> Downloads:
    count_media, reason = _parse_ask(top.inner_table(key, ("count_media", "reason")), "count_media")
    return Downloads(count_media=count_media, reason=reason)


def _parse_ask(table: Table, key: str) -> tuple[bool, str]:
    asked = table.flag(key, default=False)
    # People are told why, so a reason is required with the question.
    return asked, table.text("reason", None if asked else "")


def _parse_some(table: Table, key: str) -> tuple[str, ...]:
    values = table.texts(key)
    if not values:
        raise table.fault("is empty", key=key, hint=f"{key} = ['...']")
    return values


def _parse_patterns(table: Table, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    patterns = table.texts(key, default)
    for each in patterns:
        fault = wildcard.find_fault(each, min_literals=1)
        if fault:
            raise table.fault(f"{shown(each)} {fault}", key=key)
    return patterns


_PARSERS: dict[str, Callable[[Table, str], Any]] = {
    "lock": _parse_lock,
    "posture": _parse_posture,
    "hardware": _parse_hardware,
    "accounts": _parse_accounts,
    "downloads": _parse_downloads,
}
KEYS = (*_PARSERS, MEDIUM)
"""The tables that may stand at the top of a rule file, beside rules and `[keywords]`."""
