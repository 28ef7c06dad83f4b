# SPDX-License-Identifier: Apache-2.0
"""The register of exceptions: everything that was ever asked, and what became of it. No row is removed.

`grant` and `withdraw` change what is in force: they run in the transaction that publishes the policy
(`policies.publish_change`), so that neither happens without the other. The rest changes the register alone.
"""

import secrets
from datetime import date, tzinfo

from sqlalchemy import Connection, Engine, insert, select, update

from collector import audit
from collector.approved_media import list_approved_media, put_in_register, take_from_register
from collector.errors import PermissionDeniedError, UsageError
from collector.exceptions.deciders import find_objection
from collector.exceptions.request import (
    Asked,
    Decision,
    ExceptionRequest,
    RequestError,
    Scope,
    Status,
    find_midnight_ns,
    to_day,
    to_json,
    to_request,
)
from collector.exceptions.scope import list_accounts, verify_rules, verify_scope
from collector.exceptions.typed import read_review_day, read_text
from collector.store.engine import reading, writing
from collector.store.schema import exceptions
from proto.sealed import make_account_ref
from rules.model import Policy

MAX_OPEN = 200
"""Waiting or not over. More of them are no exceptions any more, and all of them travel to every device."""


def ask(engine: Engine, school_id: str, policy: Policy, asked: Asked, *, zone: tzinfo, actor: str, now_ns: int) -> str:
    """Put a request into the register and return its id. It changes nothing until somebody else grants it.

    Raises:
        UsageError: it does not fit the policy in force or the school's registers, or the register is full.
    """
    id_ = secrets.token_hex(8)
    with writing(engine) as connection:
        scope = verify_scope(connection, school_id, policy, asked.scope, to_day(now_ns, zone))
        if len([each for each in _load(connection, school_id) if _is_waiting_or_open(each, now_ns)]) >= MAX_OPEN:
            raise UsageError(f"{MAX_OPEN} exceptions wait or are in force already", hint="withdraw some of them first")
        connection.execute(
            insert(exceptions).values(
                exception_id=id_,
                school_id=school_id,
                asked_by=actor,
                asked_at_ns=now_ns,
                asked_for=to_json(scope),
                reason=asked.reason,
                first_ns=asked.first_ns,
                last_ns=asked.last_ns,
                review_on=asked.review_on,
                state="asked",
            )
        )
        _record(connection, school_id, "asked", id_, actor, now_ns, detail=_describe(scope))
    return id_


def list_exceptions(engine: Engine, school_id: str) -> list[ExceptionRequest]:
    """Return the whole register, the newest request first."""
    with reading(engine) as connection:
        return _load(connection, school_id)


def find_exception(engine: Engine, school_id: str, exception_id: str) -> ExceptionRequest | None:
    """Return one, or None."""
    with reading(engine) as connection:
        return next(iter(_load(connection, school_id, exception_id)), None)


def grant(
    connection: Connection,
    school_id: str,
    exception_id: str,
    decision: Decision,
    *,
    policy: Policy,
    account_key: bytes,
    zone: tzinfo,
) -> None:
    """Grant a request, in the transaction that publishes the policy with it.

    1. It waits, and its time is not over.
    2. Whoever decides did not ask for it, and it is not for him.
    3. The rules are still rules that an exception can be made from; the policy may have changed since it was asked.
    4. A USB device goes into the register of approved ones, from this day on; of people, the references of their
       accounts are kept.

    Raises:
        UsageError: it does not wait any more, or does not fit the policy or the registers any more.
        PermissionDeniedError: the decider asked for it, or it is for him.
    """
    # (1) It waits.
    request = _find_waiting(connection, school_id, exception_id, decision.at_ns)
    # (2) Somebody else decides.
    _verify_decider(connection, school_id, request, decision.by)
    # (3) The rules may be excepted, now.
    scope = request.scope
    verify_rules(policy, scope)
    # (4) What devices will know of it.
    accounts = list_accounts(connection, school_id, scope.people)
    refs = tuple(sorted(make_account_ref(account_key, account).hex() for account in accounts))
    begins: dict[str, int] = {}
    if scope.stick:
        begins = {"first_ns": find_midnight_ns(to_day(decision.at_ns, zone), zone)}
        until = to_day(request.last_ns - 1, zone).isoformat()
        whose = f"asked for by {request.asked_by}, {_mark(request)}"
        put_in_register(
            connection, school_id, scope.stick, note=whose, until=until, actor=decision.by, now_ns=decision.at_ns
        )
    _decide(connection, school_id, request, "granted", decision, asked_for=to_json(scope, refs), **begins)


def refuse(engine: Engine, school_id: str, exception_id: str, decision: Decision) -> None:
    """Refuse a request.

    Raises:
        UsageError: it does not wait any more, or no reason is given.
        PermissionDeniedError: the decider asked for it, or it is for him.
    """
    with writing(engine) as connection:
        request = _find_waiting(connection, school_id, exception_id, decision.at_ns)
        _verify_decider(connection, school_id, request, decision.by)
        read_text(decision.note, "why it is refused")
        _decide(connection, school_id, request, "refused", decision)


def withdraw(connection: Connection, school_id: str, exception_id: str, decision: Decision) -> None:
    """End an exception before its time, or take back a request. Of a granted one: in the transaction that publishes.

    It makes the policy stricter again, so it needs nobody else's word; who may do it is the caller's business.

    Raises:
        UsageError: there is none, or it is over.
    """
    request = _find(connection, school_id, exception_id)
    status = request.find_status(decision.at_ns)
    if not _is_waiting_or_open(request, decision.at_ns):
        raise UsageError(f"it is {status} already", hint="nothing has to be done")
    stick = request.scope.stick
    registered = {each.key: each.note for each in list_approved_media(connection, school_id)}
    # Only the approval that came with it: somebody may have approved the device anew since.
    if stick and registered.get(stick, "").endswith(_mark(request)):
        take_from_register(connection, school_id, stick, actor=decision.by, now_ns=decision.at_ns)
    if request.state == "granted":
        # The row holds the last word only.
        said = read_text(decision.note, "the note", is_optional=True)
        note = f"was granted by {request.decided_by}" + (f"; {said}" if said else "")
        decision = Decision(by=decision.by, at_ns=decision.at_ns, note=note)
    _decide(connection, school_id, request, "withdrawn", decision)


def review(
    engine: Engine, school_id: str, exception_id: str, *, next_on: str, zone: tzinfo, actor: str, now_ns: int
) -> None:
    """Keep that somebody looked at an exception again and lets it stand until the next review.

    Raises:
        UsageError: it is not in force, or the day of the next review is not within it.
        PermissionDeniedError: the reviewer asked for it, or it is for him.
    """
    with writing(engine) as connection:
        request = _find(connection, school_id, exception_id)
        if not request.is_open(now_ns):
            raise UsageError("only an exception that stands is reviewed", hint="nothing has to be done")
        _verify_decider(connection, school_id, request, actor)
        day = read_review_day(next_on, request.last_ns, zone, now_ns)
        if date.fromisoformat(day) == to_day(now_ns, zone) != to_day(request.last_ns - 1, zone):
            raise RequestError("the next review is not today", "review", hint="a later day")
        connection.execute(
            update(exceptions)
            .where(exceptions.c.exception_id == request.id)
            .values(reviewed_by=actor, reviewed_at_ns=now_ns, review_on=day)
        )
        _record(connection, school_id, "reviewed", request.id, actor, now_ns, detail=f"stands, next review {day}")


def _load(connection: Connection, school_id: str, exception_id: str = "") -> list[ExceptionRequest]:
    query = select(exceptions).where(exceptions.c.school_id == school_id)
    if exception_id:
        query = query.where(exceptions.c.exception_id == exception_id)
    newest = query.order_by(exceptions.c.asked_at_ns.desc(), exceptions.c.exception_id)
    return [to_request(row) for row in connection.execute(newest)]


def _find(connection: Connection, school_id: str, exception_id: str) -> ExceptionRequest:
    query = select(exceptions).where(exceptions.c.school_id == school_id, exceptions.c.exception_id == exception_id)
    row = connection.execute(query.with_for_update()).first()
    if row is None:
        raise UsageError(f"there is no exception {exception_id!r:.40}", hint="schoolwarden-collector exceptions list")
    return to_request(row)


def _find_waiting(connection: Connection, school_id: str, exception_id: str, now_ns: int) -> ExceptionRequest:
    request = _find(connection, school_id, exception_id)
    status = request.find_status(now_ns)
    if status is Status.LAPSED:
        raise UsageError("its time is over: nobody has to decide it any more", hint="it can be asked for again")
    if status is not Status.WAITING:
        raise UsageError(f"it was decided by {request.decided_by}", hint="open the page again")
    return request


def _is_waiting_or_open(request: ExceptionRequest, now_ns: int) -> bool:
    return request.is_open(now_ns) or request.find_status(now_ns) is Status.WAITING


def _verify_decider(connection: Connection, school_id: str, request: ExceptionRequest, actor: str) -> None:
    if objection := find_objection(connection, school_id, request, actor):
        raise PermissionDeniedError(objection)


def _decide(
    connection: Connection, school_id: str, request: ExceptionRequest, state: str, decision: Decision, **more: str | int
) -> None:
    note = read_text(decision.note, "the note", is_optional=True)
    connection.execute(
        update(exceptions)
        .where(exceptions.c.exception_id == request.id)
        .values(state=state, decided_by=decision.by, decided_at_ns=decision.at_ns, decision_note=note, **more)
    )
    _record(connection, school_id, state, request.id, decision.by, decision.at_ns, detail=_describe(request.scope))


def _mark(request: ExceptionRequest) -> str:
    """Return by what an approved USB device is known to be of a request."""
    return f"exception {request.id}"


def _describe(scope: Scope) -> str:
    """Return in few words what it is about, without people: the audit log says more than it has to already."""
    return f"USB device {scope.stick}" if scope.stick else f"rules {', '.join(scope.rules)}"


def _record(
    connection: Connection, school_id: str, what: str, id_: str, actor: str, now_ns: int, detail: str = ""
) -> None:
    action, subject = f"exception.{what}", f"exception/{id_}"
    audit.record(connection, school_id, actor=actor, action=action, subject=subject, detail=detail, now_ns=now_ns)
