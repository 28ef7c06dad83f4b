# SPDX-License-Identifier: Apache-2.0
"""The opener's own folder on a reader's computer, and what lies in it. Nothing in it is secret in the plain."""

from dataclasses import dataclass
from pathlib import Path

from proto.files import make_private_folder, verify_own_folder

DEFAULT = Path("~/.schoolwarden-open")


@dataclass(frozen=True, slots=True)
class Folder:
    """Where things lie."""

    path: Path

    @property
    def identity(self) -> Path:
        """The reader's identity, under his passphrase."""
        return self.path / "identity.json"

    @property
    def root(self) -> Path:
        """The safeguarding root, sealed to those who may change the set."""
        return self.path / "root.json"

    @property
    def codes(self) -> Path:
        """The codes of a test that goes on, sealed to whoever signs."""
        return self.path / "codes.json"

    @property
    def current_set(self) -> Path:
        """The set that was signed here last."""
        return self.path / "recipients.txt"

    @property
    def recovery(self) -> Path:
        """The public part of the recovery keys."""
        return self.path / "recovery.json"


def open_folder(path: Path) -> Folder:
    """Return the folder, made if it is not there.

    Raises:
        UnsafeFolderError: others can write to it.
        OSError: it cannot be made.
    """
    folder = path.expanduser()
    verify_own_folder(folder)
    make_private_folder(folder)
    return Folder(folder)
