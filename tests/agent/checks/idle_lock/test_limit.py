# SPDX-License-Identifier: Apache-2.0
"""Tests of which limit holds for a session."""

import pytest

from agent.checks.idle_lock.limit import find_limit_s
from rules.settings import Lock, LockLimit
from tests.agent.safeguarding import make_session

LOCK = Lock(
    limit_s=900,
    groups=(LockLimit(groups=("year-3",), limit_s=0), LockLimit(groups=("staff", "office"), limit_s=1200)),
)


@pytest.mark.parametrize(
    ("groups", "limit_s"),
    [
        (("pupils",), 900),
        (("pupils", "year-3"), 0),
        (("office",), 1200),
        # The first one that fits counts.
        (("staff", "year-3"), 0),
        ((), 900),
    ],
)
def test_the_first_group_that_fits_decides(groups: tuple[str, ...], limit_s: int):
    """0 is never."""
    assert find_limit_s(LOCK, make_session(group_names=groups)) == limit_s


def test_without_known_groups_no_limit_is_known():
    """Unless there is one for everybody."""
    session = make_session(are_groups_known=False, group_names=())
    assert find_limit_s(LOCK, session) is None
    assert find_limit_s(Lock(), session) == 900
