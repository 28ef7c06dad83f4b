# SPDX-License-Identifier: Apache-2.0
"""Where an agent keeps its things, and its limits. What to watch for comes from the signed policy, not from here."""

from dataclasses import dataclass
from pathlib import Path

AGENT_VERSION = "0.1.0"
"""Written here because reading package metadata at run time costs six megabytes; a test compares the two."""

CHECKS = (
    "software",
    "usb_storage",
    "idle_lock",
    "keywords",
    "downloads",
    "posture",
    "accounts",
    "traffic",
    "hardware",
)
"""The checks that run, in order."""


@dataclass(frozen=True, slots=True)
class Config:
    """The state folder and the limits."""

    state: Path
    """Holds identity/, spool/, policy/, readers/, checks/ and status.json."""
    spool_max_bytes: int = 64 * 1024 * 1024
    """About 200,000 events: weeks without a collector."""
    status_every_s: float = 5.0
    """A third of the age at which `status` no longer takes it for life."""

    @property
    def spool_file(self) -> Path:
        """The queue."""
        return self.state / "spool" / "spool.db"

    @property
    def policy_file(self) -> Path:
        """The signed policy in force."""
        return self.state / "policy" / "bundle.bin"

    @property
    def readers_file(self) -> Path:
        """Who reads flags, as the safeguarding root signed it."""
        return self.state / "readers" / "readers.json"

    @property
    def pin_file(self) -> Path:
        """Which safeguarding root and which version this identity has come to; with the identity, it is gone."""
        return self.state / "identity" / "safeguarding.json"

    @property
    def checks_folder(self) -> Path:
        """What checks remember over a restart."""
        return self.state / "checks"

    @property
    def status_file(self) -> Path:
        """What `status` shows; written by the running agent."""
        return self.state / "status.json"
