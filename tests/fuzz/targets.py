# SPDX-License-Identifier: Apache-2.0
"""All targets by name."""

from tests.fuzz.target import Target
from tests.fuzz.targets_machine import TARGETS as MACHINE
from tests.fuzz.targets_people import TARGETS as PEOPLE
from tests.fuzz.targets_policy import TARGETS as POLICY
from tests.fuzz.targets_wire import TARGETS as WIRE

TARGETS: dict[str, Target] = {target.name: target for target in (*WIRE, *POLICY, *PEOPLE, *MACHINE)}
