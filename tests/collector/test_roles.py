# SPDX-License-Identifier: Apache-2.0
"""Tests of the table of roles."""

from collector.roles import ROLES, Permission, Role
from proto.events import Audience


def test_every_role_has_a_row() -> None:
    """No role is without an answer to what it may do."""
    assert set(ROLES) == set(Role)


def test_nobody_who_gives_out_accounts_decides() -> None:
    """Managing users and deciding incidents or the allow list are never one role."""
    for duties in ROLES.values():
        if Permission.MANAGE_USERS in duties.permissions:
            assert not duties.permissions & {Permission.DECIDE_INCIDENTS, Permission.DECIDE_PROPOSALS}


def test_administrator_reads_no_safeguarding() -> None:
    """Whoever runs the system is never an audience of safeguarding."""
    assert Audience.SAFEGUARDING not in ROLES[Role.ADMINISTRATOR].audiences
    assert Audience.SAFEGUARDING not in ROLES[Role.TECHNICIAN].audiences
