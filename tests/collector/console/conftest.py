# SPDX-License-Identifier: Apache-2.0
"""A console on a school of its own, and visitors who are signed in."""

from collections.abc import Callable, Collection

import pytest
from starlette.applications import Starlette

from collector.console.app import create_app
from collector.roles import Role, needs_second_factor
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
    """Makes a user of one or several roles and returns a visitor who is signed in as this user.

    Who needs a second factor has one and has given it; a user with a one-time password has none yet.
    """

    def enter_as(roles: Role | Collection[Role], name: str = "", *, has_own_password: bool = True) -> Visitor:
        roles = {roles} if isinstance(roles, Role) else roles
        name = name or "-".join(role.value for role in roles)
        password = school.add_user(name, roles, PASSWORD if has_own_password else "")
        visitor = Visitor(app)
        assert visitor.sign_in(name, password).status == 303
        if has_own_password and needs_second_factor(roles):
            school.add_second_factor(name)
            assert visitor.give_code(school.make_code(name)).status == 303
        return visitor

    return enter_as


@pytest.fixture
def technician(enter: Enter) -> Visitor:
    """A technician."""
    return enter(Role.TECHNICIAN)


@pytest.fixture
def lead(enter: Enter) -> Visitor:
    """A safeguarding lead, named dsl, with a second factor."""
    return enter(Role.DSL)


@pytest.fixture
def administrator(enter: Enter) -> Visitor:
    """An administrator."""
    return enter(Role.ADMINISTRATOR)
