# SPDX-License-Identifier: Apache-2.0
"""Tests of what each answer about the machine's security means under a policy."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from agent.checks.posture import items
from agent.system.posture import (
    Antivirus,
    Encryption,
    Firewall,
    LocalAccount,
    LocalAccounts,
    PendingUpdate,
    Updates,
)
from proto.events import State
from rules.settings import Accounts, Posture
from tests.agent.checks.posture.secured import DAY_NS, NOW_NS, ROOT

ASKED = Posture()


def test_a_plain_volume_fails_and_is_named_by_where_it_is():
    """An encrypted one beside it does not help."""
    judged = items.judge_disk_encryption(Encryption(("luks2",), ("/home", "swap")))

    assert judged.state is State.FAIL
    assert judged.facts == {"plain": "/home, swap"}
    assert items.judge_disk_encryption(Encryption(("luks2",))).state is State.PASS


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ((), State.FAIL),
        ((Antivirus("A", True, NOW_NS - 7 * DAY_NS),), State.PASS),
        ((Antivirus("A", True, NOW_NS - 8 * DAY_NS),), State.FAIL),
        ((Antivirus("A", False, NOW_NS),), State.FAIL),
        ((Antivirus("A", None, NOW_NS),), State.UNKNOWN),
        ((Antivirus("A", True, None),), State.UNKNOWN),
        ((Antivirus("A", True, NOW_NS + 30 * DAY_NS),), State.UNKNOWN),
        ((Antivirus("A", False, None), Antivirus("B", True, NOW_NS)), State.PASS),
        ((Antivirus("A", False, NOW_NS), Antivirus("B", True, None)), State.UNKNOWN),
    ],
)
def test_one_protection_has_to_run_with_new_signatures(found: tuple[Antivirus, ...], state: State):
    """The best of several counts, and what is not known is no pass."""
    assert items.judge_antivirus(found, ASKED, NOW_NS).state is state


def test_one_that_looks_only_when_asked_says_so():
    """It is up to date, and that is all."""
    judged = items.judge_antivirus((Antivirus("ClamAV", True, NOW_NS, is_on_access=False),), ASKED, NOW_NS)

    assert "only when it is asked" in judged.summary


def test_each_way_in_has_to_be_closed():
    """IPv6 too."""
    assert items.judge_firewall(Firewall(())).state is State.PASS
    assert items.judge_firewall(Firewall(("ipv6",))).facts == {"open": "ipv6"}


def judge_updates(since_ns: Mapping[str, int], *, begun_ns: int = 0, released_ns: int | None = None, listed: int = 0):
    waiting = tuple(PendingUpdate(package, "2", released_ns) for package in since_ns)
    return items.judge_updates(Updates(waiting, NOW_NS - listed * DAY_NS), since_ns, begun_ns, ASKED, NOW_NS)


def test_updates_have_their_days_of_grace():
    """Counted from when the machine first knew of each, or from the release if that is told."""
    assert judge_updates({}).state is State.PASS
    assert judge_updates({"a": NOW_NS - 14 * DAY_NS}).state is State.PASS
    judged = judge_updates({"a": NOW_NS - 14 * DAY_NS - 1, "b": NOW_NS})
    assert judged.state is State.FAIL
    assert judged.facts == {"reason": "overdue", "automatic": "unknown"}
    assert judged.figures == {"waiting": "2", "overdue": "1", "lists_days": "0", "oldest_days": "14"}
    assert judge_updates({"a": NOW_NS}, released_ns=NOW_NS - 20 * DAY_NS).state is State.FAIL


def test_updates_that_waited_before_the_first_look_are_not_known_until_they_are_overdue():
    """They may be a day old or a year."""
    begun_ns = NOW_NS - 3 * DAY_NS
    assert judge_updates({"a": begun_ns}, begun_ns=begun_ns).state is State.UNKNOWN
    assert judge_updates({"a": begun_ns + 1}, begun_ns=begun_ns).state is State.PASS
    assert judge_updates({"a": begun_ns}, begun_ns=begun_ns, released_ns=begun_ns).state is State.PASS
    begun_ns = NOW_NS - 15 * DAY_NS
    assert judge_updates({"a": begun_ns}, begun_ns=begun_ns).state is State.FAIL


def test_old_lists_know_of_no_new_updates():
    """Nobody has asked for a week. What was overdue already is so all the more."""
    assert judge_updates({}, listed=7).state is State.PASS
    assert judge_updates({}, listed=8).state is State.UNKNOWN
    assert judge_updates({"a": NOW_NS - 30 * DAY_NS}, listed=8).state is State.FAIL


def test_support_ends_after_its_last_day():
    """On that day there may still be an update."""
    assert items.judge_os_support("2026-11-22", NOW_NS).state is State.PASS
    assert items.judge_os_support("2026-11-21", NOW_NS).state is State.FAIL


EVE = LocalAccount("Eve", is_administrator=True, has_password=True)
TECH = LocalAccount("tech-7", is_administrator=True, has_password=True)
PUPIL = LocalAccount("pupil", is_administrator=False, has_password=True)


def test_administrators_who_are_not_listed_are_named():
    """Wildcards and capitals count as everywhere; ordinary accounts are nobody's business."""
    asked = Posture(administrators=("root", "tech-*"))
    assert items.judge_administrators(LocalAccounts((ROOT, TECH, PUPIL)), asked).state is State.PASS

    judged = items.judge_administrators(LocalAccounts((ROOT, TECH, EVE, PUPIL)), asked)
    assert judged.state is State.FAIL
    assert judged.facts == {"accounts": "Eve", "directory_accounts": "0"}
    assert "Eve" not in judged.summary


def test_administrators_of_the_directory_are_counted_and_not_named():
    """Whoever reads the finding has the directory to look."""
    judged = items.judge_administrators(LocalAccounts((ROOT,), ("moira@school", "ROOT")), ASKED)

    assert judged.facts == {"accounts": "", "directory_accounts": "1"}
    assert "moira" not in repr(judged)


def test_administrators_are_not_known_when_lines_were_not_understood():
    """Unless somebody was found anyway."""
    unread = ("sudoers: 1 lines or names were not understood",)
    assert items.judge_administrators(LocalAccounts((ROOT,), unread=unread), ASKED).state is State.UNKNOWN
    assert items.judge_administrators(LocalAccounts((EVE,), unread=unread), ASKED).state is State.FAIL


def test_very_many_names_are_cut():
    """An event has a limit."""
    many = tuple(LocalAccount(f"a{number:03}", is_administrator=True, has_password=True) for number in range(50))

    assert items.judge_administrators(LocalAccounts(many), ASKED).facts["accounts"].endswith("a019 and 30 more")


def test_old_passwords_are_counted_and_nobody_is_named():
    """Only if the policy asks, and only of accounts that have one."""
    asked = Posture(password_max_age_days=90)
    old = LocalAccount("alice", False, True, NOW_NS - 91 * DAY_NS)
    new = LocalAccount("bob", False, True, NOW_NS - 90 * DAY_NS)
    untold = LocalAccount("carol", False, True)
    assert items.judge_password_age(LocalAccounts((old,)), ASKED, NOW_NS).state is State.NOT_APPLICABLE
    assert items.judge_password_age(LocalAccounts((ROOT, new)), asked, NOW_NS).state is State.PASS
    assert items.judge_password_age(LocalAccounts((untold, new)), asked, NOW_NS).state is State.UNKNOWN

    judged = items.judge_password_age(LocalAccounts((old, new, untold)), asked, NOW_NS)
    assert judged.state is State.FAIL
    assert judged.figures == {"accounts": "1", "oldest_days": "91"}
    assert "alice" not in repr(judged)


def test_only_listed_guests_come_in_without_a_password():
    """And never with the rights of an administrator."""
    accounts = Accounts(shared=("year-*",))
    guest = LocalAccount("guest", False, False, needs_no_password=True)
    shared = LocalAccount("Year-7", False, False, needs_no_password=True)
    open_one = LocalAccount("office", False, True, needs_no_password=True)
    powerful = LocalAccount("guest-2", True, False, needs_no_password=True)
    assert items.judge_guest_account(LocalAccounts((ROOT, PUPIL)), accounts).state is State.PASS
    assert items.judge_guest_account(LocalAccounts((guest, shared)), accounts).state is State.PASS

    judged = items.judge_guest_account(LocalAccounts((guest, open_one, powerful)), accounts)
    assert judged.facts == {"accounts": "2", "administrators": "1"}
    assert "office" not in repr(judged)


def at(text: str, zone: ZoneInfo, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()) * 10**9


LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("moment", "is_night"),
    [
        ("2026-11-22T17:59:59", False),
        ("2026-11-22T18:00:00", True),
        ("2026-11-22T23:59:59", True),
        ("2026-11-23T00:00:00", True),
        ("2026-11-23T05:59:59", True),
        ("2026-11-23T06:00:00", False),
        # In summer an hour earlier by the sun.
        ("2026-07-01T18:00:00", True),
        ("2026-07-01T17:59:00", False),
        # The hour that does not exist, and the one that comes twice.
        ("2027-03-28T01:30:00", True),
        ("2026-10-25T01:30:00", True),
    ],
)
def test_the_night_is_by_the_clock_on_the_wall(moment: str, is_night: bool):
    """Over midnight and through both changes of the clocks."""
    for fold in (0, 1):
        judged = items.judge_switched_on(Posture(off_after="18:00"), at(moment, LONDON, fold), LONDON)
        assert (judged.state is State.FAIL) == is_night


def test_a_night_that_ends_at_the_change_of_clocks_is_by_the_wall_too():
    """From 01:00 to 02:00 there is nothing in spring and two hours in autumn."""
    asked = Posture(off_after="01:00", off_until="02:00")
    spring = [datetime(2027, 3, 28, hour, 30, tzinfo=UTC) for hour in range(3)]
    autumn = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in range(3)]

    def count(moments: list[datetime]) -> int:
        judged = [items.judge_switched_on(asked, int(each.timestamp()) * 10**9, LONDON) for each in moments]
        return sum(each.state is State.FAIL for each in judged)

    assert (count(spring), count(autumn)) == (0, 2)


def test_the_night_is_not_asked_for_unless_the_policy_does():
    """And by the machine's own zone."""
    assert items.judge_switched_on(ASKED, NOW_NS).state is State.NOT_APPLICABLE
    assert items.judge_switched_on(Posture(off_after="00:00", off_until="00:00"), NOW_NS).state is State.FAIL
