# SPDX-License-Identifier: Apache-2.0
"""Tests that what the packs' rules class an action as and what they name to be done about it go together."""

from collections.abc import Iterator
from datetime import date

import pytest

from rules.load import list_packs, load_pack, parse_files
from rules.model import ActionClass, Policy, Rule
from rules.responses import Offer, Response, Step

POLICIES = {name: parse_files(load_pack(name)) for name in list_packs()}
WITH_RESPONSES = {name: policy for name, policy in POLICIES.items() if policy.responses}
"""All but the baseline, which is no school's policy."""
TAKES_POST_AWAY = {Step.DISCIPLINARY, Step.SUSPENSION}


def list_rules(policy: Policy, action_class: ActionClass) -> Iterator[tuple[Rule, Response | None]]:
    """Return the rules of a class, each with the row that it names."""
    rows = {row.id: row for row in policy.responses}
    return ((rule, rows.get(rule.response)) for rule in policy.rules if rule.action_class is action_class)


def is_due_at_once(offer: Offer, severity: int) -> bool:
    """Tell whether a step is due when an incident of this severity is opened: it waits for nothing, or not for more."""
    is_bad = 1 < offer.from_severity <= severity
    return is_bad or (offer.from_severity == 1 and offer.from_time == 1)


def test_only_the_baseline_names_nothing_to_be_done():
    """The tests below look at the five schools."""
    assert set(POLICIES) - set(WITH_RESPONSES) == {"uk-baseline"}


@pytest.mark.parametrize("pack", sorted(WITH_RESPONSES))
def test_what_may_be_illegal_has_the_police_for_pupils_and_for_staff(pack: str):
    """Nothing of it can be resolved before the police were decided on, so both sides have to name them."""
    without_police = [
        rule.id
        for rule, row in list_rules(WITH_RESPONSES[pack], ActionClass.ILLEGAL)
        if row is None or not all(Step.POLICE in {offer.step for offer in side} for side in (row.pupil, row.staff))
    ]
    assert without_police == []


@pytest.mark.parametrize("pack", sorted(WITH_RESPONSES))
def test_what_is_acceptable_is_no_matter_of_discipline(pack: str):
    """An agent that is busy or a disk without encryption is nobody's misconduct when it is first told."""
    punished = [
        (rule.id, row.id)
        for rule, row in list_rules(WITH_RESPONSES[pack], ActionClass.ACCEPTABLE)
        if row is not None
        and any(
            offer.step in TAKES_POST_AWAY and is_due_at_once(offer, rule.severity) for offer in (*row.pupil, *row.staff)
        )
    ]
    assert punished == []


def test_passwords_of_bexton_last_from_one_term_to_the_next():
    """The longest is from the first day of a late summer term to that of the autumn term."""
    longest = date(2026, 9, 2) - date(2026, 4, 13)
    assert POLICIES["bexton"].settings.posture.password_max_age_days >= longest.days
