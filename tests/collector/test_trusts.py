# SPDX-License-Identifier: Apache-2.0
"""Tests of statements to devices: whom to trust and where to come."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from collector.audit import list_entries
from collector.config import Addresses
from collector.errors import UsageError
from collector.store.engine import writing
from collector.store.schema import trusts
from collector.trusts import announce, announce_served, find_trust, list_trusts, open_own_trust
from proto.errors import SignatureError
from proto.trust import Trust
from tests.collector.school import School

HERE = Addresses(grpc="10.0.0.7:7443", enrol="10.0.0.7:7444")
THERE = Addresses(grpc="collector.our.school:7443", enrol="collector.our.school:7444")


def say(school: School, *ca_certificates: bytes, addresses: Addresses | None = None) -> Trust | None:
    """Announce CAs and addresses."""
    return announce(
        school.engine, school.config, ca_certificates=ca_certificates, addresses=addresses, now_ns=school.now_ns
    )


def test_statement_is_found_and_verified(school: School) -> None:
    """It says what was announced, under the key that devices pinned; and the audit log tells who announced it."""
    said = say(school, b"ca", addresses=HERE)
    found = find_trust(school.engine, school.id)
    assert found is not None
    assert open_own_trust(found, school.config) == said
    assert said is not None
    assert (said.version, said.school_id, said.made_at_ns) == (1, school.id, school.now_ns)
    assert (said.events_address, said.enrol_address) == (HERE.grpc, HERE.enrol)
    entry = list_entries(school.engine, school.id)[0]
    assert (entry.actor, entry.action, entry.subject) == ("command line", "trust.announced", "trust/1")
    assert entry.detail == "1 CAs, devices come to 10.0.0.7:7444 and 10.0.0.7:7443"


def test_versions_go_up_when_something_changes_only(school: School) -> None:
    """A device that has the newest is told nothing."""
    say(school, b"ca", addresses=HERE)
    school.pass_time(1)
    assert say(school, b"ca", addresses=HERE) == say(school, b"ca")
    assert find_trust(school.engine, school.id, newer_than=1) is None
    say(school, b"new", b"ca")
    say(school, b"new", b"ca", addresses=THERE)
    made = list_trusts(school.engine, school.config)
    assert [(each.version, each.ca_certificates, each.events_address) for each in made] == [
        (1, (b"ca",), HERE.grpc),
        (2, (b"new", b"ca"), HERE.grpc),
        (3, (b"new", b"ca"), THERE.grpc),
    ]
    newest = find_trust(school.engine, school.id, newer_than=1)
    assert newest is not None
    assert open_own_trust(newest, school.config).version == 3


def test_nothing_is_said_before_anybody_knows_where_devices_come(school: School) -> None:
    """A statement without addresses would be of no use to a device."""
    assert say(school, b"ca") is None
    assert find_trust(school.engine, school.id) is None
    assert (list_trusts(school.engine, school.config), school.count(trusts)) == ([], 0)


@pytest.mark.parametrize("field", ["grpc", "enrol"])
@pytest.mark.parametrize("address", ["collector", "collector;7443", "0.0.0.0:7443", ""])
def test_place_that_is_none_is_told_to_nobody(school: School, field: str, address: str) -> None:
    """The devices would all leave for it; whoever typed it is told, and what they were told before holds."""
    before = say(school, b"ca", addresses=HERE)
    with pytest.raises(UsageError, match="no address that devices can reach") as caught:
        say(school, b"ca", addresses=replace(HERE, **{field: address}))
    assert "HOST:PORT" in caught.value.hint
    assert list_trusts(school.engine, school.config) == [before]


def test_statement_that_somebody_wrote_into_the_database_is_none(school: School) -> None:
    """It reaches no device, and no other is built on it."""
    say(school, b"ca", addresses=HERE)
    with writing(school.engine) as connection:
        connection.execute(update(trusts).values(body=b"mine"))
    found = find_trust(school.engine, school.id)
    assert found is not None
    with pytest.raises(SignatureError):
        open_own_trust(found, school.config)
    with pytest.raises(SignatureError):
        say(school, b"new")
    with pytest.raises(SignatureError):
        list_trusts(school.engine, school.config)
    assert school.count(trusts) == 1


def test_collector_that_starts_tells_its_ports_and_cas(school: School) -> None:
    """Under the host that devices were told, whatever this machine is served at; and only if something changed."""
    served = Addresses(grpc="0.0.0.0:8443", enrol="[::]:8444")

    def start(*ca_certificates: bytes) -> Trust | None:
        return announce_served(
            school.engine, school.config, ca_certificates=ca_certificates, served=served, now_ns=school.now_ns
        )

    assert start(b"ca") is None
    say(school, b"ca", addresses=THERE)
    told = start(b"new", b"ca")
    assert told is not None
    assert (told.version, told.ca_certificates) == (2, (b"new", b"ca"))
    assert (told.events_address, told.enrol_address) == ("collector.our.school:8443", "collector.our.school:8444")
    assert start(b"new", b"ca") == told
    assert list_entries(school.engine, school.id)[0].actor == "schoolwarden"
