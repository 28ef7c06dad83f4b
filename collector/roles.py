# SPDX-License-Identifier: Apache-2.0
"""What each role reads and does: one table. `console/guard` and the queries of `incidents` hold to it.

A role reads incidents of its audiences only. A user may hold several roles; administrator together with one that reads
safeguarding is refused. A role alone opens no flag: the reader must be in the set that the safeguarding root signed,
on the flag's route (`collector.readers`).
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from proto.events import Audience


class Role(StrEnum):
    """What a user is at the school, as far as the console is concerned."""

    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"
    DSL = "dsl"
    DEPUTY_DSL = "deputy_dsl"
    HEADTEACHER = "headteacher"
    CHAIR_OF_GOVERNORS = "chair_of_governors"
    AUDITOR = "auditor"
    ICT_MANAGER = "ict_manager"
    BUSINESS_MANAGER = "business_manager"
    LINE_MANAGER = "line_manager"
    GOVERNOR = "governor"


class Permission(StrEnum):
    """Something that a role may do or not."""

    SEE_INCIDENTS = "see incidents"
    DECIDE_INCIDENTS = "decide incidents"
    SEE_DEVICES = "see devices"
    DECIDE_DEVICES = "confirm, revoke and retire devices"
    DECIDE_PROPOSALS = "decide what goes on the allow list"
    APPROVE_MEDIA = "approve USB devices"
    MANAGE_USERS = "manage users"
    MANAGE_PEOPLE = "manage the school's people"
    READ_FLAGS = "read safeguarding flags"
    SEE_READERS = "see who reads safeguarding flags"
    REVIEW_AUDIT = "look through the audit log"
    SEE_POLICY = "see the policy and what carries it out"
    CHANGE_POLICY = "change rules and stage them"
    APPROVE_CHANGES = "give the second word on a change that weakens a safeguard"
    ASK_EXCEPTIONS = "ask for exceptions"
    DECIDE_EXCEPTIONS = "decide exceptions"
    DECIDE_PARENTS = "decide whether parents are told"


@dataclass(frozen=True, slots=True)
class Duties:
    """One row of the table."""

    summary: str
    """For the person who gives the role to somebody."""
    audiences: frozenset[Audience]
    """Whose incidents the role reads."""
    permissions: frozenset[Permission]
    needs_second_factor: bool = False
    """Whether a password alone does not let the role in."""


_READER = frozenset({Permission.READ_FLAGS, Permission.SEE_READERS, Permission.SEE_POLICY, Permission.ASK_EXCEPTIONS})

ROLES: dict[Role, Duties] = {
    Role.TECHNICIAN: Duties(
        summary="Sees and decides devices and security incidents, decides the allow list, approves USB devices.",
        audiences=frozenset({Audience.SECURITY}),
        permissions=frozenset(
            {
                Permission.SEE_INCIDENTS,
                Permission.DECIDE_INCIDENTS,
                Permission.SEE_DEVICES,
                Permission.DECIDE_DEVICES,
                Permission.DECIDE_PROPOSALS,
                Permission.APPROVE_MEDIA,
                Permission.SEE_POLICY,
                Permission.CHANGE_POLICY,
                Permission.ASK_EXCEPTIONS,
            }
        ),
    ),
    # Whoever gives out the accounts does not decide incidents as well: a technician's work is seen by a second person.
    Role.ADMINISTRATOR: Duties(
        summary="Manages users and the school's people. Sees devices and security incidents, decides none.",
        audiences=frozenset({Audience.SECURITY}),
        permissions=frozenset(
            {
                Permission.SEE_INCIDENTS,
                Permission.SEE_DEVICES,
                Permission.MANAGE_USERS,
                Permission.MANAGE_PEOPLE,
                Permission.SEE_READERS,
                Permission.SEE_POLICY,
                Permission.CHANGE_POLICY,
                Permission.ASK_EXCEPTIONS,
            }
        ),
    ),
    Role.DSL: Duties(
        summary="Designated safeguarding lead. Reads safeguarding flags and decides them, has the second word on a "
        "change that weakens a safeguard, and decides whether parents are told of an incident.",
        audiences=frozenset(),
        permissions=_READER | {Permission.APPROVE_CHANGES, Permission.DECIDE_PARENTS},
        needs_second_factor=True,
    ),
    Role.DEPUTY_DSL: Duties(
        summary="Deputy safeguarding lead. Reads safeguarding flags and decides them, and whether parents are told.",
        audiences=frozenset(),
        permissions=_READER | {Permission.DECIDE_PARENTS},
        needs_second_factor=True,
    ),
    Role.HEADTEACHER: Duties(
        summary="Headteacher. Reads the flags that may be about the safeguarding leads, or when none of them is there, "
        "and the audit log but for what others did with flags. Decides exceptions, has the second word on changes.",
        audiences=frozenset(),
        permissions=_READER | {Permission.REVIEW_AUDIT, Permission.APPROVE_CHANGES, Permission.DECIDE_EXCEPTIONS},
        needs_second_factor=True,
    ),
    Role.CHAIR_OF_GOVERNORS: Duties(
        summary="Chair of governors. Reads the flags that may be about the head, or when nobody below is there.",
        audiences=frozenset(),
        permissions=_READER,
        needs_second_factor=True,
    ),
    # Such as the data protection officer or a governor: looks at what the others did, and does nothing else here.
    Role.AUDITOR: Duties(
        summary="Looks through the audit log of what everybody did. Sees no incident, no flag and no device.",
        audiences=frozenset(),
        permissions=frozenset({Permission.REVIEW_AUDIT, Permission.SEE_POLICY}),
        needs_second_factor=True,
    ),
    Role.ICT_MANAGER: Duties(
        summary="Sees and decides security incidents, decides exceptions, changes rules.",
        audiences=frozenset({Audience.SECURITY}),
        permissions=frozenset(
            {
                Permission.SEE_INCIDENTS,
                Permission.DECIDE_INCIDENTS,
                Permission.SEE_DEVICES,
                Permission.SEE_POLICY,
                Permission.CHANGE_POLICY,
                Permission.ASK_EXCEPTIONS,
                Permission.DECIDE_EXCEPTIONS,
            }
        ),
    ),
    Role.BUSINESS_MANAGER: Duties(
        summary="Sees the policy, asks for exceptions. Keeps the administrator secrets on paper.",
        audiences=frozenset(),
        permissions=frozenset({Permission.SEE_POLICY, Permission.ASK_EXCEPTIONS}),
    ),
    Role.LINE_MANAGER: Duties(
        summary="Sees and decides incidents about the conduct of staff.",
        audiences=frozenset({Audience.STAFF_CONDUCT}),
        permissions=frozenset(
            {Permission.SEE_INCIDENTS, Permission.DECIDE_INCIDENTS, Permission.SEE_POLICY, Permission.ASK_EXCEPTIONS}
        ),
        needs_second_factor=True,
    ),
    Role.GOVERNOR: Duties(
        summary="Sees what the policy asks and what carries it out. Sees no incident, no flag and no device.",
        audiences=frozenset(),
        permissions=frozenset({Permission.SEE_POLICY}),
    ),
}
"""Every role has a row."""


def list_audiences(roles: Collection[Role]) -> frozenset[Audience]:
    """Return whose incidents a user of these roles reads."""
    return frozenset(audience for role in roles for audience in ROLES[role].audiences)


def list_permissions(roles: Collection[Role]) -> frozenset[Permission]:
    """Return what a user of these roles may do."""
    return frozenset(permission for role in roles for permission in ROLES[role].permissions)


def load_roles(kept: str) -> frozenset[Role]:
    """Return the roles of a user as the table of users keeps them."""
    return frozenset(Role(each) for each in json.loads(kept))


def dump_roles(roles: Collection[Role]) -> str:
    """Return roles as the table of users keeps them: a JSON array, sorted."""
    return json.dumps(sorted(roles))


def needs_second_factor(roles: Collection[Role]) -> bool:
    """Return whether a password alone does not let a user of these roles in."""
    return any(ROLES[role].needs_second_factor for role in roles)


def find_conflict(roles: Collection[Role]) -> str:
    """Return why nobody may hold these roles together; empty when somebody may."""
    if Role.ADMINISTRATOR in roles and any(Permission.READ_FLAGS in ROLES[role].permissions for role in roles):
        return "an administrator gives out accounts and may not read safeguarding flags as well"
    return ""
