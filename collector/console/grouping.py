# SPDX-License-Identifier: Apache-2.0
"""Makes one row of the same thing on many devices: thirty machines with one new program are one row."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from collector.incidents import Incident, IncidentState

STATES = tuple(state.value for state in IncidentState)


@dataclass(frozen=True, slots=True)
class Group:
    """Incidents of one rule with one group key, newest first."""

    members: tuple[Incident, ...]

    @property
    def newest(self) -> Incident:
        """The incident that was seen last; it speaks for all."""
        return self.members[0]

    @property
    def id(self) -> str:
        """Names the group in an address."""
        return hashlib.sha256(f"{self.newest.rule}\0{self.newest.group}".encode()).hexdigest()[:16]

    @property
    def severity(self) -> int:
        """The highest of all."""
        return max(member.severity for member in self.members)

    @property
    def count(self) -> int:
        """How often it was seen on all devices."""
        return sum(member.count for member in self.members)

    @property
    def unconfirmed(self) -> int:
        """How many members are of devices that nobody said to be the school's."""
        return sum(member.is_unconfirmed for member in self.members)

    @property
    def states(self) -> list[tuple[str, int]]:
        """How many members are in which state, those that wait first."""
        counted = [(state, sum(member.state == state for member in self.members)) for state in STATES]
        return [(state, count) for state, count in counted if count]


def group_incidents(incidents: Iterable[Incident]) -> list[Group]:
    """Return the groups of incidents that come newest first, the groups newest first too."""
    groups: dict[tuple[str, str], list[Incident]] = {}
    for incident in incidents:
        groups.setdefault((incident.rule, incident.group), []).append(incident)
    return [Group(tuple(members)) for members in groups.values()]
