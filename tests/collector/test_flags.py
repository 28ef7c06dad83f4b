# SPDX-License-Identifier: Apache-2.0
"""Tests of flags as their readers have them, and as nobody else has them."""

from dataclasses import replace
from typing import Any

import pytest

from collector import flags
from collector.audit import list_entries
from collector.errors import UsageError
from collector.flags import Flag, FlagState, Verdict, Wanted
from collector.incidents import list_incidents
from collector.readers import Reader
from collector.roles import Role
from proto.errors import SealError
from proto.events import Audience, Tier
from proto.sealed import open_sealed, seal
from rules.route import Route
from tests.collector.evidence import Device
from tests.collector.safeguarding import SENTENCE, Person, Safeguarding, build_safeguarding, make_nonce
from tests.collector.school import School

DAY_NS = 24 * 3600 * 10**9


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """Four readers and the set that names them."""
    return build_safeguarding(school)


def list_of(safeguarding: Safeguarding, person: Person, **options) -> list[Flag]:
    """Return what a person sees."""
    school = safeguarding.school
    return flags.list_flags(school.engine, school.id, reader=safeguarding.reader(person), **options)


def decide(safeguarding: Safeguarding, flag_id: str, person: Person, verdict: Verdict = Verdict.CONCERN) -> None:
    """Decide a flag as a person."""
    school = safeguarding.school
    flags.decide(
        school.engine,
        school.id,
        flag_id,
        reader=safeguarding.reader(person),
        verdict=verdict,
        category="suicide",
        action="talked_to_child",
        now_ns=school.now_ns,
    )


def incidents_of(school: School) -> list[tuple[str, int, int, str]]:
    """Return the incidents that only readers may know of: route, severity, count and state."""
    found = list_incidents(school.engine, school.id, audiences=[Audience.SAFEGUARDING])
    return sorted((each.group, each.severity, each.count, each.state) for each in found)


def actions_of(school: School) -> list[tuple[str, str, str]]:
    """Return who did what to which flag, by the audit log, in order."""
    found = [each for each in list_entries(school.engine, school.id) if each.subject.startswith("flag/")]
    return [(each.actor, each.action, each.detail) for each in reversed(found)]


# Who sees one


def test_reader_of_the_route_opens_a_flag(safeguarding: Safeguarding, device: Device) -> None:
    """From the device's seal to the sentence, with the reader's own key; and that he read it is in the audit log."""
    flag_id = safeguarding.raise_flag(device, tier="call")
    (seen,) = list_of(safeguarding, safeguarding.dsl)
    assert (seen.id, seen.tier, seen.route, seen.drill) == (flag_id, Tier.CALL, Route.DSL, False)
    assert (seen.device_id, seen.hostname, seen.state) == (device.id, "library-01", FlagState.NEW)
    assert safeguarding.open(flag_id, safeguarding.dsl).sentence == SENTENCE
    assert actions_of(safeguarding.school) == [("dana", "flag.read", "")]
    assert list_of(safeguarding, safeguarding.deputy)[0].state is FlagState.READ


def test_who_is_not_on_the_route_finds_nothing(safeguarding: Safeguarding, device: Device) -> None:
    """A flag of another route and one that never was get the same answer, and neither is logged as read."""
    school, flag_id = safeguarding.school, safeguarding.raise_flag(device, route="head")
    for asked in (flag_id, "0" * 16):
        for person in (safeguarding.dsl, safeguarding.deputy, safeguarding.chair):
            reader = safeguarding.reader(person)
            assert flags.find_flag(school.engine, school.id, asked, reader=reader) is None
            with pytest.raises(UsageError, match="there is no such flag"):
                flags.read_sealed(school.engine, school.id, asked, reader=reader, now_ns=school.now_ns)
            with pytest.raises(UsageError, match="there is no such flag"):
                decide(safeguarding, asked, person)
            sealed = seal(b"a note", [person.age_key])
            with pytest.raises(UsageError, match="there is no such flag"):
                flags.add_note(school.engine, school.id, asked, reader=reader, sealed=sealed, now_ns=school.now_ns)
    assert actions_of(school) == []
    assert [each.id for each in list_of(safeguarding, safeguarding.head)] == [flag_id]


def test_nobody_sees_what_was_typed_on_his_own_account(safeguarding: Safeguarding, device: Device) -> None:
    """Even if a device gave it a route that he reads."""
    school = safeguarding.school
    flag_id = safeguarding.raise_flag(device, account="directory:dana")
    assert list_of(safeguarding, safeguarding.dsl) == []
    assert flags.count_waiting(school.engine, school.id, reader=safeguarding.reader(safeguarding.dsl)) == 0
    assert [each.id for each in list_of(safeguarding, safeguarding.deputy)] == [flag_id]


def test_promotion_does_not_open_what_was_kept_from_somebody(safeguarding: Safeguarding, device: Device) -> None:
    """A flag went to the head because it may be about the deputy: the deputy becomes head and does not find it."""
    school, dev = safeguarding.school, safeguarding.deputy
    about_him = safeguarding.raise_flag(device, route="head")
    safeguarding.give_roles(dev, Role.HEADTEACHER)
    promoted = replace(dev.recipient, positions=("headteacher",))
    safeguarding.publish(safeguarding.sign([safeguarding.dsl.recipient, promoted, safeguarding.chair.recipient]))
    later = safeguarding.raise_flag(device, route="head")
    assert [each.id for each in list_of(safeguarding, dev)] == [later]
    assert flags.find_flag(school.engine, school.id, about_him, reader=safeguarding.reader(dev)) is None


def test_school_sees_only_its_own(safeguarding: Safeguarding, device: Device) -> None:
    """Every query is for one school."""
    flag_id = safeguarding.raise_flag(device)
    reader = safeguarding.reader(safeguarding.dsl)
    engine = safeguarding.school.engine
    assert flags.list_flags(engine, "0" * 16, reader=reader) == []
    assert flags.find_flag(engine, "0" * 16, flag_id, reader=reader) is None


def test_list_goes_on_where_it_ended(safeguarding: Safeguarding, device: Device) -> None:
    """Newest first among those of one tier, by the place of the last one that was seen."""
    made = [safeguarding.raise_flag(device) for _ in range(5)]
    first = list_of(safeguarding, safeguarding.dsl, limit=2)
    rest = list_of(safeguarding, safeguarding.dsl, before=(first[-1].tier, first[-1].number))
    assert [each.id for each in [*first, *rest]] == made[::-1]
    assert list_of(safeguarding, safeguarding.dsl, wanted=Wanted(states=(FlagState.DECIDED,))) == []


def test_old_call_stands_before_newer_small_flags(safeguarding: Safeguarding, device: Device) -> None:
    """However many come after it, a short list has the call first, and goes on without leaving one out."""
    call = safeguarding.raise_flag(device, tier="call")
    small = [safeguarding.raise_flag(device, tier="count", account="directory:other") for _ in range(4)]
    shown: list[Flag] = []
    while page := list_of(
        safeguarding,
        safeguarding.dsl,
        wanted=Wanted(states=(FlagState.NEW, FlagState.READ)),
        limit=2,
        before=(shown[-1].tier, shown[-1].number) if shown else None,
    ):
        shown += page
    assert [each.id for each in shown] == [call, *small[::-1]]


def test_tier_account_and_drills_are_asked_for_before_the_limit(safeguarding: Safeguarding, device: Device) -> None:
    """What fits is found behind any number of newer flags that do not, and accounts are counted beyond the limit."""
    alert = safeguarding.raise_flag(device, tier="alert")
    for tier in ("call", "count", "count"):
        safeguarding.raise_flag(device, tier=tier, account="directory:other")
    asked = (Wanted(tier=Tier.ALERT), Wanted(subject_ref=safeguarding.ref()), Wanted(tier=Tier.ALERT, drill=False))
    for wanted in asked:
        assert [each.id for each in list_of(safeguarding, safeguarding.dsl, wanted=wanted, limit=1)] == [alert]
    assert list_of(safeguarding, safeguarding.dsl, wanted=Wanted(drill=True)) == []
    school, reader = safeguarding.school, safeguarding.reader(safeguarding.dsl)
    same = flags.count_accounts(school.engine, school.id, reader=reader, wanted=Wanted())
    assert same == {safeguarding.ref(): 1, safeguarding.ref("directory:other"): 3}


def test_outside_is_a_day_and_a_count(safeguarding: Safeguarding, device: Device) -> None:
    """Nobody may read it, so nothing of it is shown: neither device nor time; and only to those who read anything."""
    school = safeguarding.school
    safeguarding.raise_flag(device, route="outside")
    school.pass_time(DAY_NS)
    safeguarding.raise_flag(device, route="outside")
    safeguarding.raise_flag(device, route="outside", account="directory:charles")
    day_ns = school.now_ns - school.now_ns % DAY_NS
    for person, today in ((safeguarding.dsl, 2), (safeguarding.chair, 1)):
        shown = flags.list_outside(school.engine, school.id, reader=safeguarding.reader(person))
        assert shown == [flags.Outside(day_ns, today), flags.Outside(day_ns - DAY_NS, 1)]
        assert list_of(safeguarding, person) == []
    nobody = Reader(name="tess", routes=frozenset(), own_refs=frozenset(), barred=frozenset())
    assert flags.list_outside(school.engine, school.id, reader=nobody) == []


# What is done with one


def test_decision_can_be_changed_and_both_are_in_the_log(safeguarding: Safeguarding, device: Device) -> None:
    """What is shown is the last; what it is about stays out of a log that others read."""
    flag_id = safeguarding.raise_flag(device)
    decide(safeguarding, flag_id, safeguarding.dsl)
    assert [each.category for each in list_of(safeguarding, safeguarding.dsl)] == ["suicide"]
    decide(safeguarding, flag_id, safeguarding.deputy, Verdict.NO_CONCERN)
    (seen,) = list_of(safeguarding, safeguarding.dsl)
    assert (seen.state, seen.verdict, seen.category) == (FlagState.DECIDED, "no_concern", "")
    assert (seen.action, seen.decided_by) == ("talked_to_child", "dev")
    assert actions_of(safeguarding.school) == [
        ("dana", "flag.decided", "concern"),
        ("dev", "flag.decided", "concern became no_concern"),
    ]


@pytest.mark.parametrize("verdict", Verdict)
def test_category_is_kept_only_where_it_is_counted(
    safeguarding: Safeguarding, device: Device, verdict: Verdict
) -> None:
    """It stands in the clear beside the account's reference: of what is no concern it is dropped."""
    decide(safeguarding, safeguarding.raise_flag(device), safeguarding.dsl, verdict)
    (seen,) = list_of(safeguarding, safeguarding.dsl)
    counted = verdict in {Verdict.CONCERN, Verdict.REFERRED, Verdict.ALREADY_KNOWN}
    assert (seen.verdict, seen.category) == (verdict.value, "suicide" if counted else "")


def test_incident_is_resolved_with_the_last_of_its_flags(safeguarding: Safeguarding, device: Device) -> None:
    """And opened again by the next."""
    school = safeguarding.school
    first, second = safeguarding.raise_flag(device, tier="review"), safeguarding.raise_flag(device, tier="call")
    decide(safeguarding, first, safeguarding.dsl)
    assert incidents_of(school) == [("dsl", 5, 2, "open")]
    decide(safeguarding, second, safeguarding.dsl)
    assert incidents_of(school) == [("dsl", 5, 2, "resolved")]
    safeguarding.raise_flag(device, tier="count")
    assert incidents_of(school) == [("dsl", 5, 3, "open")]


@pytest.mark.parametrize(("category", "action"), [("weather", "police"), ("suicide", ""), ("suicide", "shrugged")])
def test_decision_in_other_words_is_refused(
    safeguarding: Safeguarding, device: Device, category: str, action: str
) -> None:
    """Reports count these, so they are ours."""
    flag_id = safeguarding.raise_flag(device)
    with pytest.raises(UsageError):
        flags.decide(
            safeguarding.school.engine,
            safeguarding.school.id,
            flag_id,
            reader=safeguarding.reader(safeguarding.dsl),
            verdict=Verdict.CONCERN,
            category=category,
            action=action,
            now_ns=0,
        )
    assert actions_of(safeguarding.school) == []


def test_note_is_kept_sealed(safeguarding: Safeguarding, device: Device) -> None:
    """What was not sealed in the browser is not taken."""
    school, flag_id = safeguarding.school, safeguarding.raise_flag(device)
    reader = safeguarding.reader(safeguarding.dsl)
    sealed = seal(b"I spoke with him", [safeguarding.dsl.age_key, safeguarding.deputy.age_key])
    flags.add_note(school.engine, school.id, flag_id, reader=reader, sealed=sealed, now_ns=school.now_ns)
    for wrong in (b"I spoke with him", b"", sealed + bytes(flags.MAX_NOTE_BYTES)):
        with pytest.raises(UsageError, match="not a sealed text"):
            flags.add_note(school.engine, school.id, flag_id, reader=reader, sealed=wrong, now_ns=school.now_ns)
    given = flags.read_sealed(school.engine, school.id, flag_id, reader=reader, now_ns=school.now_ns)
    assert given.notes == (flags.Note(school.now_ns, "dana", sealed),)


def test_copy_is_for_a_reader_of_the_route_only(safeguarding: Safeguarding, device: Device) -> None:
    """A deputy who lost his key gets a copy for his new one; the chair gets none, and nobody of his own words."""
    school, flag_id = safeguarding.school, safeguarding.raise_flag(device, account="directory:dev")
    reader, copy = safeguarding.reader(safeguarding.dsl), seal(b"copy", [safeguarding.head.age_key])
    for person in (safeguarding.chair, safeguarding.deputy):
        with pytest.raises(UsageError, match=f"{person.name} may not read this flag"):
            flags.add_copy(
                school.engine,
                school.id,
                flag_id,
                reader=reader,
                for_reader=safeguarding.reader(person),
                sealed=copy,
                now_ns=school.now_ns,
            )
    flag_id = safeguarding.raise_flag(device)
    theirs = seal(b"copy", [safeguarding.deputy.age_key])
    flags.add_copy(
        school.engine,
        school.id,
        flag_id,
        reader=reader,
        for_reader=safeguarding.reader(safeguarding.deputy),
        sealed=theirs,
        now_ns=school.now_ns,
    )
    given = flags.read_sealed(
        school.engine, school.id, flag_id, reader=safeguarding.reader(safeguarding.deputy), now_ns=school.now_ns
    )
    assert given.copy == flags.Copy(school.now_ns, "dana", theirs)
    assert safeguarding.open(flag_id, safeguarding.deputy).sentence == SENTENCE


def test_copy_takes_the_place_of_nothing(safeguarding: Safeguarding, device: Device) -> None:
    """Not of what the device sealed, nor of another colleague's copy; only who made one can make it again."""
    school, flag_id = safeguarding.school, safeguarding.raise_flag(device, route="head")
    set_up: dict[str, Any] = {"for_reader": safeguarding.reader(safeguarding.head), "now_ns": school.now_ns}
    where = school.engine, school.id, flag_id
    chair, head = (safeguarding.reader(each) for each in (safeguarding.chair, safeguarding.head))
    chair = replace(chair, routes=head.routes)
    for text in (b"first", b"again"):
        copy = seal(text, [safeguarding.head.age_key])
        flags.add_copy(*where, reader=chair, sealed=copy, **set_up)
    with pytest.raises(UsageError, match="charles has sealed a copy for heather already"):
        flags.add_copy(*where, reader=head, sealed=seal(b"other", [safeguarding.head.age_key]), **set_up)
    given = flags.read_sealed(*where, reader=head, now_ns=school.now_ns)
    assert given.copy == flags.Copy(school.now_ns, "charles", copy)
    assert safeguarding.open(flag_id, safeguarding.head).sentence == SENTENCE


# What is none


def test_drill_is_shown_and_never_counted(safeguarding: Safeguarding, device: Device) -> None:
    """It waits for nobody and takes no verdict; one that nobody ordered is an ordinary flag."""
    school = safeguarding.school
    claimed = safeguarding.raise_flag(device, drill_nonce=make_nonce())
    reader = safeguarding.reader(safeguarding.dsl)
    assert [each.drill for each in list_of(safeguarding, safeguarding.dsl)] == [False]
    assert flags.count_waiting(school.engine, school.id, reader=reader) == 1
    assert safeguarding.open(claimed, safeguarding.dsl).sentence == SENTENCE


def test_who_holds_no_key_reads_nothing(safeguarding: Safeguarding, device: Device) -> None:
    """What the collector gives out does not open with another's key: the seal holds where the law would fail."""
    flag_id = safeguarding.raise_flag(device)
    school = safeguarding.school
    reader = safeguarding.reader(safeguarding.dsl)
    given = flags.read_sealed(school.engine, school.id, flag_id, reader=reader, now_ns=school.now_ns)
    with pytest.raises(SealError):
        open_sealed(given.sealed, safeguarding.chair.secret)
    assert open_sealed(given.sealed, safeguarding.recovery_secret("dsl"))
