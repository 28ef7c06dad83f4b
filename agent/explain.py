# SPDX-License-Identifier: Apache-2.0
"""Says exactly what this machine collects, from the same table of event kinds that the code uses.

`PRIVACY.md` has the same rows; a test holds both against `proto.events`.
"""

from dataclasses import dataclass, fields
from typing import Any

from agent.config import CHECKS, NOT_WATCHED_YET
from agent.identity import Identity
from agent.policy import PolicyStore
from agent.system.interface import System
from proto.events import KINDS, Kind, Leaves

NEVER = (
    "what is typed, on screen or in the clipboard",
    "names of people, command lines, documents or web pages",
    "accounts, but for what the path of a program that a rule names may show of one",
    "programs that no rule names, except by name in the software inventory if the policy asks for it",
    "where the machine is",
)


@dataclass(frozen=True, slots=True)
class ExplainedKind:
    """One kind of event."""

    kind: str
    what: str
    fields: tuple[str, ...]
    leaves: str
    now: str
    """Whether it can leave this machine under the policy in force."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that is collected here."""

    school: str
    device: str
    policy: str
    policy_version: int
    inventory_reason: str
    checks: tuple[str, ...]
    kinds: tuple[ExplainedKind, ...]
    never: tuple[str, ...]
    not_watched: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        explained = {field.name: getattr(self, field.name) for field in fields(self)}
        explained["kinds"] = [{field.name: getattr(each, field.name) for field in fields(each)} for each in self.kinds]
        return explained

    def to_text(self) -> str:
        """Return it as a page of plain text."""
        lines = [
            f"This machine is device {self.device} of {self.school}.",
            f"Policy in force: {self.policy}, version {self.policy_version}.",
            f"Checks: {', '.join(self.checks)}.",
            "",
            "What can leave this machine, to the school's own collector and nowhere else:",
        ]
        for each in self.kinds:
            lines += [f"  {each.kind}: {each.what}", f"      holds {', '.join(each.fields)}"]
            lines += [f"      leaves {each.leaves}; now: {each.now}"]
        lines += ["", "Never collected:", *(f"  {each}" for each in self.never)]
        lines += ["", "Not seen on this machine:", *(f"  {each}" for each in self.not_watched)]
        return "\n".join(lines) + "\n"


def explain(identity: Identity, policy: PolicyStore, system: System) -> Explanation:
    """Return what is collected on this machine under the policy in force."""
    in_force = policy.in_force
    return Explanation(
        school=identity.school_name,
        device=identity.device_id,
        policy=in_force.policy.title if in_force else "none: only the agent's own state leaves",
        policy_version=policy.version,
        inventory_reason=in_force.policy.inventory.reason if in_force else "",
        checks=CHECKS,
        kinds=tuple(_explain_kind(cls, policy) for cls in KINDS.values()),
        never=NEVER,
        not_watched=(*NOT_WATCHED_YET, *system.not_watched()),
    )


def _explain_kind(cls: type[Kind], policy: PolicyStore) -> ExplainedKind:
    return ExplainedKind(
        kind=cls.kind,
        what=(cls.__doc__ or "").strip().splitlines()[0],
        fields=tuple(field.name for field in fields(cls)),  # type: ignore[arg-type]
        leaves=cls.leaves.value,
        now=_now(cls, policy),
    )


def _now(cls: type[Kind], policy: PolicyStore) -> str:
    if cls.leaves is Leaves.ALWAYS:
        return "yes"
    in_force = policy.in_force
    if in_force is None:
        return "no, there is no policy"
    if cls.leaves is Leaves.ON_MATCH:
        count = sum(cls.kind in rule.kinds for rule in in_force.policy.rules)
        return f"yes, {count} rules name programs" if count else "no, no rule asks for it"
    inventory = in_force.policy.inventory
    return f"yes: {inventory.reason}" if inventory.ask else "no, the policy does not ask for it"
