# SPDX-License-Identifier: Apache-2.0
"""A machine whose security a test changes: a complete stand-in for what reads it."""

from datetime import UTC, datetime
from typing import TypeVar

from agent.system.posture import (
    Antivirus,
    Encryption,
    Firewall,
    LocalAccount,
    LocalAccounts,
    NotKnownError,
    PendingUpdate,
    PostureReader,
    Updates,
)

T = TypeVar("T")

DAY_NS = 24 * 3600 * 10**9
NOW_NS = int(datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp()) * 10**9
ROOT = LocalAccount("root", is_administrator=True, has_password=False)


class FakePosture(PostureReader):
    """All is well with it until a test says otherwise; a reason in place of an answer is raised."""

    def __init__(self, now_ns: int = NOW_NS) -> None:
        self.disks: Encryption | NotKnownError = Encryption(("luks2",))
        self.protections: tuple[Antivirus, ...] | NotKnownError = (Antivirus("ClamAV", True, now_ns - DAY_NS),)
        self.packets: Firewall | NotKnownError = Firewall(())
        self.updates: Updates | NotKnownError = Updates((), now_ns - DAY_NS, is_automatic=True)
        self.until: str | NotKnownError = "2030-06-30"
        self.accounts: LocalAccounts | NotKnownError = LocalAccounts((ROOT,))
        self.asked: list[str] = []

    def wait_for(self, *packages: str, listed_at_ns: int = NOW_NS) -> None:
        """Have security updates wait."""
        waiting = tuple(PendingUpdate(package, "2.0") for package in packages)
        self.updates = Updates(waiting, listed_at_ns, is_automatic=False)

    def disk_encryption(self) -> Encryption:
        return _answer(self.disks)

    def antivirus(self) -> tuple[Antivirus, ...]:
        return _answer(self.protections)

    def firewall(self) -> Firewall:
        return _answer(self.packets)

    def pending_updates(self) -> Updates:
        self.asked.append("pending_updates")
        return _answer(self.updates)

    def supported_until(self) -> str:
        return _answer(self.until)

    def local_accounts(self) -> LocalAccounts:
        return _answer(self.accounts)


def _answer(value: T | NotKnownError) -> T:
    if isinstance(value, NotKnownError):
        raise value
    return value
