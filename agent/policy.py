# SPDX-License-Identifier: Apache-2.0
"""The policy in force on this machine: the newest bundle that our collector signed, and what it lets leave.

A bundle is taken whole or not at all; one that is older, or not signed by the collector that was pinned at enrolment,
is refused and the one in force stays. Without any, nothing but the agent's own state may leave.

Its rules may be bound to times and people: each is asked for the moment that this machine knows. What it does not know
excuses nothing, so all that the collector would judge leaves.
"""

import threading
import time
from collections.abc import Callable, Hashable
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

from google.protobuf.message import DecodeError

from agent.identity import Identity
from proto.events import Kind, Leaves
from proto.files import write_private
from proto.wire import Bundle
from rules.bundle import open_bundle, sha256_of
from rules.errors import BundleError
from rules.evaluate import Evaluator
from rules.exceptions import CHECK_PREFIX, KEYWORDS, TimedPause
from rules.model import Policy
from rules.moment import Moment

CLOCK_IS_TRUSTED_NS = 10 * 60 * 10**9
"""Farther from the collector's, our clock does not say whether it is a lesson."""

People = tuple[frozenset[str] | None, frozenset[str] | None]
"""Kinds and references of the accounts that have a session, as `Moment` has them."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy, compiled, with where it came from."""

    policy: Policy
    evaluator: Evaluator
    sha256: bytes


class PolicyStore:
    """Holds the policy in force and keeps it over a restart."""

    def __init__(self, path: Path, identity: Identity, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._identity = identity
        self._wall_ns = wall_ns
        self._situation: Hashable = None
        self.find_people: Callable[[], People] = lambda: (None, None)
        """Tells who has a session, as far as the policy asks for it and it is known; the app sets it."""
        self.find_clock_offset_ns: Callable[[], int] = lambda: 0
        """Tells how far our clock is ahead of the collector's; the app sets it."""
        self._lock = threading.Lock()
        self._in_force: InForce | None = None
        self.on_change: Callable[[], None] = lambda: None
        """Called after a policy came into force, in the thread that brought it."""

    @property
    def in_force(self) -> InForce | None:
        """The policy in force, or None before the first."""
        return self._in_force

    @property
    def version(self) -> int:
        """Version of the policy in force; 0 before the first."""
        return self._in_force.policy.version if self._in_force else 0

    @property
    def pauses(self) -> tuple[TimedPause, ...]:
        """What the policy in force pauses, was pausing or is going to pause."""
        return self._in_force.evaluator.bounds.pauses if self._in_force else ()

    def load(self) -> None:
        """Bring the policy of the last run back into force, if it still verifies.

        Raises:
            BundleError: it does not, or cannot be read. None is in force; the collector sends it again.
            TimeZoneError: this machine does not know its time zone. None is in force.
        """
        try:
            bundle = Bundle.FromString(self._path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, DecodeError) as error:
            raise BundleError(
                f"the policy on the disk cannot be read: {type(error).__name__}",
                hint="start the agent: the collector sends it again",
            ) from error
        self._in_force = self._open(bundle)

    def accept(self, bundle: Bundle) -> bool:
        """Bring a bundle into force if it is newer and ours; return False if it is the one in force already.

        Raises:
            BundleError: it is refused; the one in force stays.
            TimeZoneError: this machine does not know its time zone; the one in force stays.
            OSError: it cannot be kept on the disk; the one in force stays.
        """
        with self._lock:
            if self._in_force and sha256_of(bundle) == self._in_force.sha256:
                return False
            opened = self._open(bundle)
            write_private(self._path, bundle.SerializeToString())
            self._in_force = opened
        self.on_change()
        return True

    def find_moment(self) -> Moment:
        """Return what this machine knows of the present moment."""
        kinds, refs = self.find_people()
        return Moment(
            at_ns=self._find_now_ns(), device_id=self._identity.device_id, account_kinds=kinds, account_refs=refs
        )

    def follow_time(self) -> None:
        """Make `in_force` another object when its rules count otherwise than at the last call.

        A lesson begins, an exception ends, somebody signs in: what stood before is judged again, as it is by a new
        policy.
        """
        in_force = self._in_force
        if in_force is None or not in_force.evaluator.bounds.are_any:
            return
        before, self._situation = self._situation, in_force.evaluator.bounds.find_situation(self.find_moment())
        if before is None or before == self._situation:
            return
        with self._lock:
            if self._in_force is in_force:
                self._in_force = replace(in_force, evaluator=copy(in_force.evaluator))

    def find_pause(self, check: str) -> TimedPause | None:
        """Return the pause of a check that holds now, or None. Each ends by itself."""
        in_force = self._in_force
        if in_force is None:
            return None
        find_pause, now_ns = in_force.evaluator.bounds.find_pause, self._find_now_ns()
        # The check `keywords` is a safeguard with a name of its own.
        return find_pause(CHECK_PREFIX + check, now_ns) or (find_pause(KEYWORDS, now_ns) if check == KEYWORDS else None)

    def find_severity(self, event: Kind) -> int | None:
        """Return the severity that an event leaves with, or None if it may not leave.

        This is the gate: an event that is not about the agent leaves only if a rule of the signed policy matches it
        at this moment, or is cleared by it, or a table of the policy asks for it; a sealed flag only if the policy
        switches keywords on. What else has to hold for a flag is in `preconditions`.
        """
        if event.leaves is Leaves.ALWAYS:
            return event.severity
        in_force = self._in_force
        if in_force is None:
            return None
        if event.leaves is Leaves.SEALED:
            return event.severity if in_force.policy.keywords.enabled else None
        matches = in_force.evaluator.match(event.kind, event)
        severity = max((match.rule.severity for match in matches), default=None)
        if severity is None and in_force.evaluator.clears(event.kind, event):
            severity = event.severity
        if event.leaves is Leaves.ON_MATCH:
            return severity
        return (severity or event.severity) if in_force.policy.find_reason(event.asked_in) else None

    def describe(self, event: Kind) -> str:
        """Return which rules name an event and as which program; empty for none. There are only so many answers."""
        in_force = self._in_force
        if in_force is None or event.leaves is Leaves.ALWAYS:
            return ""
        evaluator = in_force.evaluator
        named = (*evaluator.match(event.kind, event), *evaluator.clears(event.kind, event))
        return " ".join(f"{match.rule.id}/{match.program}" for match in named)

    def _find_now_ns(self) -> int:
        """Return the time, or 0 if our clock is known to be wrong: that excuses nothing, whoever set it."""
        return self._wall_ns() if abs(self.find_clock_offset_ns()) <= CLOCK_IS_TRUSTED_NS else 0

    def _open(self, bundle: Bundle) -> InForce:
        policy = open_bundle(
            bundle,
            self._identity.policy_verifier,
            school_id=self._identity.school_id,
            minimum_version=self.version,
            current_sha256=self._in_force.sha256 if self._in_force else None,
        )
        return InForce(policy, Evaluator(policy, self.find_moment), sha256_of(bundle))
