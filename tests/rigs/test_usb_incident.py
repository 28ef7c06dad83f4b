# SPDX-License-Identifier: Apache-2.0
"""From a stick to an incident: a real agent in the guest, a real collector on this machine, the school's own policy."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.path import RunningCollector, wait_for
from tests.rigs.machine import HOST, PYTHON, Machine
from tests.rigs.sticks import PASSPHRASE

pytestmark = [pytest.mark.rig, pytest.mark.timeout(300)]

STATE = "/var/lib/rig-agent"
WRITE = "head -c 1M /dev/urandom > /mnt/essay && sync"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """A collector on this machine's loopback, which the guest reaches by another name."""
    with RunningCollector(tmp_path_factory.mktemp("school") / "collector") as collector:
        collector.init()
        collector.start()
        yield collector


@pytest.fixture
def agent(machine: Machine, collector: RunningCollector) -> Iterator[str]:
    """An agent that runs in the guest; the id of its device."""
    token = collector.run("token", "--uses", "1", "--valid-for", "1h", "--address", HOST)
    assert token.code == 0, token
    machine.check(f"{PYTHON} -m agent enrol --token - --state {STATE}", given=token.out)
    program = machine.launch(f"{PYTHON} -m agent run --state {STATE}")
    machine.wait_for(lambda: any("watching" in line for line in program.lines), "the agent to run")
    yield machine.check(
        f"""{PYTHON} -c 'import json; print(json.load(open("{STATE}/identity/identity.json"))["device_id"])'"""
    )
    machine.stop(program)


def test_what_is_written_to_a_plain_stick_is_an_incident(
    machine: Machine, collector: RunningCollector, agent: str, stick: Callable[[str], Path]
) -> None:
    """A megabyte to an encrypted stick is nobody's business, the same to a plain one an incident at the collector."""
    machine.plug("encrypted", stick("luks2"))
    machine.wait_for(lambda: machine.run("test -b /dev/sda").code == 0, "the disk")
    machine.check("cryptsetup open /dev/sda vault", given=PASSPHRASE)
    machine.check(f"mke2fs -q -t ext4 /dev/mapper/vault && mount /dev/mapper/vault /mnt && {WRITE}")
    machine.check("umount /mnt && cryptsetup close vault")
    machine.plug("plain", stick("fat"))
    machine.wait_for(lambda: machine.run("test -b /dev/sdb").code == 0, "the disk")
    machine.check(f"mount /dev/sdb /mnt && {WRITE}")

    (incident,) = wait_for(
        lambda: collector.incidents("usb-unprotected-written", device_id=agent),
        f"the incident\n{machine.run(f'cat {STATE}/status.json; lsblk -f').output}",
        collector,
    )
    assert incident.count == 1
    # Events come in the order in which they happened, so what the encrypted stick gave rise to would be here too.
    others = {found.rule for found in collector.incidents(device_id=agent) if found.rule.startswith("usb-")}
    assert "usb-unprotected-written" in others
    assert others <= {"usb-unprotected-written", "usb-unprotected-attached"}
