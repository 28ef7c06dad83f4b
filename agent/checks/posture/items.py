# SPDX-License-Identifier: Apache-2.0
"""What each answer about the machine's security means under the policy: pure functions, one for each item.

They know no system and remember nothing. What is not known is never a pass. No judgement names a person, but for
local accounts that administer the machine and are not listed to do so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo

from agent.system.posture import Antivirus, Encryption, Firewall, LocalAccounts, Updates
from proto.events import State
from rules.settings import Accounts, Posture
from rules.wildcard import Wildcards

DAY_NS = 24 * 3600 * 10**9
LISTS_MAX_AGE_DAYS = 7
"""Of the lists of updates: after that, nobody has asked for new ones for too long to know."""
MAX_NAMES = 20


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an item comes to."""

    state: State
    summary: str
    facts: dict[str, str] = field(default_factory=dict)
    """The same as long as the finding is; others are another finding."""
    figures: dict[str, str] = field(default_factory=dict)
    """What goes on changing, such as an age."""


def judge_disk_encryption(found: Encryption) -> Judgement:
    """All volumes that are mounted from built-in disks have to be encrypted, and swap."""
    kinds = {"by": ", ".join(found.by)} if found.by else {}
    if found.plain_mounts:
        plain = ", ".join(found.plain_mounts)
        return Judgement(State.FAIL, f"Not encrypted on this machine's disks: {plain}.", {"plain": plain}, kinds)
    return Judgement(State.PASS, "What is written on this machine's disks is encrypted.", kinds)


def judge_antivirus(found: Sequence[Antivirus], settings: Posture, now_ns: int) -> Judgement:
    """One protection has to run with new signatures; of several, the best counts."""
    if not found:
        return Judgement(State.FAIL, "No protection against malware is installed.", {"reason": "none"})
    order = (State.PASS, State.UNKNOWN, State.FAIL)
    return min((_judge_one(each, settings, now_ns) for each in found), key=lambda each: order.index(each.state))


def _judge_one(found: Antivirus, settings: Posture, now_ns: int) -> Judgement:
    facts = {"product": found.name}
    if found.is_running is False:
        return Judgement(State.FAIL, f"{found.name} is installed and does not run.", {**facts, "reason": "stopped"})
    if found.is_running is None:
        return Judgement(State.UNKNOWN, f"Whether {found.name} runs cannot be told.", facts)
    if found.signatures_at_ns is None:
        return Judgement(State.UNKNOWN, f"{found.name} runs; how old its signatures are cannot be told.", facts)
    age_days = (now_ns - found.signatures_at_ns) // DAY_NS
    figures = {"signatures_days": str(age_days)}
    if age_days < -1:
        return Judgement(
            State.UNKNOWN, f"The signatures of {found.name} are newer than the clock of this machine.", facts
        )
    if age_days > settings.signatures_max_age_days:
        summary = f"{found.name} runs with signatures that are {age_days} days old."
        return Judgement(State.FAIL, summary, {**facts, "reason": "old"}, figures)
    asked = " It looks at files only when it is asked to." if found.is_on_access is False else ""
    return Judgement(State.PASS, f"{found.name} runs and is up to date.{asked}", facts, figures)


def judge_firewall(found: Firewall) -> Judgement:
    """What nothing lets in has to be dropped, by each way there is."""
    if found.open_to:
        ways = ", ".join(found.open_to)
        return Judgement(State.FAIL, f"No firewall closes this machine to {ways}.", {"open": ways})
    return Judgement(State.PASS, "A firewall drops what nothing lets in.")


def judge_updates(
    found: Updates, since_ns: Mapping[str, int], begun_ns: int, settings: Posture, now_ns: int
) -> Judgement:
    """A security update has to be installed within the days of grace.

    Counted from its release if that is told, and else from when this machine first knew of it. What waited already
    at the first look of all may be older than that: until the days are over, it is not known.
    """
    grace_ns = settings.update_grace_days * DAY_NS
    ages_ns = {each.package: now_ns - (each.released_at_ns or since_ns[each.package]) for each in found.waiting}
    overdue = [age_ns for age_ns in ages_ns.values() if age_ns > grace_ns]
    list_days = (now_ns - found.listed_at_ns) // DAY_NS
    figures = {"waiting": str(len(ages_ns)), "overdue": str(len(overdue)), "lists_days": str(max(list_days, 0))}
    if overdue:
        days = max(overdue) // DAY_NS
        automatic = {None: "unknown", True: "yes", False: "no"}[found.is_automatic]
        return Judgement(
            State.FAIL,
            f"{len(overdue)} security updates have waited for more than {settings.update_grace_days} days.",
            {"reason": "overdue", "automatic": automatic},
            {**figures, "oldest_days": str(days)},
        )
    if list_days > LISTS_MAX_AGE_DAYS:
        summary = f"The machine's lists of security updates are {list_days} days old."
        return Judgement(State.UNKNOWN, summary, {"reason": "old lists"}, figures)
    unclear = [each for each in found.waiting if each.released_at_ns is None and since_ns[each.package] <= begun_ns]
    if unclear:
        summary = f"{len(unclear)} security updates waited before the first look; since when cannot be told yet."
        return Judgement(State.UNKNOWN, summary, {"reason": "waited before"}, figures)
    return Judgement(State.PASS, "No security update has waited for longer than it may.", figures=figures)


def judge_os_support(until: str, now_ns: int) -> Judgement:
    """The makers still have to give security updates."""
    facts = {"supported_until": until}
    if date.fromisoformat(until) < datetime.fromtimestamp(now_ns / 1e9, UTC).date():
        return Judgement(State.FAIL, f"This system has had no security updates since {until}.", facts)
    return Judgement(State.PASS, f"This system gets security updates until {until}.", facts)


def judge_administrators(found: LocalAccounts, settings: Posture) -> Judgement:
    """Only those may administer that the policy lists. Local accounts are named, names of the directory counted."""
    names = [each.name for each in found.accounts if each.is_administrator]
    unlisted = _list_others(names, settings.administrators)
    others = _list_others(found.other_administrators, settings.administrators)
    if unlisted or others:
        facts = {"accounts": _join(unlisted), "directory_accounts": str(len(others))}
        summary = f"{len(unlisted) + len(others)} accounts administer this machine that are not listed to do so."
        return Judgement(State.FAIL, summary, facts)
    if found.unread:
        return Judgement(State.UNKNOWN, f"Who administers is not all known; {'; '.join(found.unread)}.")
    return Judgement(State.PASS, "Only listed accounts administer this machine.", {"count": str(len(names))})


def judge_password_age(found: LocalAccounts, settings: Posture, now_ns: int) -> Judgement:
    """Passwords of local accounts have to be changed in time. Counted, nobody is named."""
    if not settings.password_max_age_days:
        return Judgement(State.NOT_APPLICABLE, "The policy does not ask how old passwords are.")
    kept = [each for each in found.accounts if each.has_password]
    ages = [
        (now_ns - each.password_changed_at_ns) // DAY_NS for each in kept if each.password_changed_at_ns is not None
    ]
    old = [age for age in ages if age > settings.password_max_age_days]
    if old:
        summary = f"{len(old)} local passwords are older than {settings.password_max_age_days} days."
        return Judgement(State.FAIL, summary, {}, {"accounts": str(len(old)), "oldest_days": str(max(old))})
    untold = len(kept) - len(ages)
    if untold:
        return Judgement(State.UNKNOWN, f"How old {untold} local passwords are cannot be told.")
    return Judgement(State.PASS, "No local password is older than it may be.", figures={"accounts": str(len(kept))})


def judge_guest_account(found: LocalAccounts, accounts: Accounts) -> Judgement:
    """Without a password only those come in that the policy lists as guests or shared, and they do not administer."""
    free = [each for each in found.accounts if each.needs_no_password]
    listed = (*accounts.guest, *accounts.shared)
    wrong = [each for each in free if each.is_administrator or _list_others([each.name], listed)]
    if wrong:
        administrators = sum(each.is_administrator for each in wrong)
        facts = {"accounts": str(len(wrong)), "administrators": str(administrators)}
        return Judgement(State.FAIL, f"{len(wrong)} local accounts can be used without a password.", facts)
    return Judgement(
        State.PASS, "No account but a listed one can be used without a password.", {"listed": str(len(free))}
    )


def judge_switched_on(settings: Posture, now_ns: int, zone: tzinfo | None = None) -> Judgement:
    """At night the machine has to be off. Whether somebody is at it is neither asked nor told."""
    if not settings.off_after:
        return Judgement(State.NOT_APPLICABLE, "The policy does not ask that machines are off at night.")
    now = datetime.fromtimestamp(now_ns / 1e9, UTC).astimezone(zone).strftime("%H:%M")
    begin, end = settings.off_after, settings.off_until
    # Times of one length are in order as texts.
    is_night = begin <= now < end if begin < end else now >= begin or now < end
    facts = {"off_after": begin, "off_until": end}
    if is_night:
        return Judgement(State.FAIL, f"This machine is on, and should be off from {begin} to {end}.", facts)
    return Judgement(State.PASS, f"It is not between {begin} and {end}.", facts)


def _list_others(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Return the names that fit no pattern."""
    fits = Wildcards([(pattern.casefold(), True) for pattern in patterns]).find_all
    return sorted(name for name in names if not fits(name.casefold()))


def _join(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_NAMES])
    return shown if len(names) <= MAX_NAMES else f"{shown} and {len(names) - MAX_NAMES} more"
