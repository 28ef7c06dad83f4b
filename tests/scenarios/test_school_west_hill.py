# SPDX-License-Identifier: Apache-2.0
"""West Hill Primary School: the school's own VPN is let alone, a safeguard is paused by two people, and an old computer
leaves with a receipt.

The policy speaks in detail of the network: remote access by approved routes only, every change of the rules logged,
hardware and software in an inventory, a receipt for whatever is given away. This is one term:

1. A VPN client is found on a computer. It is the school's own, so the technician puts it on the allow list, with one
   click on the incident. From then on no part of that VPN is an incident on any device.
2. Another remote-control tool is, at once: approving one approves no other.
3. What is on the computer, programs and hardware, stands in the inventory without anybody typing it.
4. New software is rolled out, so the technician asks to pause one rule for two hours. That needs a second person: he
   cannot agree himself, the headteacher does, and both names stay in the log of changes, which a governor reads.
5. The computer is given away. Its record says who has it now and how its disk was wiped, and from then on it may not
   speak.
"""

from collections.abc import Iterator

import pytest

from collector.inventory import list_installed
from collector.roles import Role
from tests.collector.console.visitor import Visitor
from tests.path import RunningAgent, RunningCollector, wait_for
from tests.scenarios.conftest import Start
from tests.scenarios.office import Office, open_school

DISPOSED = {"method": "recycled", "receiver": "An authorised agency", "receipt": "AA-118", "wiped": "yes"}


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """The school's collector, with its policy in force from the first day."""
    with open_school(tmp_path_factory, "West Hill Primary School", "west-hill") as collector:
        yield collector


def test_a_term_at_west_hill(collector: RunningCollector, agent: RunningAgent, start: Start) -> None:
    """Approved routes, inventories, a pause with two names, and a receipt."""
    office = Office(collector)
    technician = office.visit(Role.TECHNICIAN)
    # 1
    start("openconnect")
    (vpn,) = wait_for(lambda: collector.incidents("bypass-vpn-client"), "the incident", collector, agent)
    assert "WH-17" in vpn.clauses
    technician.get(f"/incidents/{vpn.id}")
    assert technician.post(f"/incidents/{vpn.id}/allow").status == 303
    office.wait_until_applied(agent)
    start("vpnagentd")
    # 2
    start("anydesk")
    wait_for(lambda: collector.incidents("remote-control"), "the other incident", collector, agent)
    assert [each.count for each in collector.incidents("bypass-vpn-client")] == [1]
    # 3
    collector.wait_for_kind("software.listed", agent)
    (listed,) = collector.run("inventory", "hardware", "--format", "json").json
    assert listed["device"] == agent.device_id
    (first, *_) = list_installed(collector.engine, collector.config.school_id, agent.device_id)
    assert first.name in technician.get(f"/devices/{agent.device_id}/software").words
    # 4
    two_people_pause(collector, office, technician)
    # 5
    page = f"/devices/{agent.device_id}"
    technician.get(f"{page}/retire")
    assert technician.post(f"{page}/retire", DISPOSED | {"wiped_how": "overwritten three times"}).status == 303
    assert "AA-118" in technician.get(f"{page}/receipt").words
    wait_for(lambda: not agent.status()["connected"], "the device to be sent away", collector, agent)
    collector.verify()


def two_people_pause(collector: RunningCollector, office: Office, technician: Visitor) -> None:
    """Let the technician ask for a pause and the headteacher agree, and read it as a governor."""
    technician.get("/policy/pause")
    wish = {"what": "rule:executable-downloaded", "length": "2 hours", "reason": "The phonics programs are rolled out"}
    asked = technician.post("/policy/pause", wish)
    assert asked.status == 303, asked.words
    change = asked.location.partition("?")[0]
    technician.get(change)
    assert technician.post(f"{change}/agree").status == 403
    head = office.visit(Role.HEADTEACHER)
    head.get(change)
    assert head.post(f"{change}/agree", {"note": "until lunch"}).status == 303
    words = office.visit(Role.GOVERNOR).get("/policy").words
    assert "The phonics programs are rolled out" in words
    assert "technician" in words
    assert "headteacher" in words
