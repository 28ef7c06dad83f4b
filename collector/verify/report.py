# SPDX-License-Identifier: Apache-2.0
"""What verify found: problems in words, and how much of everything it looked at. It checks nothing itself."""

from dataclasses import dataclass, field
from typing import Any

from proto.errors import SchoolwardenError

FAULTS = (SchoolwardenError, AttributeError, OverflowError, TypeError, ValueError)
"""What a row can end with. Not only our own errors: SQLite lets somebody write a text where bytes or a number were."""


@dataclass(slots=True)
class Report:
    """What was found."""

    problems: list[str] = field(default_factory=list)
    devices: int = 0
    envelopes: int = 0
    events: int = 0
    without_content: int = 0
    """Events whose content the device itself could not send any more."""
    erased: int = 0
    """Events whose content was erased here, as a tombstone that verifies says."""
    tombstones: int = 0
    checkpoints: int = 0
    bundles: int = 0
    recipient_sets: int = 0
    trusts: int = 0
    disposals: int = 0
    audit_entries: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def in_words(error: Exception) -> str:
    """Return what was wrong, for people."""
    return error.message if isinstance(error, SchoolwardenError) else "it holds a value that it cannot hold"
