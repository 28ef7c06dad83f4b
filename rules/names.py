# SPDX-License-Identifier: Apache-2.0
"""How names and paths of programs are made comparable, whoever wrote them: a rule, a person or a device.

What a device sends may be of any length and hold any character; here it is cut and folded, never judged.
"""

import re
from collections.abc import Callable, Mapping

MAX_CHARACTERS = 4096
"""No path of a real program is longer. What comes after is not compared, so that nobody can make us slow."""

_SEPARATORS = re.compile(r"[-_.]+")
_DELETED = " (deleted)"
"""What Linux puts behind the path of a program whose file is gone."""


def to_name(text: str) -> str:
    """Return the name of a program or package as it is compared: without case, without a trailing `.exe`."""
    return text[:MAX_CHARACTERS].casefold().removesuffix(_DELETED).removesuffix(".exe")


def to_python_package(text: str) -> str:
    """Return the name of a Python package as it is compared: small and capital letters and `-_.` count alike."""
    return _SEPARATORS.sub("-", text[:MAX_CHARACTERS].casefold())


def to_extension_id(text: str) -> str:
    """Return the id of a browser extension as it is compared, out of `Title (id)` or of the id alone.

    The title is what its maker wishes to be called; by the id the browser and the store know it.
    """
    text = text[:MAX_CHARACTERS].casefold()
    return text[text.rfind("(") + 1 : -1] if text.endswith(")") else text


def to_path(text: str) -> str:
    """Return a path as it is compared: without case, with `/` on every system."""
    return text[:MAX_CHARACTERS].casefold().removesuffix(_DELETED).replace("\\", "/")


_FOLDS: Mapping[str, Callable[[str], str]] = {
    "paths": to_path,
    "python_packages": to_python_package,
    "extensions": to_extension_id,
}


def to_comparable(text: str, key: str) -> str:
    """Return a text as it is compared with the entries of one list of a `ProgramPattern`."""
    return _FOLDS.get(key, to_name)(text)
