# SPDX-License-Identifier: Apache-2.0
"""After how much idle time a session must be locked, as the policy says for the groups of its account."""

from agent.system.interface import Session
from rules.settings import Lock


def find_limit_s(lock: Lock, session: Session) -> int | None:
    """Return the limit of a session: 0 when none is asked for, None when its account's groups are not known."""
    if not lock.groups:
        return lock.limit_s
    if not session.are_groups_known:
        return None
    for each in lock.groups:
        if not set(each.groups).isdisjoint(session.group_names):
            return each.limit_s
    return lock.limit_s
