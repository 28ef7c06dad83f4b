# SPDX-License-Identifier: Apache-2.0
"""The allow list: ordinary software that devices had or got at once, decided in one go."""

import hashlib

from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector.console.guard import Route
from collector.console.visit import Visit
from collector.proposals import ProposedProgram, decide_proposal, find_proposal, list_proposals
from collector.roles import Permission


def show_proposals(visit: Visit) -> Response:
    """Show the proposals, those that wait first."""
    found = list_proposals(visit.engine, visit.school_id)
    return visit.page(
        "proposals.html",
        waiting=[each for each in found if each.state == "proposed"],
        decided=[each for each in found if each.state == "decided"],
    )


def show_proposal(visit: Visit) -> Response:
    """Show one proposal with its programs, all ticked while it waits."""
    found = find_proposal(visit.engine, visit.school_id, visit.param("proposal_id"))
    if found is None:
        raise HTTPException(404)
    proposal, programs = found
    return visit.page("proposal.html", proposal=proposal, programs=[(_digest(each), each) for each in programs])


def decide(visit: Visit) -> Response:
    """Put the ticked programs on the allow list, or none, and send the policy to the devices."""
    proposal_id = visit.param("proposal_id")
    found = find_proposal(visit.engine, visit.school_id, proposal_id)
    if found is None:
        raise HTTPException(404)
    ticked = set(visit.form.getlist("program")) if visit.field("decision") == "ticked" else set()
    names = [each.name for each in found[1] if _digest(each) in ticked]
    actor = visit.user.user
    decide_proposal(visit.engine, visit.school_id, proposal_id, approve=names, actor=actor, now_ns=visit.now_ns)
    # Also when the list did not grow: a decision whose policy could not be published is mended by deciding again.
    visit.console.publish(actor, f"proposal {proposal_id} decided")
    return visit.redirect("/proposals", done="approved")


def _digest(program: ProposedProgram) -> str:
    # A name may hold what does not come back from a form as it went out, line ends for one.
    return hashlib.sha256(program.name.encode()).hexdigest()[:32]


ROUTES = (
    Route(method="GET", path="/proposals", page=show_proposals, needs=Permission.DECIDE_PROPOSALS),
    Route(method="GET", path="/proposals/{proposal_id}", page=show_proposal, needs=Permission.DECIDE_PROPOSALS),
    Route(method="POST", path="/proposals/{proposal_id}", page=decide, needs=Permission.DECIDE_PROPOSALS),
)
