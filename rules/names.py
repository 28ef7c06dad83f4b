# SPDX-License-Identifier: Apache-2.0
"""How names and paths of programs are made comparable, whoever wrote them: a rule, a person or a device.

What a device sends may be of any length and hold any character; here it is cut and folded, never judged.
"""

MAX_CHARACTERS = 4096
"""No path of a real program is longer. What comes after is not compared, so that nobody can make us slow."""

_DELETED = " (deleted)"
"""What Linux puts behind the path of a program whose file is gone."""


def to_name(text: str) -> str:
    """Return the name of a program or package as it is compared: without case, without a trailing `.exe`."""
    return text[:MAX_CHARACTERS].casefold().removesuffix(_DELETED).removesuffix(".exe")


def to_path(text: str) -> str:
    """Return a path as it is compared: without case, with `/` on every system."""
    return text[:MAX_CHARACTERS].casefold().removesuffix(_DELETED).replace("\\", "/")
