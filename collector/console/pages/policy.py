# SPDX-License-Identifier: Apache-2.0
"""The policy in force: what waits for a second person, what is paused, how far a roll-out is, and who changed what.

Files of rules come by the command line, where their author tries them first; here they are looked at, agreed to or
refused. What the policy asks and what carries it out is in `coverage`.
"""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector import changes, pauses, rollouts
from collector.changes import Change, ChangeState, PauseBegun, School
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.errors import CollectorError, PermissionDeniedError, UsageError
from collector.policies import list_publications, load_policy
from collector.roles import Permission
from collector.store.engine import reading
from proto.keys import load_signer
from rules.arrangements_grammar import CHECK_NAMES
from rules.timetable import Calendar

SHOWN_CHANGES = 50
SHOWN_VERSIONS = 20
SHOWN_PAUSES = 20

LENGTHS = {
    "30 minutes": 1800,
    "1 hour": 3600,
    "2 hours": 7200,
    "4 hours": 14_400,
    "1 day": 86_400,
    "3 days": 3 * 86_400,
    "7 days": 7 * 86_400,
}
"""Of a pause, as the form offers them."""
SHARES = (1, 5, 10, 25, 50, 75)
"""Of a roll-out, in per cent, as the form offers them."""


def show_policy(visit: Visit, error: CollectorError | None = None, error_field: str = "") -> Response:
    """Show what is in force and what happens to it."""
    engine, school_id = visit.engine, visit.school_id
    policy, made = load_policy(engine, visit.console.config), list_publications(engine, school_id)
    found = pauses.load_pauses(engine, school_id, limit=SHOWN_PAUSES)
    timetable = policy.arrangements.timetable
    return visit.page(
        "policy.html",
        error=error,
        error_field=error_field,
        policy=policy,
        terms_end=Calendar(timetable).explain_end(visit.now_ns) if timetable else "",
        newest=made[0],
        versions=made[:SHOWN_VERSIONS],
        waiting=changes.list_waiting(engine, school_id),
        changed=[
            each
            for each in changes.list_changes(engine, school_id, limit=SHOWN_CHANGES)
            if each.state is not ChangeState.PROPOSED
        ],
        paused=[each for each in found if each.is_on(visit.now_ns)],
        pauses_over=[each for each in found if not each.is_on(visit.now_ns)],
        rollout=rollouts.load_rollout(engine, school_id),
        shares=SHARES,
        back_reason=visit.field("reason"),
    )


def show_change(visit: Visit, error: CollectorError | None = None) -> Response:
    """Show one change: what it takes away, and every line of it."""
    change = _find_change(visit)
    with reading(visit.engine) as connection:
        objection = changes.find_objection(connection, visit.school_id, change.author, visit.user.user)
    return visit.page(
        "policy_change.html",
        error=error,
        change=change,
        is_own=change.author.casefold() == visit.user.user.casefold(),
        objection=objection,
        note=visit.field("note"),
    )


def agree(visit: Visit) -> Response:
    """Give the second word on a change, and publish it."""
    change = _find_change(visit)
    try:
        changes.agree(_school(visit), change.id, actor=visit.user.user, note=visit.field("note"), now_ns=visit.now_ns)
    except (UsageError, PermissionDeniedError) as error:
        return show_change(visit, error)
    return visit.redirect(f"/policy/changes/{change.id}", done="change-agreed")


def refuse(visit: Visit) -> Response:
    """Refuse a change; nothing changes."""
    change = _find_change(visit)
    try:
        changes.refuse(
            visit.engine,
            visit.school_id,
            change.id,
            actor=visit.user.user,
            note=visit.field("note"),
            now_ns=visit.now_ns,
        )
    except (UsageError, PermissionDeniedError) as error:
        return show_change(visit, error)
    return visit.redirect(f"/policy/changes/{change.id}", done="change-refused")


def withdraw(visit: Visit) -> Response:
    """Take a change back that waits."""
    change = _find_change(visit)
    try:
        changes.withdraw(visit.engine, visit.school_id, change.id, actor=visit.user.user, now_ns=visit.now_ns)
    except UsageError as error:
        return show_change(visit, error)
    return visit.redirect("/policy", done="change-withdrawn")


def ask_pause(visit: Visit, error: CollectorError | None = None) -> Response:
    """Ask what is to be paused, for how long and why."""
    return visit.page(
        "policy_pause.html",
        error=error,
        rules=sorted(load_policy(visit.engine, visit.console.config).rules, key=lambda rule: rule.title.casefold()),
        checks=CHECK_NAMES,
        lengths=LENGTHS,
        typed={name: visit.field(name) for name in ("what", "length", "reason")},
    )


def pause(visit: Visit) -> Response:
    """Propose a pause; it begins when a second person agrees."""
    try:
        if not visit.field("what"):
            raise UsageError("choose what is to be paused")
        if visit.field("length") not in LENGTHS:
            raise UsageError("choose for how long")
        pauses.verify_what(visit.field("what"), load_policy(visit.engine, visit.console.config))
        amendment = PauseBegun(visit.field("what"), LENGTHS[visit.field("length")])
        change = _request(visit, amendment)
    except UsageError as error:
        return ask_pause(visit, error)
    return visit.redirect(f"/policy/changes/{change.id}", done="change-proposed")


def resume(visit: Visit) -> Response:
    """End a pause before its time."""
    if not (visit.may(Permission.CHANGE_POLICY) or visit.may(Permission.APPROVE_CHANGES)):
        raise HTTPException(403, "This is for a role that changes rules or has the second word on changes.")
    try:
        changes.end_pause(_school(visit), visit.field("what"), actor=visit.user.user, now_ns=visit.now_ns)
    except UsageError as error:
        return show_policy(visit, error)
    return visit.redirect("/policy", done="pause-ended")


def stage(visit: Visit) -> Response:
    """Begin a staged roll-out, or give the one under way to another share."""
    share = visit.field("share")
    try:
        if not share.isdecimal():
            raise UsageError("choose a share of the devices")
        change = rollouts.change_share if rollouts.load_rollout(visit.engine, visit.school_id) else rollouts.stage
        change(visit.engine, visit.school_id, int(share[:3]), actor=visit.user.user, now_ns=visit.now_ns)
    except UsageError as error:
        return show_policy(visit, error, "share")
    return visit.redirect("/policy", done="rollout-staged")


def give_everywhere(visit: Visit) -> Response:
    """Give what is staged to every device."""
    try:
        rollouts.give_everywhere(visit.engine, visit.school_id, actor=visit.user.user, now_ns=visit.now_ns)
    except UsageError as error:
        return show_policy(visit, error)
    return visit.redirect("/policy", done="rollout-everywhere")


def go_back(visit: Visit) -> Response:
    """Let pack and own rule files be again as every device had them before, or end a roll-out that has not begun."""
    try:
        change = changes.go_back(
            _school(visit), author=visit.user.user, reason=visit.field("reason"), now_ns=visit.now_ns
        )
    except UsageError as error:
        return show_policy(visit, error, "reason")
    if change is None:
        return visit.redirect("/policy", done="rollout-ended")
    done = "change-proposed" if change.version is None else "policy-back"
    return visit.redirect(f"/policy/changes/{change.id}", done=done)


def _request(visit: Visit, amendment: changes.Amendment) -> Change:
    return changes.request_change(
        _school(visit), amendment, author=visit.user.user, reason=visit.field("reason"), now_ns=visit.now_ns
    )


def _school(visit: Visit) -> School:
    return School(visit.engine, visit.school_id, load_signer(visit.console.config.signing_key))


def _find_change(visit: Visit) -> Change:
    change = changes.find_change(visit.engine, visit.school_id, visit.param("change_id"))
    if change is None:
        raise HTTPException(404)
    return change


ROUTES = (
    Route(method="GET", path="/policy", page=show_policy, needs=Permission.SEE_POLICY),
    Route(method="GET", path="/policy/changes/{change_id}", page=show_change, needs=Permission.SEE_POLICY),
    Route(method="POST", path="/policy/changes/{change_id}/agree", page=agree, needs=Permission.APPROVE_CHANGES),
    Route(method="POST", path="/policy/changes/{change_id}/refuse", page=refuse, needs=Permission.APPROVE_CHANGES),
    Route(method="POST", path="/policy/changes/{change_id}/withdraw", page=withdraw, needs=Permission.CHANGE_POLICY),
    Route(method="GET", path="/policy/pause", page=ask_pause, needs=Permission.CHANGE_POLICY),
    Route(method="POST", path="/policy/pause", page=pause, needs=Permission.CHANGE_POLICY),
    # Whoever watches over safeguards ends a pause, and changes nothing else.
    Route(method="POST", path="/policy/resume", page=resume, needs=Permission.SEE_POLICY),
    Route(method="POST", path="/policy/stage", page=stage, needs=Permission.CHANGE_POLICY),
    Route(method="POST", path="/policy/everywhere", page=give_everywhere, needs=Permission.CHANGE_POLICY),
    Route(method="POST", path="/policy/back", page=go_back, needs=Permission.CHANGE_POLICY),
)
