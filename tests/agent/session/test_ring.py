# SPDX-License-Identifier: Apache-2.0
"""Tests of the memory that holds what was typed, against the plainest model of it: a string."""

from hypothesis import given
from hypothesis import strategies as st

from agent.session.ring import Ring

CAPACITY = 12
LETTERS = st.text(st.characters(codec="utf-8"), max_size=20)
STEPS = st.lists(st.one_of(LETTERS, st.sampled_from([None, False, True])), max_size=40)


def is_zero_behind_text(ring: Ring) -> bool:
    return not any(ring._memory[len(ring) * 4 :])


@given(STEPS)
def test_it_holds_the_newest_text(steps: list) -> None:
    """It is always the end of what was typed and not erased, and every byte behind it is zero."""
    ring, model, forgotten = Ring(CAPACITY), "", 0
    for step in steps:
        if step is None:
            ring.wipe()
            model, forgotten = "", 0
        elif step is False:
            ring.erase()
            model = model[:-1]
        elif step is True:
            ring.erase_word()
            model = model.rstrip()
            while model and not model[-1].isspace():
                model = model[:-1]
        else:
            ring.append(step)
            model += step[-CAPACITY:]
            kept = len(ring)
            assert min(len(model), CAPACITY * 3 // 4) <= kept <= CAPACITY or kept == len(model)
            forgotten += len(model) - kept
            model = model[len(model) - kept :]
        assert ring.text() == model
        assert ring.forgotten == forgotten
        assert len(ring._memory) == CAPACITY * 4
        assert is_zero_behind_text(ring)


def test_a_wipe_overwrites_what_was_there() -> None:
    """After a wipe no byte of the text is left in the memory itself, which is still the same memory."""
    ring = Ring()
    memory = ring._memory
    ring.append("my secret")
    ring.wipe()
    assert ring._memory is memory
    assert not any(memory)
