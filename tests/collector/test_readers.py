# SPDX-License-Identifier: Apache-2.0
"""Tests of who reads which route now: the set, the roles and the absences together."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import insert, update

from collector.absences import note_absence
from collector.flags import list_flags
from collector.identities import keep_identity
from collector.people import list_accounts_ever
from collector.readers import Candidate, find_routes, list_candidates, list_readers, list_unsigned
from collector.roles import Role
from collector.store.engine import writing
from collector.store.schema import accounts, people, users
from rules.route import RUNGS, Route, find_readers, list_holders
from tests.collector.evidence import Device
from tests.collector.people.lists import take
from tests.collector.safeguarding import Person, Safeguarding, build_safeguarding
from tests.collector.school import MINUTE_NS, School
from tests.collector.test_identities import WRAPPED


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """Four readers and the set that names them."""
    return build_safeguarding(school)


def routes_of(safeguarding: Safeguarding, person: Person) -> set[str]:
    """Return what a person reads now."""
    school = safeguarding.school
    return {route.value for route in find_routes(school.engine, school.id, person.name, school.now_ns)}


def leave(safeguarding: Safeguarding, *away: Person) -> None:
    """Let people be away for an hour."""
    school = safeguarding.school
    for person in away:
        note_absence(
            school.engine,
            school.id,
            user=person.name,
            from_ns=school.now_ns,
            until_ns=school.now_ns + 60 * MINUTE_NS,
            actor=person.name,
            now_ns=school.now_ns,
        )


def add_person(safeguarding: Safeguarding, person: Person, *held: str) -> None:
    """Put a reader into the register, with accounts."""
    school = safeguarding.school
    with writing(school.engine) as connection:
        connection.execute(
            insert(people).values(
                school_id=school.id,
                person_id=f"p-{person.name}",
                name=person.name,
                kind="staff",
                aliases=json.dumps(list(person.aliases)),
                user_name=person.name,
                imported_at_ns=school.now_ns,
            )
        )
        for account in held:
            connection.execute(
                insert(accounts).values(school_id=school.id, account=account, person_id=f"p-{person.name}")
            )


def test_everybody_reads_his_own_route(safeguarding: Safeguarding) -> None:
    """And nobody reads `outside`."""
    found = [routes_of(safeguarding, person) for person in safeguarding.people]
    assert found == [{"dsl"}, {"dsl"}, {"head"}, {"chair"}]
    school = safeguarding.school
    assert list_readers(school.engine, school.id, Route.OUTSIDE, school.now_ns) == frozenset()


def test_head_reads_while_nobody_of_the_leads_is_there(safeguarding: Safeguarding) -> None:
    """For as long as it lasts, and no longer; those who are away stay readers."""
    leave(safeguarding, safeguarding.dsl)
    assert routes_of(safeguarding, safeguarding.head) == {"head"}
    leave(safeguarding, safeguarding.deputy)
    assert routes_of(safeguarding, safeguarding.head) == {"dsl", "head"}
    assert routes_of(safeguarding, safeguarding.dsl) == {"dsl"}
    safeguarding.school.pass_time(61 * MINUTE_NS)
    assert routes_of(safeguarding, safeguarding.head) == {"head"}


@pytest.mark.parametrize("away", [(), ("dana",), ("dana", "dev"), ("dana", "dev", "heather"), ("heather", "charles")])
def test_collector_and_device_choose_the_same(safeguarding: Safeguarding, away: tuple[str, ...]) -> None:
    """For every route and absence: what is sealed to somebody he can ask for, and nobody else can."""
    school = safeguarding.school
    leave(safeguarding, *(person for person in safeguarding.people if person.name in away))
    for route in RUNGS:
        on_the_device = find_readers(list_holders(safeguarding.content), route, away)
        assert list_readers(school.engine, school.id, route, school.now_ns) == on_the_device


def test_who_has_not_opened_a_test_item_reads_nothing(safeguarding: Safeguarding) -> None:
    """Nothing is sealed to him either."""
    untested = replace(safeguarding.deputy.recipient, tested=False)
    safeguarding.publish(safeguarding.sign([safeguarding.dsl.recipient, untested]))
    assert routes_of(safeguarding, safeguarding.deputy) == set()
    assert routes_of(safeguarding, safeguarding.dsl) == {"dsl"}


def test_role_and_account_must_still_be_there(safeguarding: Safeguarding) -> None:
    """A disabled user and one who lost his role read nothing, though the set still names them."""
    with writing(safeguarding.school.engine) as connection:
        connection.execute(update(users).where(users.c.name == "dana").values(disabled=True))
    safeguarding.give_roles(safeguarding.deputy, Role.TECHNICIAN)
    assert [routes_of(safeguarding, person) for person in safeguarding.people[:2]] == [set(), set()]


def test_role_alone_opens_nothing(safeguarding: Safeguarding) -> None:
    """An administrator can make a user a safeguarding lead; the root did not sign that."""
    school = safeguarding.school
    school.add_user("mallory", Role.DSL)
    assert find_routes(school.engine, school.id, "mallory", school.now_ns) == frozenset()
    assert find_routes(school.engine, school.id, "nobody-here", school.now_ns) == frozenset()


def test_own_accounts_come_from_set_and_register(safeguarding: Safeguarding) -> None:
    """What the root signed holds even if somebody takes the account out of the register."""
    add_person(safeguarding, safeguarding.dsl, "local:d0d0d0d0d0d0d0d0:1000")
    reader = safeguarding.reader(safeguarding.dsl)
    assert reader.own_refs == {safeguarding.ref("directory:dana"), safeguarding.ref("local:d0d0d0d0d0d0d0d0:1000")}


def test_account_that_was_ever_his_stays_his(safeguarding: Safeguarding, device: Device) -> None:
    """A list that changes a lead's accounts, takes his user name or gives another shows him nothing of his own."""
    school, dsl = safeguarding.school, safeguarding.dsl
    safeguarding.publish(safeguarding.sign([replace(each.recipient, accounts=()) for each in safeguarding.people]))
    lead = {"person_id": "p1", "kind": "staff"}
    lists = [
        {"accounts": "directory:dana.old", "user_name": "dana"},
        {"accounts": "directory:dana.new", "user_name": "dana"},
        {"accounts": "directory:dana.new"},
        {"accounts": "directory:dana.now", "user_name": "dev"},
        {"accounts": "directory:dana.now", "user_name": "dana"},
    ]
    assert take(school, lead | lists[0]).taken == ("p1",)
    safeguarding.raise_flag(device, account="directory:dana.old")
    for row in lists[1:]:
        assert take(school, lead | row).changed == ("p1",)
        assert safeguarding.ref("directory:dana.old") in safeguarding.reader(dsl).own_refs
        assert list_flags(school.engine, school.id, reader=safeguarding.reader(dsl)) == []
    assert list_accounts_ever(school.engine, school.id, "dana") == [
        "directory:dana.new",
        "directory:dana.now",
        "directory:dana.old",
    ]
    assert list_accounts_ever(school.engine, school.id, "") == []
    assert list_unsigned(school.engine, school.id, safeguarding.content) == {"dana": ("directory:dana.now",)}


def test_nobody_is_barred_from_his_own_route(safeguarding: Safeguarding) -> None:
    """Only from those above it."""
    assert safeguarding.reader(safeguarding.dsl).barred == {
        (version, route) for version in (0, 1) for route in (Route.HEAD, Route.CHAIR)
    }
    assert safeguarding.reader(safeguarding.chair).barred == frozenset()


def test_candidates_are_the_users_with_a_readers_role(safeguarding: Safeguarding) -> None:
    """With what the register knows of them; who has made no identity yet has no key."""
    school, dsl = safeguarding.school, safeguarding.dsl
    add_person(safeguarding, dsl, "directory:dana", "local:d0d0d0d0d0d0d0d0:1000")
    school.add_user("tess", Role.TECHNICIAN)
    keep_identity(school.engine, school.id, user="dana", age_key=dsl.age_key, wrapped=WRAPPED, now_ns=school.now_ns)
    found = list_candidates(school.engine, school.id)
    assert [(each.id, each.positions) for each in found] == [
        ("charles", ("chair_of_governors",)),
        ("dana", ("dsl",)),
        ("dev", ("deputy_dsl",)),
        ("heather", ("headteacher",)),
    ]
    assert found[1] == Candidate(
        id="dana",
        positions=("dsl",),
        age_key=dsl.age_key,
        aliases=dsl.aliases,
        accounts=("directory:dana", "local:d0d0d0d0d0d0d0d0:1000"),
    )
    assert found[0].age_key == ""


def test_before_the_first_set_nobody_reads(school: School) -> None:
    """Roles are there, the root is not."""
    safeguarding = build_safeguarding(school, publishes=False)
    assert [routes_of(safeguarding, person) for person in safeguarding.people] == [set()] * 4
