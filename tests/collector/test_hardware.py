# SPDX-License-Identifier: Apache-2.0
"""Tests of what devices are made of."""

from dataclasses import replace

import pytest

from collector.hardware import MAX_DISKS, MAX_KEPT_A_DEVICE, list_hardware, list_versions
from collector.ingest import Ingest
from proto.events import Disk, HardwareListed
from tests.collector.evidence import Device, numbers_of, send
from tests.collector.machines import LAPTOP
from tests.collector.school import MINUTE_NS, School


def test_newest_counts_and_the_change_is_remembered(school: School, ingest: Ingest, device: Device) -> None:
    """The same again is noted; another disk is a new row, and the one before stays with when it was last true."""
    began_ns = school.now_ns
    numbers_of(send(ingest, device.say(LAPTOP)))
    school.pass_time(MINUTE_NS)
    numbers_of(send(ingest, device.say(LAPTOP)))
    (only,) = list_versions(school.engine, school.id, device.id)
    assert (only.since_ns, only.confirmed_at_ns) == (began_ns, school.now_ns)
    school.pass_time(MINUTE_NS)
    numbers_of(send(ingest, device.say(replace(LAPTOP, disks=(Disk("WD Blue"),)))))
    now, before = list_versions(school.engine, school.id, device.id)
    assert (now.disks[0].model, before.disks[0].model) == ("WD Blue", "SAMSUNG MZVLB256")
    (newest,) = list_hardware(school.engine, school.id)
    assert newest == now
    assert (newest.hostname, newest.memory_bytes) == ("library-01", 16_500_000_000)


def test_history_is_short(school: School, ingest: Ingest, device: Device) -> None:
    """A device that says something else every minute fills no disk."""
    for number in range(MAX_KEPT_A_DEVICE + 5):
        numbers_of(send(ingest, device.say(replace(LAPTOP, cores=number))))
    versions = list_versions(school.engine, school.id, device.id)
    assert [each.cores for each in versions] == list(range(MAX_KEPT_A_DEVICE + 4, 4, -1))


@pytest.mark.parametrize(
    "hostile",
    [
        HardwareListed("", ""),
        HardwareListed("\x00" * 999, "x" * 10_000, cores=2**31 - 1, memory_bytes=2**64 - 1),
        replace(LAPTOP, disks=tuple(Disk("\x00d", size_bytes=2**64 - 1) for _ in range(500))),
    ],
)
def test_hostile_hardware_is_kept_cut(school: School, ingest: Ingest, device: Device, hostile: HardwareListed) -> None:
    """Whatever a device claims, ingest takes it."""
    numbers_of(send(ingest, device.say(hostile)))
    (found,) = list_hardware(school.engine, school.id)
    assert len(found.product) <= 200
    assert len(found.disks) <= MAX_DISKS
