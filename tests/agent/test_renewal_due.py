# SPDX-License-Identifier: Apache-2.0
"""Tests of when a certificate is due and when it is over: pure, by its dates."""

from dataclasses import replace

from agent.identity import Identity
from agent.renewal import RENEW_AFTER, SPREAD, is_due, is_over
from tests.agent.collector import FakeCollector

DAY_S = 24 * 3600
DAY_NS = DAY_S * 10**9


def make_identity(identity: Identity, begin_day: int, end_day: int, certificate: bytes = b"one") -> Identity:
    """Return a device whose certificate has other dates, in days since 1970."""
    return replace(
        identity,
        certificate_not_before_s=begin_day * DAY_S,
        certificate_not_after_s=end_day * DAY_S,
        tls_certificate_pem=certificate,
    )


def test_it_is_due_after_two_thirds_and_not_on_one_day() -> None:
    """Devices that were enrolled in the same minute come back over a month, each at its own time, and all in time."""
    identity = FakeCollector().make_identity()
    due_on = []
    for number in range(300):
        each = make_identity(identity, 1000, 1400, b"%d" % number)
        due_on.append(next(day for day in range(1000, 1401) if is_due(each, day * DAY_NS)))
        assert not is_over(each, due_on[-1] * DAY_NS)
    assert min(due_on) >= 1000 + 400 * RENEW_AFTER
    assert max(due_on) <= 1000 + 400 * (RENEW_AFTER + SPREAD) + 1
    assert len(set(due_on)) > 25


def test_it_is_over_with_its_last_second() -> None:
    """A certificate whose end is not known counts as good, and as one that should be replaced."""
    identity = FakeCollector().make_identity()
    dated = make_identity(identity, 1000, 1400)
    assert [is_over(dated, 1400 * DAY_NS + ns) for ns in (-1, 0)] == [False, True]
    unknown = make_identity(identity, 0, 0)
    assert not is_over(unknown, 2000 * DAY_NS)
    assert is_due(unknown, 2000 * DAY_NS)
    assert not is_due(replace(unknown, enrol_address=""), 2000 * DAY_NS)
