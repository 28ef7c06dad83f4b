# SPDX-License-Identifier: Apache-2.0
"""The files of a system below one root folder, read within limits; what cannot be read is said in words.

They are files that only root can write, so links between them are followed. Files of users are not read here.
"""

import os
from pathlib import Path

from agent.system.linux.files import NotRegularError, load_bytes
from agent.system.posture import NotKnownError

MAX_FILE_BYTES = 1024 * 1024
MAX_NAMES = 20_000


class SystemFiles:
    """Reads by places: paths without the slash in front."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def to_path(self, place: str) -> Path:
        """Return where a place really is."""
        return Path(os.path.realpath(self._root / place.lstrip("/")))

    def find(self, place: str, limit_bytes: int = MAX_FILE_BYTES) -> bytes | None:
        """Return the content of a file, or None if there is no such file.

        Raises:
            NotKnownError: it cannot be read, or is longer than the limit.
        """
        try:
            return load_bytes(self.to_path(place), limit_bytes)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise NotKnownError(f"/{place.lstrip('/')} cannot be read: {_reason(error)}") from error

    def load(self, place: str, limit_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Return the content of a file.

        Raises:
            NotKnownError: there is none, or as for `find`.
        """
        content = self.find(place, limit_bytes)
        if content is None:
            raise NotKnownError(f"there is no /{place.lstrip('/')}")
        return content

    def list_names(self, place: str) -> list[str]:
        """Return what lies in a folder, in order; nothing if there is no such folder.

        Raises:
            NotKnownError: it cannot be read, or holds too much.
        """
        try:
            names = sorted(os.listdir(self.to_path(place)))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError) as error:
            raise NotKnownError(f"/{place.lstrip('/')} cannot be listed: {_reason(error)}") from error
        if len(names) > MAX_NAMES:
            raise NotKnownError(f"/{place.lstrip('/')} holds more than {MAX_NAMES} files")
        return names

    def find_stamp(self, place: str) -> tuple[int, int, int] | None:
        """Return what changes when a file changes, or None if there is none that we can see."""
        try:
            status = os.stat(self.to_path(place))
        except (OSError, ValueError):
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def exists(self, place: str) -> bool:
        """Return whether there is anything at a place.

        Raises:
            NotKnownError: we may not look.
        """
        try:
            os.stat(self.to_path(place))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (OSError, ValueError) as error:
            raise NotKnownError(f"/{place.lstrip('/')} cannot be looked at: {_reason(error)}") from error
        return True


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, NotRegularError):
        return "it is not a regular file of the expected size"
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number else "it has no such name"
