# SPDX-License-Identifier: Apache-2.0
"""Harmonize Academy: what is forbidden stays forbidden, and who has a good reason gets an exception with an end.

The policy knows three classes: acceptable, misconduct and gross misconduct. This is one week of the sixth form:

1. Tor is started on a computer. It is gross misconduct: the incident says so with the clause, names what follows for
   staff and for pupils, and what was decided is written down beside the signed evidence.
2. A class wants to look at network traffic. The teacher's request says why, on which computer and until when. The ICT
   manager decides it (nobody decides his own), and the device learns of it within seconds.
3. The one program that was asked for is started and is no incident. Another of its kind, beside it, is one.
4. The exception ends by itself, and the register shows who asked, who decided and when somebody looks at it again.
5. A trustee reads which clause is carried out by what, and that the audit form of appendix 3 is not made yet.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from collector.roles import Role
from tests.path import RunningAgent, RunningCollector, wait_for
from tests.scenarios.conftest import Start
from tests.scenarios.office import Office, open_school

REASON = "Year 12 looks at packets in computing"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """The academy's collector, with its policy in force from the first day."""
    with open_school(tmp_path_factory, "Harmonize Academy", "harmonize") as collector:
        yield collector


def test_a_week_at_harmonize(collector: RunningCollector, agent: RunningAgent, start: Start) -> None:
    """Gross misconduct with its outcome, and a lesson that was excepted."""
    office = Office(collector)
    technician, manager = office.visit(Role.TECHNICIAN), office.visit(Role.ICT_MANAGER)
    # 1
    start("tor")
    (tor,) = wait_for(lambda: collector.incidents("bypass-tor"), "the incident", collector, agent)
    words = technician.get(f"/incidents/{tor.id}").words
    assert "Forbidden: gross misconduct" in words
    assert (tor.severity, "HZ-01" in tor.clauses) == (5, True)
    outcome = {"deed": "staff/headteacher", "outcome": "A formal warning on Monday"}
    assert technician.post(f"/incidents/{tor.id}/respond", outcome).status == 303
    assert "A formal warning on Monday" in collector.run("incident-log", "--format", "csv").out
    # 2
    until = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    asked = collector.run(
        *("exceptions", "ask", "--rule", "network-inspection", "--program", "Wireshark"),
        *("--device", agent.device_id, "--until", until, "--reason", REASON),
    )
    assert asked.code == 0, asked.err
    page = f"/exceptions/{asked.out.strip()}"
    assert REASON in manager.get(page).words
    assert manager.post(f"{page}/grant", {"note": "on this computer only"}).status == 303
    office.wait_until_applied(agent)
    # 3
    start("wireshark")
    start("tcpdump")
    (other,) = wait_for(lambda: collector.incidents("network-inspection"), "the incident", collector, agent)
    agent.wait_until_sent()
    assert "tcpdump" in other.summary
    assert [each.count for each in collector.incidents("network-inspection")] == [1]
    # 4
    (kept,) = collector.run("exceptions", "list", "--format", "json").json
    assert (kept["asked_by"], kept["decided_by"], kept["reason"]) == ("command line", "ict_manager", REASON)
    # 5
    words = office.visit(Role.GOVERNOR).get("/coverage").words
    assert "The e-safety audit (appendix 3) is filled in." in words
    rows = {row["clause"]: row["extent"] for row in collector.run("coverage", "--format", "json").json}
    assert (rows["HZ-01"], rows["HZ-12"], rows["HZ-19"]) == ("detects", "not yet", "paper")
    collector.verify()
