# SPDX-License-Identifier: Apache-2.0
"""Tests of the console's words."""

from collector.console.wording import ANSWER_COLOURS, ANSWERS, KINDS, OWN_RULES, PROTECTION_COLOURS, PROTECTIONS
from collector.sightings import SEVERAL_DEVICES
from proto import events
from proto.events import State


def test_every_kind_of_event_has_words() -> None:
    """A page that says usb.written is for programs."""
    assert set(events.KINDS) == set(KINDS)


def test_every_answer_of_a_check_has_words_and_a_colour() -> None:
    """And unknown is not the colour of a pass."""
    assert set(ANSWERS) == set(ANSWER_COLOURS) == {state.value for state in State}
    assert ANSWER_COLOURS["unknown"] != ANSWER_COLOURS["pass"]


def test_only_what_is_encrypted_is_green() -> None:
    """Possibly encrypted, and what nobody knows, is not."""
    green = {name for name, colour in PROTECTION_COLOURS.items() if colour == "green"}
    assert green == {"encrypted", "hardware_encrypted"}
    assert green < set(PROTECTIONS)


def test_what_we_raise_ourselves_says_that_it_proves_no_person() -> None:
    """Where an account is on several devices, nobody is accused."""
    why, advice = OWN_RULES[SEVERAL_DEVICES]
    assert "proves no person" in why
    assert "Ask before you conclude" in advice
