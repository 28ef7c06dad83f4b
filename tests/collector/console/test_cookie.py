# SPDX-License-Identifier: Apache-2.0
"""Tests of the cookie's name."""

import pytest

from collector.console.cookie import Cookie


@pytest.mark.parametrize("is_secure", [True, False])
def test_two_schools_on_one_machine_have_two_cookies(is_secure: bool) -> None:
    """Browsers send a cookie to every port of a host: signing in to one console must not sign out of the other."""
    names = {Cookie(school_id=school_id, is_secure=is_secure).name for school_id in ("a" * 16, "b" * 16)}
    assert len(names) == 2
    assert all(name.startswith("__Host-") is is_secure for name in names)
