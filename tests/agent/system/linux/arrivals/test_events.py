# SPDX-License-Identifier: Apache-2.0
"""Tests of what the kernel's news of files mean: names of files under way, hard links."""

import os

import pytest

from agent.system.linux.arrivals import events as arrivals_events
from agent.system.linux.arrivals.events import UNFINISHED_FOR_S
from agent.system.linux.arrivals.watch import SURVEY_AGAIN_S
from tests.agent.system.linux.arrivals.homes import AT_FIRST, ELF, Machine


@pytest.mark.parametrize("name", ["game.part", "game~", "game.download", ".com.google.Chrome.game"])
def test_a_file_that_keeps_the_name_of_one_under_way_is_told_in_the_end(machine: Machine, name: str):
    """It runs as well as any; also when it is written again and again, or came in a folder."""
    (machine.root / "made").mkdir()
    (machine.root / "made" / name).write_bytes(ELF)
    (machine.root / "made").rename(machine.home / "Desktop/made")
    machine.await_watched(AT_FIRST + 1)
    (machine.home / "Downloads" / name).write_bytes(ELF)
    events = machine.watch._events
    assert events is not None
    machine.await_true(lambda: len(events._unfinished) == 2)
    machine.clock.advance(UNFINISHED_FOR_S - 1)
    assert machine.take() == {}
    (machine.home / "Downloads" / name).write_bytes(ELF)
    machine.clock.advance(1)

    assert set(machine.take()) == {f"home/pupil/Downloads/{name}", f"home/pupil/Desktop/made/{name}"}


def test_very_many_files_under_way_hide_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    """Those for which there is no room are told at once."""
    monkeypatch.setattr(arrivals_events, "MAX_UNFINISHED", 2)
    for number in range(3):
        (machine.home / f"Downloads/{number}~").write_bytes(ELF)

    assert set(machine.await_arrivals("home/pupil/Downloads/2~")) == {"home/pupil/Downloads/2~"}


def test_a_hard_link_is_an_arrival(machine: Machine):
    """Though nothing is written; a symbolic link, or what is still being written, is none yet."""
    (machine.root / "program").write_bytes(ELF)
    with open(machine.home / "Downloads/writing", "wb") as stream:
        stream.write(ELF)
        (machine.home / "Downloads/link").symlink_to(machine.root / "program")
        os.link(machine.root / "program", machine.home / "Downloads/game")

        assert machine.await_arrivals("home/pupil/Downloads/game") == {"home/pupil/Downloads/game": "downloads"}
    machine.await_arrivals("home/pupil/Downloads/writing")


def test_very_many_hard_links_are_looked_for(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    """Those for which there is no room are found in their folders."""
    monkeypatch.setattr(arrivals_events, "MAX_MADE", 2)
    (machine.root / "program").write_bytes(ELF)
    names = [f"home/pupil/Downloads/{number}" for number in range(9)]
    for name in names:
        os.link(machine.root / "program", machine.root / name)
    machine.clock.advance(SURVEY_AGAIN_S)

    machine.await_arrivals(*names)
