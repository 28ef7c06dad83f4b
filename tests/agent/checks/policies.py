# SPDX-License-Identifier: Apache-2.0
"""Small policies for the tests of checks, made by hand."""

import hashlib
from dataclasses import dataclass

from proto.events import ProgramFound, ProgramStarted
from rules.evaluate import Evaluator
from rules.model import ActionClass, Inventory, Policy, ProgramPattern, Rule

KINDS = (ProgramFound.kind, ProgramStarted.kind)

TOR = ProgramPattern(name="Tor", executables=("tor",), packages=("tor",), flatpaks=("org.torproject.*",))
NMAP = ProgramPattern(name="Nmap", executables=("nmap",), packages=("nmap",), snaps=("nmap",))


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy with its compiled form, as `agent.policy` has it."""

    policy: Policy
    evaluator: Evaluator


def knows_hash(content: bytes) -> ProgramPattern:
    """Return a program that is known by its content alone."""
    return ProgramPattern(name="Listed", sha256=(hashlib.sha256(content).hexdigest(),))


def make_rules(
    *programs: ProgramPattern, ask: bool = False, approved: frozenset[str] = frozenset(), kinds: tuple[str, ...] = KINDS
) -> InForce:
    """Return a policy with one rule for each program."""
    rules = tuple(
        Rule(
            id=program.name.lower(),
            title=program.name,
            why="for a test",
            action_class=ActionClass.UNACCEPTABLE,
            severity=3,
            kinds=kinds,
            programs=(program,),
        )
        for program in programs
    )
    inventory = Inventory(ask, "for a test" if ask else "")
    policy = Policy(pack="test", title="Test", rules=rules, inventory=inventory, approved=approved)
    return InForce(policy, Evaluator(policy))
