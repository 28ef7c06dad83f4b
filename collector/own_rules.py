# SPDX-License-Identifier: Apache-2.0
"""What a school chooses of its policy: the pack it works under, and rule files of its own beside it.

Everything here happens inside the transaction that publishes the policy or throws it away (`policies`). Whether a file
is right is the business of `rules.check`, whether somebody may choose alone that of `rules.weakening`.
"""

import tomllib
from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select

from collector import approved_media, bank_holidays, device_groups, exceptions, pauses
from collector.errors import UsageError
from collector.store.schema import chosen_packs, rule_files
from rules.layers import PACK_FILE
from rules.load import list_packs
from rules.table import to_hint

BASELINE = "uk-baseline"
FOLDER = "school/"
"""Where a school's own files stand in a bundle."""

RESERVED = {
    approved_media.RULE_FILE: "the register of USB devices",
    bank_holidays.RULE_FILE: "the bank holidays",
    pauses.RULE_FILE: "the pauses",
    device_groups.RULE_FILE: "the groups of devices",
    exceptions.RULE_FILE: "the exceptions",
}
"""Beginnings of the names of files that the collector writes, and what is in them."""

_REGISTERED = {
    "exception": "ask for it: schoolwarden-collector exceptions ask",
    "pause": "ask for it: schoolwarden-collector policy pause",
    "device_group": "make it: schoolwarden-collector devices group add",
    "medium": "approve it: schoolwarden-collector media approve",
    "bank_holidays": 'the collector writes them: say whose in [timetable], bank_holidays = "england"',
}
"""Tables of which the collector keeps a register, with who asked and who decided, and the way into it."""


def find_pack(connection: Connection, school_id: str) -> str:
    """Return the pack that the school works under; the baseline unless somebody chose another."""
    query = select(chosen_packs.c.pack).where(chosen_packs.c.school_id == school_id)
    return connection.execute(query).scalar() or BASELINE


def read_pack(files: Mapping[str, str]) -> str:
    """Return the pack that the files of a bundle are of; empty when they do not say."""
    try:
        return str(tomllib.loads(files[PACK_FILE])["pack"]["id"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        return ""


def put_pack(connection: Connection, school_id: str, pack: str, *, actor: str, now_ns: int) -> None:
    """Let the school work under a pack.

    Raises:
        UsageError: there is none of that name.
    """
    packs = list_packs()
    if pack not in packs:
        raise UsageError(f"there is no pack {pack!r:.60}", hint=to_hint(pack, packs))
    connection.execute(delete(chosen_packs).where(chosen_packs.c.school_id == school_id))
    row = {"school_id": school_id, "pack": pack, "chosen_at_ns": now_ns, "chosen_by": actor}
    connection.execute(insert(chosen_packs).values(row))


def list_own_files(connection: Connection, school_id: str) -> dict[str, str]:
    """Return the school's own rule files, by name."""
    query = select(rule_files.c.name, rule_files.c.text).where(rule_files.c.school_id == school_id)
    return {row.name: row.text for row in connection.execute(query.order_by(rule_files.c.name))}


def put_own_file(connection: Connection, school_id: str, name: str, text: str, *, actor: str, now_ns: int) -> None:
    """Add a rule file of the school's own, or replace the one of this name.

    Raises:
        UsageError: the collector writes files of such a name itself, or keeps a register of what stands in it.
    """
    for begin, what in RESERVED.items():
        if name.startswith(begin):
            raise UsageError(f"{name} is a name for {what}", hint="give the file another name")
    for table in _list_tables(text):
        if table in _REGISTERED:
            problem = f"{name} holds {table}, of which the school keeps a register"
            raise UsageError(problem, hint=_REGISTERED[table])
    _remove(connection, school_id, name)
    row = {"school_id": school_id, "name": name, "text": text, "added_at_ns": now_ns, "added_by": actor}
    connection.execute(insert(rule_files).values(row))


def remove_own_file(connection: Connection, school_id: str, name: str) -> None:
    """Take a rule file of the school's own away.

    Raises:
        UsageError: there is none of that name.
    """
    if not _remove(connection, school_id, name):
        names = list(list_own_files(connection, school_id))
        hint = to_hint(name, names) if names else "the school has no rule file of its own"
        raise UsageError(f"there is no rule file {name!r:.80} of the school’s own", hint=hint)


def replace_own_files(
    connection: Connection, school_id: str, files: dict[str, str], *, actor: str, now_ns: int
) -> None:
    """Let the school's own rule files be these and no others; those that stay as they are keep who added them.

    Raises:
        UsageError: one of them cannot be added any more.
    """
    before = list_own_files(connection, school_id)
    for name in before.keys() - files.keys():
        _remove(connection, school_id, name)
    for name, text in files.items():
        if before.get(name) != text:
            put_own_file(connection, school_id, name, text, actor=actor, now_ns=now_ns)


def is_own(name: str) -> bool:
    """Return whether a file of a bundle is one that the school wrote itself."""
    return name.startswith(FOLDER) and not name.removeprefix(FOLDER).startswith(tuple(RESERVED))


def _list_tables(text: str) -> list[str]:
    """Return what stands at the top of a rule file; nothing for one that cannot be read, which is told later."""
    try:
        return list(tomllib.loads(text))
    except (ValueError, RecursionError):
        # Not only TOMLDecodeError: a number of ten thousand digits is another one.
        return []


def _remove(connection: Connection, school_id: str, name: str) -> bool:
    where = (rule_files.c.school_id == school_id, rule_files.c.name == name)
    return connection.execute(delete(rule_files).where(*where)).rowcount > 0
