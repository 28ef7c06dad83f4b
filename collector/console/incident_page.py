# SPDX-License-Identifier: Apache-2.0
"""The page of one incident: what was found and why it matters, what the policy names for it, and what was done.

The forms on it are those of `pages.incidents` and `pages.responses`; each shows it again when something was not right.
"""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector.console.facts import lay_out
from collector.console.response_list import Panel, find_row, lay_out_responses
from collector.console.response_wording import ABOUT, PARENTS
from collector.console.visit import Visit
from collector.console.wording import OWN_RULES
from collector.errors import UsageError
from collector.incidents import Incident, find_incident, list_history
from collector.ledger import StoredEvent, find_event
from collector.parents import find_decision
from collector.policies import load_policy
from collector.responses import list_responses
from collector.roles import Permission
from collector.sightings import to_slug
from proto.events import Audience
from rules.errors import RulesError
from rules.model import Policy, Rule


def show_incident(visit: Visit, error: UsageError | None = None, *, error_field: str = "note") -> Response:
    """Show one incident with the facts behind it, or with what was wrong in the form that was sent."""
    incident = find_incident_of(visit)
    events = _find_events(visit, incident)
    policy, policy_missing = _find_policy(visit)
    rule, rule_missing = _find_rule(policy, incident, policy_missing)
    why, advice = (rule.why, rule.advice) if rule is not None else OWN_RULES.get(incident.rule, (rule_missing, ""))
    return visit.page(
        "incident.html",
        error=error,
        error_field=error_field,
        incident=incident,
        events=[(title, event, lay_out(event.body or {})) for title, event in events],
        why=why,
        advice=advice,
        allowable=_find_allowable(incident, rule, events),
        history=list_history(visit.engine, visit.school_id, incident.id),
        panel=_find_panel(visit, incident, policy, rule),
        may_ask_exception=_may_ask_exception(visit, incident, rule),
        about_words=ABOUT,
        parents_words=PARENTS,
        outcome=visit.field("outcome"),
        deed=visit.field("deed"),
        note=visit.field("note"),
        can_undo=visit.request.query_params.get("done") in ("acknowledged", "resolved"),
    )


def find_incident_of(visit: Visit) -> Incident:
    """Return the incident that the address names.

    Raises:
        HTTPException: there is none that this user may see.
    """
    incident = find_incident(visit.engine, visit.school_id, visit.param("incident_id"), audiences=visit.audiences)
    if incident is None:
        raise HTTPException(404)
    return incident


def find_allowable_of(visit: Visit, incident: Incident) -> str:
    """Return the name of the program that the school may put on its allow list here; empty for a forbidden one."""
    rule, _ = _find_rule(_find_policy(visit)[0], incident, "")
    return _find_allowable(incident, rule, _find_events(visit, incident))


def _may_ask_exception(visit: Visit, incident: Incident, rule: Rule | None) -> bool:
    """Return whether the page leads to the form for an exception: from a rule of security, and never from a crime."""
    is_security = incident.audience == Audience.SECURITY.name.lower()
    return rule is not None and is_security and not incident.is_illegal and visit.may(Permission.ASK_EXCEPTIONS)


def _find_allowable(incident: Incident, rule: Rule | None, events: list[tuple[str, StoredEvent]]) -> str:
    # What the policy calls illegal is no matter of a list.
    if rule is None or not rule.unless_approved or incident.is_illegal:
        return ""
    for pattern in rule.programs:
        if incident.group == f"program/{to_slug(pattern.name)}":
            return pattern.name
    body = events[0][1].body if events else None
    return str((body or {}).get("program", {}).get("name", "")) if not rule.programs else ""


def _find_events(visit: Visit, incident: Incident) -> list[tuple[str, StoredEvent]]:
    wanted = {"The newest event": incident.last_event_id}
    if incident.first_event_id != incident.last_event_id:
        wanted["The first event"] = incident.first_event_id
    events = [(title, find_event(visit.engine, visit.school_id, number)) for title, number in wanted.items()]
    return [(title, event) for title, event in events if event is not None]


def _find_policy(visit: Visit) -> tuple[Policy | None, str]:
    try:
        return load_policy(visit.engine, visit.console.config), ""
    except RulesError as error:
        return None, f"The policy in force does not verify: {error.message}. Tell whoever looks after the collector."


def _find_panel(visit: Visit, incident: Incident, policy: Policy | None, rule: Rule | None) -> Panel:
    chosen = visit.field("row") or visit.asked("row")
    return lay_out_responses(
        incident,
        find_row(policy, incident, rule, chosen=chosen) if policy else None,
        policy.responses if policy else (),
        done=list_responses(visit.engine, visit.school_id, incident.id),
        parents=find_decision(visit.engine, visit.school_id, incident.id),
    )


def _find_rule(policy: Policy | None, incident: Incident, policy_missing: str) -> tuple[Rule | None, str]:
    if policy is None:
        return None, policy_missing
    for rule in policy.rules:
        if rule.id == incident.rule:
            return rule, ""
    return (
        None,
        "No rule of the policy in force has this name: the collector raised it itself, or the rule was removed.",
    )
