# SPDX-License-Identifier: Apache-2.0
"""The security of a Linux machine, from files and from the kernel: each question has a module of its own beside this.

What is built is read without starting a program. rpm, flatpak and snap updates, ZFS and hardware encryption are not
seen; what is not seen is not known, and said so.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from agent.system.linux.posture.accounts import read_accounts
from agent.system.linux.posture.antivirus import read_antivirus
from agent.system.linux.posture.disks import read_encryption
from agent.system.linux.posture.files import SystemFiles
from agent.system.linux.posture.firewall import read_firewall
from agent.system.linux.posture.netfilter import Chain, list_chains
from agent.system.linux.posture.support import read_supported_until
from agent.system.linux.posture.updates import UpdateReader
from agent.system.posture import Antivirus, Encryption, Firewall, LocalAccounts, PostureReader, Updates


class LinuxPosture(PostureReader):
    """Answers for the system below one root folder; the packet filter is that of the running kernel."""

    def __init__(self, root: Path = Path("/"), *, chains: Callable[[], Sequence[Chain]] = list_chains) -> None:
        """`chains` asks the kernel for its rules."""
        self._files = SystemFiles(root)
        self._chains = chains
        self._updates = UpdateReader(self._files)

    def disk_encryption(self) -> Encryption:
        """Return which of the mounted volumes are encrypted.

        Raises:
            NotKnownError: that cannot be told.
        """
        return read_encryption(self._files)

    def antivirus(self) -> tuple[Antivirus, ...]:
        """Return the protections that are installed.

        Raises:
            NotKnownError: that cannot be told.
        """
        return read_antivirus(self._files)

    def firewall(self) -> Firewall:
        """Return what the kernel's rules let in.

        Raises:
            NotKnownError: that cannot be told.
        """
        return read_firewall(self._files, self._chains)

    def pending_updates(self) -> Updates:
        """Return the security updates that apt knows of.

        Raises:
            NotKnownError: that cannot be told.
        """
        return self._updates.read()

    def supported_until(self) -> str:
        """Return the last day with security updates for this release.

        Raises:
            NotKnownError: that cannot be told.
        """
        return read_supported_until(self._files)

    def local_accounts(self) -> LocalAccounts:
        """Return the accounts in the machine's own lists.

        Raises:
            NotKnownError: that cannot be told.
        """
        return read_accounts(self._files)
