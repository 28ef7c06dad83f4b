# SPDX-License-Identifier: Apache-2.0
"""The policy in force on this machine: the newest bundle that our collector signed, and what it lets leave.

A bundle is taken whole or not at all; one that is older, or not signed by the collector that was pinned at enrolment,
is refused and the one in force stays. Without any, nothing but the agent's own state may leave.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from agent.identity import Identity
from proto.events import Kind, Leaves
from proto.files import write_private
from proto.wire import Bundle
from rules.bundle import open_bundle, sha256_of
from rules.errors import BundleError
from rules.evaluate import Evaluator
from rules.model import Policy


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy, compiled, with where it came from."""

    policy: Policy
    evaluator: Evaluator
    sha256: bytes


class PolicyStore:
    """Holds the policy in force and keeps it over a restart."""

    def __init__(self, path: Path, identity: Identity) -> None:
        self._path = path
        self._identity = identity
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

    def load(self) -> None:
        """Bring the policy of the last run back into force, if it still verifies.

        Raises:
            BundleError: it does not, or cannot be read. None is in force; the collector sends it again.
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

    def find_severity(self, event: Kind) -> int | None:
        """Return the severity that an event leaves with, or None if it may not leave.

        This is the gate: an event that is not about the agent leaves only if a rule of the signed policy matches it
        or a table of the policy asks for it, a sealed flag only if the policy switches keywords on. What else has to
        hold for a flag is in `preconditions`.
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
        if event.leaves is Leaves.ON_MATCH:
            return severity
        return (severity or event.severity) if in_force.policy.find_reason(event.asked_in) else None

    def describe(self, event: Kind) -> str:
        """Return which rules name an event and as which program; empty for none. There are only so many answers."""
        in_force = self._in_force
        if in_force is None or event.leaves is Leaves.ALWAYS:
            return ""
        matches = in_force.evaluator.match(event.kind, event)
        return " ".join(f"{match.rule.id}/{match.program}" for match in matches)

    def _open(self, bundle: Bundle) -> InForce:
        policy = open_bundle(
            bundle,
            self._identity.policy_verifier,
            school_id=self._identity.school_id,
            minimum_version=self.version,
            current_sha256=self._in_force.sha256 if self._in_force else None,
        )
        return InForce(policy, Evaluator(policy), sha256_of(bundle))
