# SPDX-License-Identifier: Apache-2.0
"""Tests of the register: what becomes of a request, and what of it is in the policy."""

from dataclasses import replace

import pytest

from collector.approved_media import MediumKey, list_approved_media, put_in_register
from collector.audit import list_entries, verify_audit
from collector.console.clock import find_zone
from collector.errors import UsageError
from collector.exceptions import RequestError, Scope, Status, list_exceptions
from collector.exceptions import register as module
from collector.exceptions.request import to_local
from collector.store.engine import reading, writing
from collector.subjects import load_account_key
from proto.events import Audience
from proto.sealed import make_account_ref
from rules.evaluate import Evaluator
from rules.moment import Moment
from tests.collector.exceptions.conftest import Register
from tests.collector.school import MINUTE_NS, TOR

DAY_NS = 24 * 60 * MINUTE_NS
STICK = MediumKey("0951", "1666", "60a44c413d")


def status_of(register: Register, id_: str) -> Status:
    """Return where one stands now."""
    return register.find(id_).find_status(register.school.now_ns)


def test_granted_exception_is_in_the_policy_until_it_is_withdrawn(register: Register) -> None:
    """Devices get rule, times and references of accounts, signed; never the reason, a name or who asked."""
    scope = Scope(rules=("bypass-tor",), programs=("tor",), people=("p1",))
    id_ = register.ask(scope, first="2026-11-23T09:00", reason="Ada writes about it")
    register.grant(id_, note="for the essay", publishes=True)
    (excepted,) = register.policy.arrangements.exceptions
    ref = make_account_ref(load_account_key(register.school.config), "directory:ada").hex()
    assert (excepted.id, excepted.rules, excepted.programs) == (f"asked-{id_}", ("bypass-tor",), ("tor",))
    assert (excepted.accounts, f"{excepted.first:%m-%d %H:%M}") == ((ref,), "11-23 09:00")
    assert f"{excepted.last:%m-%d %H:%M}" == "12-19 00:00"
    assert not any(name in repr(register.policy.arrangements) for name in ("Ada", "directory", "anna"))
    register.withdraw(id_, note="the essay is written", publishes=True)
    assert register.policy.arrangements.exceptions == ()
    found = register.find(id_)
    assert (found.state, found.decided_by) == ("withdrawn", "ben")
    assert found.decision_note == "was granted by ben; the essay is written"


def test_rule_is_silent_for_the_nominated_and_only_for_the_time(register: Register) -> None:
    """Nobody else is excused by it, nor is he before and after, nor when somebody else has a session too."""
    school = register.school
    register.grant(register.ask(Scope(rules=("bypass-tor",), people=("p1",)), last="2026-11-23"), publishes=True)
    key, evaluator = load_account_key(school.config), Evaluator(register.policy)

    def tells(*accounts: str, later_ns: int = 0) -> bool:
        refs = frozenset(make_account_ref(key, account).hex() for account in accounts)
        moment = Moment(at_ns=school.now_ns + later_ns, account_refs=refs)
        return any(each.rule.id == "bypass-tor" for each in evaluator.match(TOR.kind, TOR, moment))

    assert not tells("directory:ada", later_ns=MINUTE_NS)
    assert tells("directory:ben", later_ns=MINUTE_NS)
    assert tells("directory:ada", "directory:ben", later_ns=MINUTE_NS)
    assert tells("directory:ada", later_ns=-2 * MINUTE_NS)
    assert tells("directory:ada", later_ns=3 * DAY_NS)


def test_everything_is_in_the_audit_log(register: Register) -> None:
    """Who asked, who decided, who reviewed and who ended it."""
    id_, other = register.ask(by="anna"), register.ask(by="ben")
    register.grant(id_, by="ben")
    register.review(id_, by="ben", next_on="2026-12-01")
    register.refuse(other, by="anna", note="not that long")
    register.withdraw(id_, by="anna")
    school = register.school
    log = [(each.action, each.actor, each.subject) for each in reversed(list_entries(school.engine, school.id))]
    assert [each for each in log if each[0].startswith("exception")] == [
        ("exception.asked", "anna", f"exception/{id_}"),
        ("exception.asked", "ben", f"exception/{other}"),
        ("exception.granted", "ben", f"exception/{id_}"),
        ("exception.reviewed", "ben", f"exception/{id_}"),
        ("exception.refused", "anna", f"exception/{other}"),
        ("exception.withdrawn", "anna", f"exception/{id_}"),
    ]
    assert verify_audit(school.engine, school.id)


def test_ended_exception_does_nothing_and_needs_nobody(register: Register) -> None:
    """Once its time is over it is in no bundle, and nobody reviews, withdraws or decides it any more."""
    granted, waiting = register.ask(last="2026-11-23"), register.ask(last="2026-11-23")
    register.grant(granted)
    register.school.pass_time(3 * DAY_NS)
    assert (status_of(register, granted), status_of(register, waiting)) == (Status.ENDED, Status.LAPSED)
    register.school.publish()
    assert register.policy.arrangements.exceptions == ()
    for act in (register.review, register.withdraw, register.refuse, register.grant):
        with pytest.raises(UsageError):
            act(granted)
    for act in (register.grant, register.refuse, register.withdraw):
        with pytest.raises(UsageError, match=r"is over|is lapsed"):
            act(waiting)


def test_it_is_decided_once(register: Register) -> None:
    """Two people who decide at the same time do not undo each other."""
    id_ = register.ask()
    register.refuse(id_, by="ben")
    with pytest.raises(UsageError, match="it was decided by ben"):
        register.grant(id_, by="carol")
    assert status_of(register, id_) is Status.REFUSED


def test_request_is_taken_back_without_a_new_policy(register: Register) -> None:
    """It never was in one."""
    id_ = register.ask()
    register.withdraw(id_, by="anna")
    assert (status_of(register, id_), register.policy.version) == (Status.WITHDRAWN, 1)


def test_refusal_says_why(register: Register) -> None:
    """Whoever asked reads it."""
    id_ = register.ask()
    with pytest.raises(RequestError, match="say why it is refused"):
        register.refuse(id_, note="  ")
    register.refuse(id_, note="ask for the lesson only")
    assert register.find(id_).decision_note == "ask for the lesson only"


def test_rule_that_became_one_of_safeguarding_is_not_excepted(register: Register) -> None:
    """Between asking and deciding the policy may have changed: what is in force at the decision counts."""
    id_ = register.ask()
    policy = register.shipped
    rules = tuple(
        replace(rule, audience=Audience.SAFEGUARDING) if rule.id == "bypass-tor" else rule for rule in policy.rules
    )
    with pytest.raises(RequestError, match="safeguarding"):
        register.grant(id_, policy=replace(policy, rules=rules))
    assert status_of(register, id_) is Status.WAITING


def test_review_moves_the_day_and_a_last_day_needs_none(register: Register) -> None:
    """It is due on its day, no more after somebody looked, and never on the day on which it ends anyway."""
    zone, school = find_zone(), register.school
    long, short = register.ask(last="2027-07-31"), register.ask(last="2026-12-18")
    register.grant(long)
    register.grant(short)
    assert [register.find(each).review_on for each in (long, short)] == ["2027-02-19", "2026-12-18"]
    assert not register.find(long).is_due(school.now_ns, zone)
    school.now_ns += 27 * DAY_NS
    assert not register.find(short).is_due(school.now_ns, zone)
    assert register.find(short).is_ending(school.now_ns)
    school.now_ns += 70 * DAY_NS
    assert register.find(long).is_due(school.now_ns, zone)
    with pytest.raises(RequestError, match="not today"):
        register.review(long, next_on="2027-02-26")
    register.review(long, next_on="2027-05-01")
    found = register.find(long)
    assert (found.is_due(school.now_ns, zone), found.reviewed_by, found.review_on) == (False, "ben", "2027-05-01")


def test_stick_goes_into_the_register_of_usb_devices_and_out_again(register: Register) -> None:
    """Until its last day; and an approval that somebody else gave since stays when the exception is withdrawn."""
    school = register.school

    def approved() -> dict[MediumKey, tuple[str, str]]:
        with reading(school.engine) as connection:
            return {each.key: (each.until, each.approved_by) for each in list_approved_media(connection, school.id)}

    id_ = register.ask(Scope(stick=STICK, people=("s1",)), reason="reports for the governors")
    register.grant(id_, by="ben", publishes=True)
    assert approved() == {STICK: ("2026-12-18", "ben")}
    assert [each.serial for each in register.policy.settings.media] == [STICK.serial]
    assert register.policy.arrangements.exceptions == ()
    with pytest.raises(RequestError, match="is approved already, until 2026-12-18"):
        register.ask(Scope(stick=STICK))
    register.withdraw(id_)
    assert approved() == {}
    again = register.ask(Scope(stick=STICK))
    register.grant(again)
    with writing(school.engine) as connection:
        put_in_register(connection, school.id, STICK, note="office", until="", actor="tom", now_ns=school.now_ns)
    register.withdraw(again)
    assert approved() == {STICK: ("", "tom")}


def test_stick_is_in_force_from_the_day_of_the_decision(register: Register) -> None:
    """Neither before, as the day of asking would say, nor later than the register of USB devices has it."""
    school = register.school
    id_ = register.ask(Scope(stick=STICK))
    school.pass_time(2 * DAY_NS)
    register.grant(id_)
    found = register.find(id_)
    assert f"{to_local(found.first_ns, find_zone()):%m-%d %H:%M}" == "11-23 00:00"
    assert status_of(register, id_) is Status.IN_FORCE
    with reading(school.engine) as connection:
        (approval,) = list_approved_media(connection, school.id)
    assert approval.until == "2026-12-18"
    assert f"{to_local(found.last_ns, find_zone()):%m-%d %H:%M}" == "12-19 00:00"


def test_register_has_an_end(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits or stands is counted, what is over is not."""
    monkeypatch.setattr(module, "MAX_OPEN", 2)
    register.refuse(register.ask())
    register.ask()
    register.grant(register.ask())
    with pytest.raises(UsageError, match="2 exceptions wait or are in force already"):
        register.ask()
    assert len(list_exceptions(register.school.engine, register.school.id)) == 3


def test_unknown_one_is_told(register: Register) -> None:
    """With where the register is."""
    with pytest.raises(UsageError, match="there is no exception") as told:
        register.grant("0" * 16)
    assert "exceptions list" in told.value.hint
