# SPDX-License-Identifier: Apache-2.0
"""A school with readers of flags, one of them at the console, and a flag for her."""

import pytest
from starlette.applications import Starlette

from collector.authority import Authority
from tests.collector.console.visitor import Visitor
from tests.collector.evidence import Device, enrol_device
from tests.collector.safeguarding import PASSWORD, Person, Safeguarding, build_safeguarding
from tests.collector.school import School


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """A school with four readers."""
    return build_safeguarding(school)


@pytest.fixture
def device(school: School, authority: Authority, safeguarding: Safeguarding) -> Device:
    """A device that raises flags."""
    return enrol_device(school, authority)


def come_in(app: Starlette, school: School, person: Person) -> Visitor:
    """Return a reader who is signed in with both factors."""
    visitor = Visitor(app)
    school.add_second_factor(person.name)
    assert visitor.sign_in(person.name, PASSWORD).status == 303
    assert visitor.give_code(school.make_code(person.name)).status == 303
    return visitor


@pytest.fixture
def dana(app: Starlette, school: School, safeguarding: Safeguarding) -> Visitor:
    """The safeguarding lead at the console."""
    visitor = come_in(app, school, safeguarding.dsl)
    visitor.get("/flags")
    return visitor


@pytest.fixture
def flag(safeguarding: Safeguarding, device: Device) -> str:
    """A flag for the safeguarding leads."""
    return safeguarding.raise_flag(device)
