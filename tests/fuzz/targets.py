# SPDX-License-Identifier: Apache-2.0
"""All targets by name."""

from tests.fuzz.control import CONTROL
from tests.fuzz.target import Target
from tests.fuzz.targets_evidence import TARGETS as EVIDENCE
from tests.fuzz.targets_machine import TARGETS as MACHINE
from tests.fuzz.targets_people import TARGETS as PEOPLE
from tests.fuzz.targets_policy import TARGETS as POLICY
from tests.fuzz.targets_wire import TARGETS as WIRE

TARGETS: dict[str, Target] = {target.name: target for target in (*WIRE, *EVIDENCE, *POLICY, *PEOPLE, *MACHINE)}


def find_target(name: str) -> Target:
    """Return the target of that name, the control among them.

    Raises:
        KeyError: there is none.
    """
    return CONTROL if name == CONTROL.name else TARGETS[name]
