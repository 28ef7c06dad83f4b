# SPDX-License-Identifier: Apache-2.0
"""How `[rule.times]` and `[rule.who]` become `Times` and `Who`: when, before whom and where a rule counts.

    [rule.times]
    during = ["lesson", "exam"]                 # or except_during
    except_profiles = ["snow-days"]             # or profiles

    [rule.who]
    roles = ["pupil"]                           # or except_roles; likewise years, accounts, devices (groups of them)

What the words mean at a moment is `timetable`'s business, what they come to that of `bounds`.
Whether there are such periods and profiles is `agreement`'s: a single file cannot know.
"""

from collections.abc import Iterable

from rules.model import Times, Who
from rules.table import ID, Table
from rules.timetable import CLOSED, OUT_OF_HOURS, PERIODS, SCHOOL_HOURS, TIMES

ROLES = ("pupil", "staff", "supply", "guest")
ACCOUNTS = ("personal", "shared", "guest", "administrator")

_KEYS = {"during": TIMES, "except_during": TIMES, "profiles": None, "except_profiles": None}
_WHO = {"roles": ROLES, "years": None, "accounts": ACCOUNTS, "devices": None}
WHO_KEYS = tuple(_WHO)
_ALWAYS = frozenset({SCHOOL_HOURS, OUT_OF_HOURS})
# A club can be in the middle of a school day or at its end, so neither takes all clubs out.
_TAKEN_OUT_WITH = {SCHOOL_HOURS: frozenset(PERIODS) - {"club"}, OUT_OF_HOURS: frozenset({CLOSED})}
"""What never is without the other."""


def parse_times(table: Table) -> Times:
    """Read the `times` of a rule.

    Raises:
        RuleFormatError: a word is none of these, or they leave no time at all.
    """
    inner = table.inner_table("times", _KEYS)
    times = Times(
        during=inner.words("during", TIMES),
        except_during=inner.words("except_during", TIMES),
        profiles=inner.codes("profiles", ID, "the id of a [[profile]]: exams"),
        except_profiles=inner.codes("except_profiles", ID, "the id of a [[profile]]: exams"),
    )
    if not any(key in inner for key in _KEYS):
        raise table.fault("is empty", key="times", hint='during = ["lesson"], or leave the table out')
    is_always_excepted = set(times.except_during) >= _ALWAYS
    if is_always_excepted or _leaves_none(times.during, _find_excepted(times.except_during)):
        hint = "take something out of it"
        raise inner.fault("leaves no time, so the rule could never match", key="except_during", hint=hint)
    if _leaves_none(times.profiles, times.except_profiles):
        hint = "take something out of it"
        raise inner.fault("leaves no profile, so the rule could never match", key="except_profiles", hint=hint)
    return times


def parse_who(table: Table) -> Who:
    """Read the `who` of a rule.

    Raises:
        RuleFormatError: a word is none of these, or they leave nobody.
    """
    inner = table.inner_table("who", (*_WHO, *(f"except_{key}" for key in _WHO)))
    some, others = parse_people(inner), parse_people(inner, "except_")
    if not some and not others:
        raise table.fault("is empty", key="who", hint='roles = ["pupil"], or leave the table out')
    for key in some.keys() & others.keys():
        if _leaves_none(some[key], others[key]):
            problem = f"leaves nobody of {key}, so the rule could never match"
            raise inner.fault(problem, key=f"except_{key}", hint="take something out of it")
    return Who(**some, **{f"except_{key}": values for key, values in others.items()})


def parse_people(inner: Table, prefix: str = "", *, may_be_nobody: bool = False) -> dict[str, tuple[str, ...]]:
    """Read roles, years, accounts and devices, as many of them as there are.

    Raises:
        RuleFormatError: a word is none of these.
    """
    found = {}
    for key, known in _WHO.items():
        name = prefix + key
        if name not in inner:
            continue
        if known:
            found[key] = inner.words(name, known, may_be_empty=True)
        elif key == "devices":
            found[key] = inner.codes(name, ID, "the name of a [[device_group]]: laptops")
        else:
            found[key] = inner.texts(name)
        if not found[key] and not may_be_nobody:
            raise inner.fault("is empty", key=name, hint="name some, or leave the line out")
    return found


def parse_during(table: Table) -> tuple[str, ...]:
    """Read `during` where it stands alone.

    Raises:
        RuleFormatError: a word is no kind of period.
    """
    return table.words("during", TIMES)


def _find_excepted(times: tuple[str, ...]) -> frozenset[str]:
    return frozenset(times).union(*(_TAKEN_OUT_WITH.get(each, ()) for each in times))


def _leaves_none(some: Iterable[str], excepted: Iterable[str]) -> bool:
    only = set(some)
    return bool(only) and only <= set(excepted)
