# SPDX-License-Identifier: Apache-2.0
"""Which clauses an incident of a school cites: those of its own policy, whoever wrote down under which it stands.

Rules lose other policies' clauses when a pack is read (`rules.layers`). What the collector finds without a rule, such
as one account on several devices, names the clauses of all packs, and here the others go.
"""

import tomllib
from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import Connection, select

from collector.store.schema import chosen_packs
from rules.errors import RulesError
from rules.layers import PACK_FILE
from rules.load import load_pack


def find_own_clauses(connection: Connection, school_id: str, clauses: Sequence[str]) -> list[str]:
    """Return those of some clauses that the school's own policy has; all of them for a pack that is nobody's own."""
    query = select(chosen_packs.c.pack).where(chosen_packs.c.school_id == school_id)
    letters = _find_letters(connection.execute(query).scalar() or "")
    return [each for each in clauses if each.startswith(letters)]


@lru_cache(maxsize=64)
def _find_letters(pack: str) -> str:
    if not pack:
        return ""
    try:
        head = tomllib.loads(load_pack(pack)[PACK_FILE])["pack"]
    except RulesError:
        return ""  # A pack of an earlier version, which is not here any more.
    return f"{head['clauses']}-" if "clauses" in head else ""
