# SPDX-License-Identifier: Apache-2.0
"""Certificates that end: a device's while it lies in a cupboard, the CA that it knows, and both at once.

Time passes by setting the clocks of both processes on (`clock`). Nobody touches the device: it renews its certificate
and learns of the new CA by itself. Only when the one CA that it knows has ended does it have to be enrolled again.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.soak.clock import DAY_NS, YEAR_NS, Clock
from tests.soak.outcome import Outcome
from tests.soak.rig import Rig, running

DEVICE_LIFE_NS = 400 * DAY_NS
"""A little more than a device's certificate is good for."""
CA_LIFE_NS = 41 * YEAR_NS
"""A little more than a CA is good for."""
BACK_WITHIN_S = 240.0
STEADY_S = 20.0


class Scene:
    """A rig whose clocks go on together, for a story about years."""

    def __init__(self, rig: Rig, clock: Clock) -> None:
        self.rig = rig
        self._clock = clock
        self._years_on_ns = 0

    def put_in_cupboard(self, for_ns: int) -> None:
        """Switch the device off with events that wait, let time pass for both, and switch it on again."""
        self.rig.kill_agent()
        self._pass(for_ns)
        self.start_agent()

    def start_agent(self) -> None:
        """Switch the device on."""
        self.rig.start_agent(environment=self._clock.environment)

    def rotate(self) -> None:
        """Make a new CA, as the collector's operator does."""
        parts = ["authority", "rotate", "--yes", "--dir", str(self.rig.collector_folder)]
        self.rig.run_command("collector", *parts, environment=self._clock.environment)

    def enrol_again(self) -> None:
        """Do what a technician does for a device that nothing else can bring back; it goes on as another device."""
        self.rig.kill_agent()
        self.rig.enrol(self.rig.state, "--again", environment=self._clock.environment)
        self.rig.restarts_wanted = 1
        self.start_agent()

    def _pass(self, for_ns: int) -> None:
        self._years_on_ns += for_ns
        # In order: while nobody listens, nobody sees a clock that jumps.
        self.rig.stop_collector()
        self._clock.set(self._years_on_ns)
        self.rig.start_collector(self._clock.environment)
        self.rig.wait_until_served()


def device_certificate_ended(scene: Scene) -> None:
    """A year in a cupboard."""
    scene.put_in_cupboard(DEVICE_LIFE_NS)


def ca_changed_while_connected(scene: Scene) -> None:
    """The device hears of it on its stream; then its certificate, of the former CA, ends."""
    scene.rotate()
    if not scene.rig.wait_until(lambda: _knows(scene.rig, 2), BACK_WITHIN_S):
        raise RuntimeError("the device did not hear of the new CA on its stream")
    scene.put_in_cupboard(DEVICE_LIFE_NS)


def ca_changed_in_the_cupboard(scene: Scene) -> None:
    """It comes back knowing only the former CA, with a certificate that has ended."""
    scene.rig.kill_agent()
    scene.rotate()
    scene.put_in_cupboard(DEVICE_LIFE_NS)


def ca_changed_twice_in_the_cupboard(scene: Scene) -> None:
    """The CA that it knows is two behind."""
    scene.rig.kill_agent()
    scene.rotate()
    scene.rotate()
    scene.put_in_cupboard(DEVICE_LIFE_NS)


STORIES: dict[str, Callable[[Scene], None]] = {
    "device certificate ended": device_certificate_ended,
    "CA changed while connected": ca_changed_while_connected,
    "CA changed in the cupboard": ca_changed_in_the_cupboard,
    "CA changed twice in the cupboard": ca_changed_twice_in_the_cupboard,
}


def run(times: int) -> Outcome:
    """Tell every story so many times, each with a school of its own."""
    outcome = Outcome("certificates")
    seen: list[str] = []
    for _ in range(times):
        for name, story in STORIES.items():
            sys.stderr.write(f"certificates: {name}\n")
            with _scene(outcome) as scene:
                story(scene)
                if not scene.rig.wait_until_answered(BACK_WITHIN_S):
                    outcome.problems.append(f"{name}: the device did not come back: {scene.rig.standing()}")
            outcome.tried += 1
        sys.stderr.write("certificates: CA ended in the cupboard\n")
        seen.append(_end_ca(outcome))
        outcome.tried += 1
    outcome.seen = f"came back by itself: {', '.join(STORIES)}; CA ended in the cupboard: {seen[0]}"
    return outcome


def _end_ca(outcome: Outcome) -> str:
    """Let the CA itself end, which takes forty years: the device trusts nobody then, and a technician has to come."""
    with _scene(outcome) as scene:
        scene.put_in_cupboard(CA_LIFE_NS)
        scene.rig.wait_until(lambda: bool(scene.rig.standing().get("problem")), BACK_WITHIN_S)
        scene.rig.wait_until_answered(STEADY_S)
        said = str(scene.rig.standing().get("problem", ""))
        scene.rotate()
        scene.enrol_again()
        if not scene.rig.wait_until_answered(BACK_WITHIN_S):
            outcome.problems.append(f"after the CA's end the device did not come back: {scene.rig.standing()}")
    return f"its events waited ({said}) until it was enrolled again"


@contextmanager
def _scene(outcome: Outcome) -> Iterator[Scene]:
    """Give a school with a device that has sent events and has some that wait."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(Path(folder), "both")
        place = Path(folder) / "rig"
        place.mkdir()
        with running(place, outcome, environment=clock.environment) as rig:
            scene = Scene(rig, clock)
            scene.start_agent()
            if not rig.wait_until_answered(BACK_WITHIN_S):
                outcome.problems.append(f"the agent did not begin: {rig.standing()}")
            yield scene


def _knows(rig: Rig, certificates: int) -> bool:
    """Return whether the agent trusts so many CAs."""
    return (rig.state / "identity" / "ca.crt").read_bytes().count(b"BEGIN CERTIFICATE") == certificates
