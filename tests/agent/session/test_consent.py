# SPDX-License-Identifier: Apache-2.0
"""Tests of whether the notice is accepted and when it comes again. Its window is shown in the tests of the watcher."""

import queue
from collections.abc import Iterator

import pytest

from agent.errors import NotWatchedError
from agent.session.consent import AGAIN_S, Consent
from agent.session.notice import Answer
from tests.agent.session.desktop import WITHIN_S, make_setup

Told = queue.SimpleQueue


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What windows answer; without a display each of them ends at once."""
    monkeypatch.setenv("DISPLAY", ":7777")
    return queue.SimpleQueue()


@pytest.fixture
def consent(told: Told) -> Iterator[Consent]:
    """A notice that is not accepted yet."""
    made = Consent(make_setup(is_accepted=False), told.put)
    yield made
    made.close()


def test_only_the_button_accepts(consent: Consent) -> None:
    """Closing the window does not; pressing the button does, once."""
    assert not consent.take(Answer.CLOSED, 0.0)
    assert not consent.is_given
    assert consent.take(Answer.READ, 1.0)
    assert consent.is_given
    assert not consent.take(Answer.READ, 2.0)


def test_it_comes_again(consent: Consent, told: Told) -> None:
    """A notice that was closed is shown again after a while, and only then."""
    consent.take(Answer.CLOSED, 0.0)
    consent.look(AGAIN_S - 1)
    assert told.empty()
    consent.look(AGAIN_S)
    assert told.get(timeout=WITHIN_S) in Answer


def test_a_machine_that_cannot_show_it_is_not_watched(consent: Consent) -> None:
    """Nobody is watched without having been told."""
    with pytest.raises(NotWatchedError, match="notice"):
        consent.take(Answer.CANNOT_SHOW, 0.0)
    assert not consent.is_given


def test_what_was_accepted_stays(told: Told) -> None:
    """However the notice ends when a click on the sign shows it again."""
    consent = Consent(make_setup(), told.put)
    for answer in Answer:
        assert not consent.take(answer, 0.0)
        assert consent.is_given
