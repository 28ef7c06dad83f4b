# SPDX-License-Identifier: Apache-2.0
"""Winchelsea School: a way around the filter is challenged, of staff a matter of discipline, and a crime is left alone.

The school's policy is that of its borough. It says most about adults: who breaks through the filter answers to the line
manager, what is illegal goes to the police and the LADO, and nobody looks into it before them. This is one afternoon:

1. Somebody starts a proxy program on a laptop. Within seconds the technician has an incident that cites the policy and
   says to challenge it, in a way that fits the age of whoever it was.
2. Nobody knows yet who sat there. It may have been staff, so the line manager has an incident of his own. The
   technician cannot see that one. The line manager speaks to the teacher and writes down what came of it.
3. A tool that steals passwords is started. The policy calls it illegal: the page says to stop, not to copy, and whom to
   call, and the incident cannot be closed before it is recorded what was decided about the police.
4. A governor reads, without a single incident, which clause of the policy is carried out by what, and what is not.
"""

import re
from collections.abc import Iterator

import pytest

from collector.roles import Role
from tests.path import RunningAgent, RunningCollector, wait_for
from tests.scenarios.conftest import Start
from tests.scenarios.office import Office, open_school


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """The school's collector, with its policy in force from the first day."""
    with open_school(tmp_path_factory, "Winchelsea School", "winchelsea") as collector:
        yield collector


def test_an_afternoon_at_winchelsea(collector: RunningCollector, agent: RunningAgent, start: Start) -> None:
    """A proxy before nobody knows whom, a tool of crime, and what a governor can read."""
    office = Office(collector)
    technician, manager, governor = (office.visit(role) for role in (Role.TECHNICIAN, Role.LINE_MANAGER, Role.GOVERNOR))
    # 1
    start("psiphon3")
    (proxy,) = wait_for(lambda: collector.incidents("bypass-proxy"), "the incident", collector, agent)
    words = technician.get(f"/incidents/{proxy.id}").words
    assert "Challenge it, in a way that fits the pupil’s age" in words.replace("'", "’")
    assert {"WI-05", "WI-11"} <= set(proxy.clauses)
    # 2
    assert "A way around the filter was started where staff may have a session" in manager.get("/incidents").words
    assert "where staff may have a session" not in technician.get("/incidents").words
    (conduct,) = set(re.findall(r"/incidents/([0-9a-f]{16})", manager.get("/incidents").text))
    assert technician.get(f"/incidents/{conduct}").status == 404
    manager.get(f"/incidents/{conduct}")
    spoken = {"deed": "staff/line_manager", "outcome": "It was left on from a course. It is removed."}
    assert manager.post(f"/incidents/{conduct}/respond", spoken).status == 303
    assert "It was left on from a course." in manager.get(f"/incidents/{conduct}").words
    # 3
    start("mimikatz")
    (crime,) = wait_for(lambda: collector.incidents("cracking-credentials"), "the incident", collector, agent)
    page = f"/incidents/{crime.id}"
    assert "This may be a crime: stop here" in technician.get(page).words
    assert technician.post(f"{page}/resolve", {"note": "deleted it"}).status == 400
    told = {"deed": "staff/police", "outcome": "Reported by the headteacher; they take the laptop."}
    assert technician.post(f"{page}/respond", told).status == 303
    assert technician.post(f"{page}/resolve", {"note": "with the police"}).status == 303
    # 4
    assert "Breaches of safety mechanisms by young people" in governor.get("/coverage").words
    assert governor.get("/incidents").status == 403
    rows = {row["clause"]: row for row in collector.run("coverage", "--format", "json").json}
    assert (len(rows), rows["WI-05"]["extent"], rows["WI-01"]["extent"]) == (12, "detects", "not yet")
    collector.verify()
