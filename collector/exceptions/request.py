# SPDX-License-Identifier: Apache-2.0
"""One row of the register of exceptions: what was asked, what became of it, and where it stands at a moment."""

import json
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from collector.approved_media import MediumKey
from collector.errors import UsageError

SOON_NS = 14 * 86_400 * 10**9
"""What ends within two weeks is said to end soon: time to ask again."""


class Status(StrEnum):
    """Where an exception stands. Three of them come by the clock alone."""

    WAITING = "waiting"
    """Nobody has decided it."""
    TO_COME = "to come"
    """Granted; its time has not begun."""
    IN_FORCE = "in force"
    ENDED = "ended"
    """Granted, and its time is over: it does nothing any more, and nobody has to do anything."""
    LAPSED = "lapsed"
    """Its time was over before anybody decided it."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class RequestError(UsageError):
    """What somebody asks is not right; says in which part of it."""

    def __init__(self, message: str, part: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.part = part
        """rules, programs, people, devices, during, stick, serial, first, last, review or reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is to be left alone: matches of some rules as far as all of this fits, or a USB device."""

    rules: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    """As the rules name them; empty: any."""
    people: tuple[str, ...] = ()
    """Ids in the school's register of people; empty: anybody."""
    devices: tuple[str, ...] = ()
    """Ids; empty: any."""
    during: tuple[str, ...] = ()
    """Kinds of periods of the timetable; empty: at any time of the day."""
    stick: MediumKey | None = None
    """Goes into the register of approved USB devices, from the day of the decision to the last day; then there are no
    rules. The approval is for everybody: people are whoever carries it, so that none of them decides."""

    @property
    def is_for_everybody(self) -> bool:
        """Whether nothing narrows it to a program, a person, a device or a lesson."""
        return not (self.programs or self.people or self.devices or self.during or self.stick)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asks."""

    scope: Scope
    reason: str
    first_ns: int
    last_ns: int
    """Not included."""
    review_on: str
    """ISO date: somebody looks at it again on that day at the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Somebody's word on it."""

    by: str
    """A user of the console."""
    at_ns: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionRequest(Asked):
    """A request in the register, and what became of it."""

    id: str
    asked_by: str
    asked_at_ns: int
    state: str
    """asked, granted, refused or withdrawn, as the table has it; `find_status` says what that means now."""
    account_refs: tuple[str, ...]
    """Of the people in its scope, as their accounts were when it was granted; hexadecimal."""
    decided_by: str
    decided_at_ns: int | None
    decision_note: str
    reviewed_by: str
    reviewed_at_ns: int | None

    def find_status(self, now_ns: int) -> Status:
        """Return where it stands."""
        if self.state in ("refused", "withdrawn"):
            return Status(self.state)
        is_over = self.last_ns <= now_ns
        if self.state == "asked":
            return Status.LAPSED if is_over else Status.WAITING
        if is_over:
            return Status.ENDED
        return Status.TO_COME if now_ns < self.first_ns else Status.IN_FORCE

    def is_open(self, now_ns: int) -> bool:
        """Return whether it is granted and not over: in force, or to come."""
        return self.find_status(now_ns) in (Status.IN_FORCE, Status.TO_COME)

    def is_ending(self, now_ns: int) -> bool:
        """Return whether it is in force and ends soon."""
        return self.find_status(now_ns) is Status.IN_FORCE and self.last_ns - now_ns <= SOON_NS

    def is_due(self, now_ns: int, zone: tzinfo) -> bool:
        """Return whether it is open and its day of review has come; one that ends on that day is not reviewed."""
        today, last = to_day(now_ns, zone), to_day(self.last_ns - 1, zone)
        return self.is_open(now_ns) and date.fromisoformat(self.review_on) <= today < last


def to_day(at_ns: int, zone: tzinfo) -> date:
    """Return the day that a moment belongs to at the school."""
    return datetime.fromtimestamp(at_ns // 10**9, zone).date()


def find_midnight_ns(day: date, zone: tzinfo) -> int:
    """Return the moment at which a day begins at the school."""
    return int(datetime.combine(day, time(), zone).timestamp()) * 10**9


def to_local(at_ns: int, zone: tzinfo) -> datetime:
    """Return a moment as the school's clocks show it."""
    return datetime.fromtimestamp(at_ns // 10**9, zone).replace(tzinfo=None)


def to_json(scope: Scope, account_refs: tuple[str, ...] = ()) -> str:
    """Return what the column `asked_for` holds."""
    stick = scope.stick
    return json.dumps(
        {
            "rules": scope.rules,
            "programs": scope.programs,
            "people": scope.people,
            "devices": scope.devices,
            "during": scope.during,
            "stick": [stick.vendor_id, stick.product_id, stick.serial] if stick else None,
            "account_refs": account_refs,
        }
    )


def to_request(row: Row[Any]) -> ExceptionRequest:
    """Return a row of the table."""
    asked = json.loads(row.asked_for)
    scope = Scope(
        rules=tuple(asked["rules"]),
        programs=tuple(asked["programs"]),
        people=tuple(asked["people"]),
        devices=tuple(asked["devices"]),
        during=tuple(asked["during"]),
        stick=MediumKey(*asked["stick"]) if asked["stick"] else None,
    )
    return ExceptionRequest(
        id=row.exception_id,
        scope=scope,
        reason=row.reason,
        first_ns=row.first_ns,
        last_ns=row.last_ns,
        review_on=row.review_on,
        asked_by=row.asked_by,
        asked_at_ns=row.asked_at_ns,
        state=row.state,
        account_refs=tuple(asked["account_refs"]),
        decided_by=row.decided_by or "",
        decided_at_ns=row.decided_at_ns,
        decision_note=row.decision_note,
        reviewed_by=row.reviewed_by or "",
        reviewed_at_ns=row.reviewed_at_ns,
    )
