# SPDX-License-Identifier: Apache-2.0
"""What each role reads and does: one table. `console/guard` and the queries of `incidents` hold to it.

A role reads incidents of its audiences only. The roles that read safeguarding are no roles of this version; they
will be rows of this table, and the administrator's row will never get their audience.
"""

from dataclasses import dataclass
from enum import StrEnum

from proto.events import Audience


class Role(StrEnum):
    """What a user is at the school, as far as the console is concerned."""

    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """Something that a role may do or not."""

    SEE_INCIDENTS = "see incidents"
    DECIDE_INCIDENTS = "decide incidents"
    SEE_DEVICES = "see devices"
    DECIDE_PROPOSALS = "decide what goes on the allow list"
    MANAGE_USERS = "manage users"


@dataclass(frozen=True, slots=True)
class Duties:
    """One row of the table."""

    summary: str
    """For the person who gives the role to somebody."""
    audiences: frozenset[Audience]
    """Whose incidents the role reads."""
    permissions: frozenset[Permission]


ROLES: dict[Role, Duties] = {
    Role.TECHNICIAN: Duties(
        summary="Sees devices and security incidents, decides incidents and the allow list.",
        audiences=frozenset({Audience.SECURITY}),
        permissions=frozenset(
            {
                Permission.SEE_INCIDENTS,
                Permission.DECIDE_INCIDENTS,
                Permission.SEE_DEVICES,
                Permission.DECIDE_PROPOSALS,
            }
        ),
    ),
    # Whoever gives out the accounts does not decide incidents as well: a technician's work is seen by a second person.
    Role.ADMINISTRATOR: Duties(
        summary="Manages users. Sees devices and security incidents, decides none.",
        audiences=frozenset({Audience.SECURITY}),
        permissions=frozenset({Permission.SEE_INCIDENTS, Permission.SEE_DEVICES, Permission.MANAGE_USERS}),
    ),
}
"""Every role has a row."""
