# SPDX-License-Identifier: Apache-2.0
"""Exceptions from rules: the register, a form to ask for one, and what somebody else decides about it."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector import audit, exceptions
from collector.console import exception_wording
from collector.console.clock import find_zone
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.devices import list_devices
from collector.errors import CollectorError, PermissionDeniedError, UsageError
from collector.exceptions import Decision, ExceptionRequest, Scope, Status
from collector.exceptions.scope import list_during
from collector.people import find_person_by_id
from collector.policies import load_policy, publish_change, publish_registers
from collector.roles import Permission
from collector.store.engine import reading, writing
from collector.subjects import load_account_key
from proto.keys import load_signer
from rules.model import Policy, Rule

PAST_SHOWN = 100
_LINES = ("programs", "people", "devices")
_TYPED = ("first", "first_time", "last", "last_time", "review", "reason", "stick", "serial", *_LINES)


def show_register(visit: Visit) -> Response:
    """Show what waits for a decision, what is due for review, what is in force, and what became of the others."""
    everything = exceptions.list_exceptions(visit.engine, visit.school_id)
    zone, now_ns = find_zone(), visit.now_ns
    standing = sorted((each for each in everything if each.is_open(now_ns)), key=lambda each: each.last_ns)
    waiting = [each for each in everything if each.find_status(now_ns) is Status.WAITING]
    past = [each for each in everything if each not in standing and each not in waiting]
    return visit.page(
        "exceptions.html",
        waiting=waiting,
        due=[each for each in standing if each.is_due(now_ns, zone)],
        standing=standing,
        past=past[:PAST_SHOWN],
        past_left_out=max(0, len(past) - PAST_SHOWN),
        **_words(visit, load_policy(visit.engine, visit.console.config)),
    )


def send_register(visit: Visit) -> Response:
    """Send the whole register as a CSV file. That it was taken is in the audit log."""
    found = exceptions.list_exceptions(visit.engine, visit.school_id)
    with writing(visit.engine) as connection:
        audit.record(
            connection,
            visit.school_id,
            actor=visit.user.user,
            action="exceptions.taken",
            subject="exceptions",
            detail=f"{len(found)} of them",
            now_ns=visit.now_ns,
        )
    return Response(
        # The mark at the beginning tells a spreadsheet that it is UTF-8.
        "\ufeff" + exceptions.to_csv(found, visit.now_ns),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="exceptions.csv"'},
    )


def show_form(visit: Visit, error: UsageError | None = None) -> Response:
    """Show the form for an exception from rules; an address can name a rule and a device to begin with."""
    policy = load_policy(visit.engine, visit.console.config)
    chosen = visit.form.getlist("rule") or [visit.asked("rule")]
    return visit.page(
        "exception_ask.html",
        error=error,
        error_field=getattr(error, "part", ""),
        groups=_group(policy),
        chosen=chosen,
        during=list_during(policy),
        chosen_during=visit.form.getlist("during"),
        typed={name: visit.field(name) for name in _TYPED} | _begin(visit),
        words=exception_wording,
    )


def ask(visit: Visit) -> Response:
    """Put the request into the register."""
    programs, people, devices = (tuple(visit.field(name).splitlines()) for name in _LINES)
    rules, during = (tuple(map(str, visit.form.getlist(name))) for name in ("rule", "during"))
    try:
        id_ = _ask(visit, Scope(rules=rules, programs=programs, people=people, devices=devices, during=during))
    except UsageError as error:
        return show_form(visit, error)
    return visit.redirect(f"/exceptions/{id_}", done="exception-asked")


def show_stick_form(visit: Visit, error: UsageError | None = None) -> Response:
    """Show the form for a USB device that is to carry the school's data."""
    return visit.page(
        "exception_ask_stick.html",
        error=error,
        error_field=getattr(error, "part", ""),
        typed={name: visit.field(name) for name in _TYPED},
    )


def ask_stick(visit: Visit) -> Response:
    """Put the request for a USB device into the register."""
    try:
        stick = exceptions.read_stick(visit.field("stick"), visit.field("serial"))
        id_ = _ask(visit, Scope(stick=stick, people=tuple(visit.field("people").splitlines())))
    except UsageError as error:
        return show_stick_form(visit, error)
    return visit.redirect(f"/exceptions/{id_}", done="exception-asked")


def show_exception(visit: Visit, error: CollectorError | None = None) -> Response:
    """Show one, with what this user may do about it."""
    request = _find(visit)
    with reading(visit.engine) as connection:
        objection = exceptions.find_objection(connection, visit.school_id, request, visit.user.user)
    policy = load_policy(visit.engine, visit.console.config)
    rules = {rule.id: rule for rule in policy.rules}
    return visit.page(
        "exception.html",
        error=error,
        request=request,
        rules=[(id_, rules.get(id_)) for id_ in request.scope.rules],
        people=_name_people(visit, request),
        standing=request.find_status(visit.now_ns),
        objection=objection,
        may_withdraw=_may_withdraw(visit, request),
        note=visit.field("note"),
        review=visit.field("review"),
        **_words(visit, policy),
    )


def grant(visit: Visit) -> Response:
    """Grant it and send the policy to the devices."""
    request, config = _find(visit), visit.console.config
    policy, key = load_policy(visit.engine, config), load_account_key(config)
    try:
        publish_change(
            visit.engine,
            visit.school_id,
            load_signer(config.signing_key),
            lambda connection: exceptions.grant(
                connection,
                visit.school_id,
                request.id,
                _decide(visit),
                policy=policy,
                account_key=key,
                zone=find_zone(),
            ),
            actor=visit.user.user,
            reason=f"exception {request.id}",
            now_ns=visit.now_ns,
        )
    except (UsageError, PermissionDeniedError) as error:
        return show_exception(visit, error)
    return visit.redirect(f"/exceptions/{request.id}", done="exception-granted")


def refuse(visit: Visit) -> Response:
    """Refuse it."""
    request = _find(visit)
    try:
        exceptions.refuse(visit.engine, visit.school_id, request.id, _decide(visit))
    except (UsageError, PermissionDeniedError) as error:
        return show_exception(visit, error)
    return visit.redirect(f"/exceptions/{request.id}", done="exception-refused")


def withdraw(visit: Visit) -> Response:
    """End it, or take the request back: whoever asked may, and whoever decides exceptions."""
    request = _find(visit)
    if not _may_withdraw(visit, request):
        raise HTTPException(403, "This is for whoever asked for it, and for whoever decides exceptions.")
    decision = _decide(visit)
    try:
        if request.is_open(visit.now_ns):
            publish_registers(
                visit.engine,
                visit.school_id,
                load_signer(visit.console.config.signing_key),
                lambda connection: exceptions.withdraw(connection, visit.school_id, request.id, decision),
                actor=visit.user.user,
                reason=f"exception {request.id} withdrawn",
                now_ns=visit.now_ns,
            )
        else:
            with writing(visit.engine) as connection:
                exceptions.withdraw(connection, visit.school_id, request.id, decision)
    except UsageError as error:
        return show_exception(visit, error)
    return visit.redirect(f"/exceptions/{request.id}", done="exception-withdrawn")


def review(visit: Visit) -> Response:
    """Let it stand until the next review."""
    request = _find(visit)
    try:
        exceptions.review(
            visit.engine,
            visit.school_id,
            request.id,
            next_on=visit.field("review"),
            zone=find_zone(),
            actor=visit.user.user,
            now_ns=visit.now_ns,
        )
    except (UsageError, PermissionDeniedError) as error:
        return show_exception(visit, error)
    return visit.redirect(f"/exceptions/{request.id}", done="exception-reviewed")


def _ask(visit: Visit, scope: Scope) -> str:
    first, last = (
        visit.field(name) + (f"T{visit.field(f'{name}_time')}" if visit.field(f"{name}_time") else "")
        for name in ("first", "last")
    )
    asked = exceptions.read_asked(
        scope,
        first=first,
        last=last,
        review=visit.field("review"),
        reason=visit.field("reason"),
        zone=find_zone(),
        now_ns=visit.now_ns,
    )
    policy = load_policy(visit.engine, visit.console.config)
    return exceptions.ask(
        visit.engine,
        visit.school_id,
        policy,
        asked,
        zone=find_zone(),
        actor=visit.user.user,
        now_ns=visit.now_ns,
    )


def _begin(visit: Visit) -> dict[str, str]:
    """Return what the address says of a device, for a form that nobody filled in yet."""
    return {"devices": visit.asked("device")} if visit.asked("device") and not visit.form else {}


def _group(policy: Policy) -> list[tuple[str, list[Rule]]]:
    """Return the rules that an exception can be asked from, under the names of their files."""
    groups: dict[str, list[Rule]] = {}
    for rule in exceptions.list_rules(policy):
        name = rule.file.rsplit("/", 1)[-1].removesuffix(".toml").replace("-", " ").capitalize()
        name = name.replace("Usb", "USB")
        groups.setdefault(name, []).append(rule)
    return sorted((name, sorted(rules, key=lambda rule: rule.title)) for name, rules in groups.items())


def _decide(visit: Visit) -> Decision:
    return Decision(by=visit.user.user, at_ns=visit.now_ns, note=visit.field("note"))


def _may_withdraw(visit: Visit, request: ExceptionRequest) -> bool:
    """Return whether this user may: whoever decides refuses a request that waits, and ends what is granted."""
    is_decider = visit.may(Permission.DECIDE_EXCEPTIONS) and request.is_open(visit.now_ns)
    return is_decider or request.asked_by == visit.user.user


def _name_people(visit: Visit, request: ExceptionRequest) -> list[tuple[str, str]]:
    """Return whom it is for: with names only for those who decide it or look after the school's people."""
    if not (visit.may(Permission.DECIDE_EXCEPTIONS) or visit.may(Permission.MANAGE_PEOPLE)):
        return [(person_id, "") for person_id in request.scope.people]
    found = ((each, find_person_by_id(visit.engine, visit.school_id, each)) for each in request.scope.people)
    return [(person_id, person.name if person else "") for person_id, person in found]


def _find(visit: Visit) -> ExceptionRequest:
    request = exceptions.find_exception(visit.engine, visit.school_id, visit.param("exception_id"))
    if request is None:
        raise HTTPException(404)
    return request


def _words(visit: Visit, policy: Policy) -> dict[str, Any]:
    """Return what the templates say an exception in words with."""
    return {
        "words": exception_wording,
        "zone": find_zone(),
        "titles": {rule.id: rule.title for rule in policy.rules},
        "hostnames": {each.id: each.hostname for each in list_devices(visit.engine, visit.school_id)},
        "Status": Status,
    }


_ASK, _DECIDE = Permission.ASK_EXCEPTIONS, Permission.DECIDE_EXCEPTIONS

ROUTES = (
    Route(method="GET", path="/exceptions", page=show_register, needs=_ASK),
    Route(method="GET", path="/exceptions/register.csv", page=send_register, needs=_ASK),
    Route(method="GET", path="/exceptions/ask", page=show_form, needs=_ASK),
    Route(method="POST", path="/exceptions/ask", page=ask, needs=_ASK),
    Route(method="GET", path="/exceptions/ask-stick", page=show_stick_form, needs=_ASK),
    Route(method="POST", path="/exceptions/ask-stick", page=ask_stick, needs=_ASK),
    Route(method="GET", path="/exceptions/{exception_id}", page=show_exception, needs=_ASK),
    Route(method="POST", path="/exceptions/{exception_id}/grant", page=grant, needs=_DECIDE),
    Route(method="POST", path="/exceptions/{exception_id}/refuse", page=refuse, needs=_DECIDE),
    Route(method="POST", path="/exceptions/{exception_id}/withdraw", page=withdraw, needs=_ASK),
    Route(method="POST", path="/exceptions/{exception_id}/review", page=review, needs=_DECIDE),
)
