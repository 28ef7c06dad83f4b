# SPDX-License-Identifier: Apache-2.0
"""A console on a school of its own, and visitors who are signed in."""

from collections.abc import Callable

import pytest
from starlette.applications import Starlette

from collector.console.app import create_app
from collector.roles import Role
from tests.collector.console.visitor import Visitor
from tests.collector.school import School

PASSWORD = "correct horse battery"

Enter = Callable[..., Visitor]


@pytest.fixture
def app(school: School) -> Starlette:
    """The console over TLS."""
    return create_app(
        school.config, school.engine, publish=school.publish, secure_cookies=True, clock_ns=lambda: school.now_ns
    )


@pytest.fixture
def visitor(app: Starlette) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(app)


@pytest.fixture
def enter(school: School, app: Starlette) -> Enter:
    """Makes a user of a role and returns a visitor who is signed in as this user."""

    def enter_as(role: Role, name: str = "", *, has_own_password: bool = True) -> Visitor:
        name = name or role.value
        password = school.add_user(name, role, PASSWORD if has_own_password else "")
        visitor = Visitor(app)
        assert visitor.sign_in(name, password).status == 303
        return visitor

    return enter_as


@pytest.fixture
def technician(enter: Enter) -> Visitor:
    """A technician."""
    return enter(Role.TECHNICIAN)


@pytest.fixture
def administrator(enter: Enter) -> Visitor:
    """An administrator."""
    return enter(Role.ADMINISTRATOR)
