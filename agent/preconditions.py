# SPDX-License-Identifier: Apache-2.0
"""What must hold before a keyboard is watched, and which of it does not. Pure; each answer is a plain sentence.

These are floors: a policy can add grounds and narrow hours, and cannot lower one of them. Whoever starts a watcher asks
all three questions: of the machine, of the moment, and of the session.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from agent.hit import PUPIL, STAFF
from agent.readers import ReaderStore
from agent.system.interface import Session
from proto.recipients import FEWEST_TESTED
from rules.model import Keywords
from rules.route import list_holders
from rules.watching import DAYS

NOT_X11 = "Wayland: only X11 windows could be seen"
ROOT = "the machine's administrator is never watched"
NO_GROUP = "the account is in no group that is watched"
GROUPS_UNKNOWN = "the account's groups cannot be told"
STAFF_WITHOUT_REFERENCE = "staff are watched only with a reference of their own"

MAX_REVIEW_DAYS = 800
"""An assessment is reviewed every year or two; a day that is further away is none."""
_LATEST_S = 253_370_764_800
"""The year 9999, the last that a date can be of."""


def list_unmet_of_machine(
    readers: ReaderStore, keywords: Keywords, today: date, *, policy_made_at_ns: int = 0
) -> tuple[str, ...]:
    """Return what keeps everybody on this machine from being watched; nothing if all of it holds.

    A clock that was set back does not stop the day of the review from coming: it is no earlier than when the policy or
    the set of readers in force was signed.
    """
    unmet = []
    in_force = readers.in_force
    if not readers.root_fingerprint:
        unmet.append("no safeguarding root is pinned: enrol this machine with a new token")
    elif in_force is None:
        unmet.append("no signed set of readers has come yet")
    elif len(list_holders(in_force.recipients)) < FEWEST_TESTED:
        unmet.append(f"fewer than {FEWEST_TESTED} readers have opened a test item")
    if not keywords.enabled:
        unmet.append("the policy does not switch keywords on")
    if not keywords.dpia_reference.strip():
        unmet.append("the policy names no data protection impact assessment")
    signed = [policy_made_at_ns, in_force.recipients.made_at_ns if in_force else 0]
    unmet += _list_unmet_of_review(keywords.dpia_review_date, max([today, *map(_to_date, signed)]))
    if not (keywords.notice_version.strip() and keywords.notice_title.strip() and keywords.notice_text.strip()):
        unmet.append("the policy has no notice to the people who are watched")
    return tuple(unmet)


def list_unmet_now(keywords: Keywords, now: datetime, addresses: Sequence[str]) -> tuple[str, ...]:
    """Return what keeps everybody from being watched at this moment and place. `now` is the machine's local time."""
    unmet = []
    if not keywords.out_of_hours_reference.strip() and not _is_in_hours(keywords, now):
        unmet.append("it is outside the hours of the policy")
    if not keywords.away_reference.strip() and not _is_at_school(keywords.networks, addresses):
        unmet.append("the machine is away from the school's networks")
    return tuple(unmet)


def list_unmet_of_session(keywords: Keywords, session: Session) -> tuple[str, ...]:
    """Return what keeps one session from being watched."""
    unmet = []
    if session.uid == 0:
        unmet.append(ROOT)
    elif is_staff(keywords, session) and not keywords.staff_reference.strip():
        unmet.append(STAFF_WITHOUT_REFERENCE)
    elif not session.are_groups_known:
        unmet.append(GROUPS_UNKNOWN)
    elif not find_kind(keywords, session):
        unmet.append(NO_GROUP)
    if session.kind != "x11":
        unmet.append(NOT_X11)
    return tuple(unmet)


def find_kind(keywords: Keywords, session: Session) -> str:
    """Return whether an account is a pupil's or of staff, by its groups; empty if it is in none that is watched.

    Who is in groups of both is of staff.
    """
    if is_staff(keywords, session):
        return STAFF
    return PUPIL if set(keywords.watch_groups) & set(session.group_names) else ""


def is_staff(keywords: Keywords, session: Session) -> bool:
    """Return whether an account is in one of the groups of staff."""
    return bool(set(keywords.staff_groups) & set(session.group_names))


def _list_unmet_of_review(review_date: str, today: date) -> list[str]:
    try:
        day = date.fromisoformat(review_date)
    except ValueError:
        return ["the policy says no day when the impact assessment is reviewed"]
    if day - today > timedelta(days=MAX_REVIEW_DAYS):
        return [f"the impact assessment is to be reviewed within {MAX_REVIEW_DAYS} days, and its day is later"]
    return ["the impact assessment was to be reviewed, and that day is past"] if day < today else []


def _to_date(at_ns: int) -> date:
    return datetime.fromtimestamp(min(max(at_ns, 0) // 10**9, _LATEST_S), UTC).date()


def _is_in_hours(keywords: Keywords, now: datetime) -> bool:
    begin, _, end = keywords.hours.partition("-")
    return DAYS[now.weekday()] in keywords.days and begin <= now.strftime("%H:%M") < end


def _is_at_school(networks: Sequence[str], addresses: Sequence[str]) -> bool:
    own = [ipaddress.ip_address(each) for each in addresses]
    return any(address in ipaddress.ip_network(network) for network in networks for address in own)
