# SPDX-License-Identifier: Apache-2.0
"""The seam between who has an open file and who may look into it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class Parsing(ABC):
    """Looks into open files. One file at a time; safe to call from several threads."""

    @abstractmethod
    def parse(self, what: str, descriptor: int) -> Mapping[str, Any]:
        """Return what the parser of that name finds in an open regular file, as plain JSON values.

        The descriptor stays the caller's and its position is not moved. The values are hostile text within limits.

        Raises:
            ParseError: it is no such thing, it is broken, or it took too much time or memory; says which.
        """

    @abstractmethod
    def close(self) -> None:
        """End the child, if there is one. A later call starts another."""
