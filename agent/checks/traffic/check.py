# SPDX-License-Identifier: Apache-2.0
"""The check `traffic`: says when a program sends or receives a lot for a minute, five minutes, ten, twenty and so on.

How much is too much, a rule says. Neither with whom nor what: the seam beneath it returns no addresses.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.checks.interface import Answer, Check, Rules
from agent.system.interface import System
from agent.system.traffic import TrafficMeter, Volume
from proto.events import Kind, State, TrafficSustained

FIRST_TOLD_S = 60.0
"""After so long a stretch of it is told for the first time; the next is TOLD_AGAIN_S, then twice as long each time."""
TOLD_AGAIN_S = 300.0
LEAST_MBIT_S = 1.0
"""10^6 bits a second, both ways together: below this nothing begins, and below half of it a stretch is over."""
MAX_STRETCHES = 100
NOT_KNOWN = "(not known)"
"""Stands for what no program could be found for: UDP, and connections that were too short."""


@dataclass(slots=True)
class _Stretch:
    """Minutes in which one program did not stop."""

    began_s: float
    tell_at_s: float
    received_bytes: int = 0
    sent_bytes: int = 0

    def add(self, volume: Volume) -> None:
        self.received_bytes += volume.received_bytes
        self.sent_bytes += volume.sent_bytes


class Traffic(Check):
    """Adds up what programs move."""

    name = "traffic"
    poll_interval_s = 10.0

    def __init__(
        self,
        system: System,
        find_rules: Callable[[], Rules | None],
        *,
        state_folder: Path | None = None,
        wake: Callable[[], None] | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """As for every check; `clock_s` never goes back."""
        super().__init__(system, find_rules, state_folder=state_folder, wake=wake)
        self._clock_s = clock_s
        self._meter: TrafficMeter | None = None
        self._asked_at_s: float | None = None
        self._stretches: dict[str, _Stretch] = {}
        self._unread: tuple[str, ...] = ()
        self._is_built = True

    def close(self) -> None:
        """Give back the meter."""
        if self._meter is not None:
            self._meter.close()
            self._meter = None
        self._asked_at_s = None
        self._stretches.clear()

    def _observe(self) -> Iterator[Kind]:
        if self._find_rules() is None:
            return
        if self._meter is None:
            self._meter = self._system.traffic()
            self._is_built = self._meter is not None
        if self._meter is None:
            return
        now_s, before_s = self._clock_s(), self._asked_at_s
        sample = self._meter.sample()
        self._asked_at_s, self._unread = now_s, sample.unread
        if before_s is None or now_s <= before_s:
            return
        known = list(sample.programs.values())
        rest = Volume(
            max(0, sample.total.received_bytes - sum(each.received_bytes for each in known)),
            max(0, sample.total.sent_bytes - sum(each.sent_bytes for each in known)),
        )
        for name, volume in {**sample.programs, NOT_KNOWN: rest}.items():
            self._add(name, volume, before_s, now_s)
        for name in [name for name in self._stretches if name not in sample.programs and name != NOT_KNOWN]:
            del self._stretches[name]
        for name, stretch in self._stretches.items():
            if now_s >= stretch.tell_at_s:
                yield _to_event(name, stretch, now_s)
                lasted_s = now_s - stretch.began_s
                stretch.tell_at_s = stretch.began_s + (TOLD_AGAIN_S if lasted_s < TOLD_AGAIN_S else 2 * lasted_s)

    def _add(self, name: str, volume: Volume, from_s: float, to_s: float) -> None:
        mbit_s = (volume.received_bytes + volume.sent_bytes) * 8 / 10**6 / (to_s - from_s)
        stretch = self._stretches.get(name)
        if stretch is None:
            if mbit_s < LEAST_MBIT_S or len(self._stretches) >= MAX_STRETCHES:
                return
            stretch = self._stretches[name] = _Stretch(from_s, from_s + FIRST_TOLD_S)
        elif mbit_s < LEAST_MBIT_S / 2:
            del self._stretches[name]
            return
        stretch.add(volume)

    def _answer(self) -> Answer:
        if not self._is_built:
            return Answer(State.UNKNOWN, "Traffic is not counted on this system yet.")
        if self._asked_at_s is None:
            return Answer(State.UNKNOWN, "There is no policy yet, so traffic is not counted.")
        if self._unread:
            return Answer(State.UNKNOWN, f"Traffic cannot be told by program; {'; '.join(self._unread)}.")
        return Answer(State.PASS, "The traffic of programs is counted; a rule says how much is too much.")


def _to_event(name: str, stretch: _Stretch, now_s: float) -> TrafficSustained:
    duration_s = now_s - stretch.began_s
    mbit_s = (stretch.received_bytes + stretch.sent_bytes) * 8 / 10**6 / duration_s
    return TrafficSustained(
        program_name=name,
        received_bytes=stretch.received_bytes,
        sent_bytes=stretch.sent_bytes,
        duration_s=int(duration_s),
        mean_mbit_s=round(mbit_s, 2),
    )
