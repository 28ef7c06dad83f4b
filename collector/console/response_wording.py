# SPDX-License-Identifier: Apache-2.0
"""The console's words for what is done about incidents, and for whether parents are told."""

from collector.console.wording import SEVERITIES
from collector.parents import Ground, ParentState
from collector.responses import About, Offered

SIDES = {
    About.PUPIL: "If it was a pupil",
    About.STAFF: "If it was a member of staff",
    About.UNKNOWN: "Whoever it was",
}

ABOUT = {About.PUPIL.value: "pupil", About.STAFF.value: "staff", About.UNKNOWN.value: ""}

PARENTS = {
    ParentState.ASKED: "The DSL was asked and has not answered yet.",
    ParentState.AGREED: "The DSL agreed. Record it here when they were told.",
    ParentState.VETOED: "Decided by the DSL: not to be told.",
}
"""What those who see an incident read of it. The ground of a veto is not theirs to know."""

GROUNDS = {
    Ground.HARM: "Telling them could put a child at risk of harm",
    Ground.AGENCY: "The police or children’s social care asked to wait",
    Ground.CONTACT: "There is nobody who could safely be told",
    Ground.ELSEWHERE: "They are told in another way, by the safeguarding lead",
    Ground.RECORD: "Another ground, which stands in the school’s safeguarding record",
}
"""In the order in which they are offered, to those who decide it alone."""

_ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}


def tell_when(offered: Offered) -> str:
    """Return from when on the policy's pack offers something; empty where it does at once."""
    parts = []
    if offered.from_severity > 1:
        highest = max(SEVERITIES)
        name = SEVERITIES[min(offered.from_severity, highest)]
        parts.append(f"when the severity is “{name}”" + ("" if offered.from_severity >= highest else " or higher"))
    if offered.from_time > 1:
        parts.append(f"from the {_ORDINALS.get(offered.from_time, f'{offered.from_time}th')} time on")
    return ", or ".join(parts)
