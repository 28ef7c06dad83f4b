# SPDX-License-Identifier: Apache-2.0
"""Proofs that a clause is carried out, each shown twice: with what carries it, and failing without.

    PROOFS = Proofs("bexton")

    @PROOFS.proves("BX-04", without=rule("usb-unprotected-written"))
    def a_stick_in_clear_is_an_incident(world: World) -> None:
        world.report(WRITTEN)
        assert world.incidents("usb-unprotected-written")

    test_carried, test_taken_away = PROOFS.tests()

`coverage.toml` of the pack names `test_carried[BX-04]`. A proof whose assertion holds without what it names proves
nothing, and `test_taken_away[BX-04]` says so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from collector.console import app as console
from rules.settings import Settings
from tests.clauses.world import World

Show = Callable[[World], None]
Removal = Callable[[World, pytest.MonkeyPatch], None]


def rule(*ids: str) -> Removal:
    """Take rules away."""

    def take_away(world: World, patch: pytest.MonkeyPatch) -> None:
        for each in ids:
            world.take_away_rule(each)

    return take_away


def setting(name: str) -> Removal:
    """Take a table of the policy's settings away: `lock`, `posture`, `accounts`..."""

    def take_away(world: World, patch: pytest.MonkeyPatch) -> None:
        usual = {name: getattr(Settings(), name)}
        assert getattr(world.policy.settings, name) != usual[name], f"{world.pack} says nothing of its own on {name}"
        world.policy = replace(world.policy, settings=replace(world.policy.settings, **usual))

    return take_away


def replaced(target: str, value: Any) -> Removal:
    """Put something else in the place of an attribute: `collector.audit.record`. Say where it is used, not made."""

    def take_away(world: World, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(target, value)

    return take_away


def route(path: str) -> Removal:
    """Take a page of the console away, with every form of that address."""

    def take_away(world: World, patch: pytest.MonkeyPatch) -> None:
        left = tuple(each for each in console.ROUTES if each.path != path)
        assert len(left) < len(console.ROUTES), f"the console has no page {path}"
        patch.setattr(console, "ROUTES", left)

    return take_away


def all_of(*removals: Removal) -> Removal:
    """Take several things away."""

    def take_away(world: World, patch: pytest.MonkeyPatch) -> None:
        for each in removals:
            each(world, patch)

    return take_away


@dataclass(frozen=True)
class Proof:
    """One clause, how it is shown, and what carries it."""

    clause: str
    show: Show
    without: Removal


@dataclass
class Proofs:
    """The proofs of one file."""

    pack: str
    found: dict[str, Proof] = field(default_factory=dict)

    def proves(self, clause: str, *, without: Removal) -> Callable[[Show], Show]:
        """Note a function as the proof of a clause."""

        def note(show: Show) -> Show:
            assert clause not in self.found, f"{clause} is proved twice"
            self.found[clause] = Proof(clause, show, without)
            return show

        return note

    def tests(self) -> tuple[Callable[..., None], Callable[..., None]]:
        """Return the two tests of these proofs."""
        clauses = [pytest.param(proof, id=clause) for clause, proof in sorted(self.found.items())]

        @pytest.mark.parametrize("proof", clauses)
        def test_carried(proof: Proof, make_world: Callable[[str], World]) -> None:
            """The clause is carried out."""
            proof.show(make_world(self.pack))

        @pytest.mark.parametrize("proof", clauses)
        def test_taken_away(proof: Proof, make_world: Callable[[str], World], monkeypatch: pytest.MonkeyPatch) -> None:
            """Without what carries it, the proof fails."""
            world = make_world(self.pack)
            proof.without(world, monkeypatch)
            with pytest.raises(AssertionError):
                proof.show(world)

        return test_carried, test_taken_away
