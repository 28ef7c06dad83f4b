# SPDX-License-Identifier: Apache-2.0
"""Tests of keeping what devices say is installed."""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from collector import installed
from collector.ingest import Ingest
from collector.installed import note_installed, note_listed, note_removed
from collector.inventory import What, find_state, list_changes, list_installed
from collector.store.engine import reading, writing
from collector.store.schema import software, software_lists
from proto.events import AgentStarted, ChainRestarted, Program, ProgramInstalled, ProgramRemoved
from tests.collector.evidence import Device, incidents_of, numbers_of, send
from tests.collector.machines import GIMP, NEWER_VIM, VIM, ZORK, list_of, names_of
from tests.collector.school import MINUTE_NS, SECOND_NS, School

HOUR_NS = 60 * MINUTE_NS
STARTED = AgentStarted("0.1.0", "library-01", "Debian GNU/Linux", "12", "x86_64")


def names_on(school: School, device: Device) -> list[tuple[str, str]]:
    """Return what is known to be installed on a device."""
    return names_of(list_installed(school.engine, school.id, device.id))


def say(school: School, ingest: Ingest, device: Device, *contents) -> None:
    """Let a device say something a minute later."""
    school.pass_time(MINUTE_NS)
    device.wall_clock_ns += MINUTE_NS
    numbers_of(send(ingest, device.say(*contents)))


def test_list_is_kept_and_single_programs_change_it(school: School, ingest: Ingest, device: Device) -> None:
    """A list, then one program more, one newer, one gone: the inventory follows, and no incident comes of it."""
    say(school, ingest, device, list_of(VIM, GIMP))
    say(school, ingest, device, ProgramInstalled(ZORK), ProgramInstalled(NEWER_VIM), ProgramRemoved(GIMP))
    assert names_on(school, device) == [("vim", "9.1"), ("zork", "1.0")]
    state = find_state(school.engine, school.id, device.id)
    assert state is not None
    assert (state.programs, state.left_out) == (2, 0)
    assert state.listed_at_ns == school.now_ns - MINUTE_NS
    assert state.changed_at_ns == school.now_ns
    assert incidents_of(school) == []


def test_first_list_comes_in_parts(school: School, ingest: Ingest, device: Device) -> None:
    """A long list is several events: the second does not take the place of the first."""
    numbers_of(send(ingest, device.say(list_of(VIM), list_of(GIMP, ZORK))))
    assert names_on(school, device) == [("vim", "9.0"), ("org.gimp.GIMP", "2.10"), ("zork", "1.0")]


def test_first_list_of_a_device_that_forgot_replaces_what_is_known(
    school: School, ingest: Ingest, device: Device
) -> None:
    """What is not in it is gone; what is in its second part was never gone."""
    say(school, ingest, device, list_of(VIM, GIMP, ZORK))
    device.wall_clock_ns += HOUR_NS
    device.start_epoch()
    say(school, ingest, device, ChainRestarted("the queue was gone", 1), list_of(NEWER_VIM))
    assert names_on(school, device) == [("vim", "9.1")]
    say(school, ingest, device, list_of(GIMP))
    assert names_on(school, device) == [("vim", "9.1"), ("org.gimp.GIMP", "2.10")]
    with reading(school.engine) as connection:
        assert len(connection.execute(select(software).where(software.c.name == GIMP.name)).all()) == 1


def test_clock_that_steps_empties_no_list(school: School, ingest: Ingest, device: Device) -> None:
    """The second part of a first list goes on with it, though the device's clock was set and hours went by."""
    say(school, ingest, device, list_of(VIM))
    device.wall_clock_ns += 24 * HOUR_NS
    school.pass_time(HOUR_NS)
    say(school, ingest, device, list_of(GIMP))
    assert names_on(school, device) == [("vim", "9.0"), ("org.gimp.GIMP", "2.10")]


@pytest.mark.parametrize("begin", ["chain", "agent"])
def test_second_list_soon_after_the_first_replaces_it(
    school: School, ingest: Ingest, device: Device, begin: str
) -> None:
    """An agent that lost its chain or its memory lists anew within a minute: what is not in it is gone."""
    say(school, ingest, device, list_of(VIM, GIMP))
    if begin == "chain":
        device.start_epoch()
    say(school, ingest, device, ChainRestarted("the queue was gone", 1) if begin == "chain" else STARTED)
    say(school, ingest, device, list_of(VIM))
    assert names_on(school, device) == [("vim", "9.0")]


def test_several_programs_at_once_are_added(school: School, ingest: Ingest, device: Device) -> None:
    """A list that is not the first takes nothing away, and without a first one it is no whole list."""
    say(school, ingest, device, list_of(VIM, first=False))
    assert names_on(school, device) == [("vim", "9.0")]
    state = find_state(school.engine, school.id, device.id)
    assert state is not None
    assert state.listed_at_ns is None
    say(school, ingest, device, list_of(GIMP))
    say(school, ingest, device, list_of(ZORK, first=False))
    assert names_on(school, device) == [("org.gimp.GIMP", "2.10"), ("zork", "1.0")]


def test_no_device_fills_the_table(
    school: School, ingest: Ingest, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too much is counted and not kept, whether it is installed or gone; an update still goes in."""
    monkeypatch.setattr(installed, "MAX_PROGRAMS_A_DEVICE", 5)
    monkeypatch.setattr(installed, "MAX_GONE_A_DEVICE", 3)
    monkeypatch.setattr(installed, "GONE_MARGIN", 2)
    many = [Program(f"package-{number}", source="dpkg", version="1") for number in range(9)]
    say(school, ingest, device, list_of(*many))
    say(school, ingest, device, ProgramInstalled(Program("package-2", source="dpkg", version="2")))
    state = find_state(school.engine, school.id, device.id)
    assert state is not None
    assert (state.programs, state.left_out) == (5, 4)
    assert ("package-2", "2") in names_on(school, device)
    for number in range(20):
        say(school, ingest, device, ProgramInstalled(Program("package-2", source="dpkg", version=f"3.{number}")))
    assert 5 + 3 <= school.count(software) <= 5 + 3 + 2


@pytest.mark.parametrize(
    "name", ["", "\x00", "\ud7ff\U0010ffff" * 300, "x" * 5_000, "'; drop table software; --", "％"]
)
def test_hostile_names_are_kept_cut(school: School, ingest: Ingest, device: Device, name: str) -> None:
    """Whatever a program is called, ingest takes it, and it can be removed again."""
    strange = Program(name, source=name[:200], version=name)
    numbers_of(send(ingest, device.say(list_of(strange, VIM), ProgramInstalled(strange))))
    assert len(names_on(school, device)) == 2
    assert all(len(each.name) <= 200 for each in list_installed(school.engine, school.id, device.id))
    say(school, ingest, device, ProgramRemoved(strange))
    assert names_on(school, device) == [("vim", "9.0")]


def test_paths_are_not_kept(school: School, ingest: Ingest, device: Device) -> None:
    """A path can hold the name of a person: no column has one."""
    say(school, ingest, device, list_of(Program("game", path="/home/anna.smith/game", source="file")))
    with reading(school.engine) as connection:
        row = connection.execute(select(software)).one()
    assert "anna" not in repr(row)


def versions_of(programs: Iterable[Program]) -> dict[tuple[str, str], str]:
    """Return programs as they should be kept: the versions of one that is listed in several stand together."""
    versions: dict[tuple[str, str], set[str]] = {}
    for each in programs:
        versions.setdefault((each.source, each.name), set()).add(each.version)
    return {key: ", ".join(sorted(found)) for key, found in versions.items()}


def test_several_versions_at_once_are_one_row(school: School, ingest: Ingest, device: Device) -> None:
    """Kernels stand side by side: all are named, in their order, and the same list again changes nothing."""
    kernels = [Program("kernel", source="rpm", version=version) for version in ("6.10-2", "6.9-1", "6.11-1", "6.9-1")]
    say(school, ingest, device, list_of(VIM, *kernels))
    assert names_on(school, device) == [("vim", "9.0"), ("kernel", "6.9-1, 6.10-2, 6.11-1")]
    say(school, ingest, device, STARTED, list_of(VIM, *reversed(kernels)))
    assert school.count(software) == 2
    many = [Program("kernel", source="rpm", version=f"6.{number}") for number in range(500)]
    say(school, ingest, device, STARTED, list_of(*many))
    ((_, version),) = names_on(school, device)
    assert (version[:14], len(version)) == ("6.0, 6.1, 6.2,", 200)


def test_case_of_a_name_makes_no_other_program(school: School, ingest: Ingest, device: Device) -> None:
    """Agents tell programs apart without it: what was told as Zork can be updated and removed as zork."""
    since_ns = school.now_ns + SECOND_NS
    say(school, ingest, device, list_of(Program("Zörk", source="pip", version="1.0")))
    say(school, ingest, device, ProgramInstalled(Program("ZÖRK", source="pip", version="2.0")))
    assert names_on(school, device) == [("ZÖRK", "2.0")]
    assert [each.what for each in list_changes(school.engine, school.id, since_ns=since_ns)] == [What.UPDATED]
    say(school, ingest, device, ProgramRemoved(Program("zörk", source="pip", version="2.0")))
    assert names_on(school, device) == []


names = st.sampled_from(["a", "b", "c", "d"])
programs = st.builds(Program, names, source=st.sampled_from(["dpkg", "pip"]), version=st.sampled_from(["1", "2"]))
steps = st.one_of(
    st.tuples(st.just("first"), st.lists(programs, max_size=6)),
    st.tuples(st.just("more"), st.lists(programs, max_size=4)),
    st.tuples(st.just("installed"), st.lists(programs, min_size=1, max_size=1)),
    st.tuples(st.just("removed"), st.lists(programs, min_size=1, max_size=1)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, max_size=8))
def test_any_order_leaves_what_the_device_has(school: School, device: Device, told: list) -> None:
    """Against a plain dictionary: one version for each source and name, whatever is said in which order."""
    expected: dict[tuple[str, str], str] = {}
    with writing(school.engine) as connection:
        connection.execute(delete(software))
        connection.execute(delete(software_lists))
        for place, (what, some) in enumerate(told):
            now_ns, keyed = school.now_ns + place * SECOND_NS, versions_of(some)
            if what == "first":
                expected = keyed
                note_listed(connection, school.id, device.id, list_of(*some), epoch=place, now_ns=now_ns)
            elif what == "more":
                expected |= keyed
                note_listed(connection, school.id, device.id, list_of(*some, first=False), epoch=place, now_ns=now_ns)
            elif what == "installed":
                expected |= keyed
                note_installed(connection, school.id, device.id, some[0], now_ns)
            else:
                expected = {key: version for key, version in expected.items() if key not in keyed}
                note_removed(connection, device.id, some[0], now_ns)
    found = {(each.source, each.name): each.version for each in list_installed(school.engine, school.id, device.id)}
    assert found == expected
